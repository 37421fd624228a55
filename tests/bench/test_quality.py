"""The quality benchmark on a small set: its table, its JSON, and failures as results."""

from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np
import pytest

from falcon_svc.bench import methods, quality
from falcon_svc.bench.methods import Answer, Method
from falcon_svc.bench.set_name import SetName
from falcon_svc.bench.table import Figure
from falcon_svc.discovery.counts.config import CountConfig
from falcon_svc.errors import ConfigError
from falcon_svc.result.record import CountEstimate
from tests.bench.sets import save_separated


def rows_of(path):
    return {row["method"]: row for row in json.loads(path.read_text("utf-8"))["rows"]}


@pytest.fixture(scope="module")
def outcome(tmp_path_factory):
    """Table, document and rows of one run with a baseline and ours."""
    folder = tmp_path_factory.mktemp("quality")
    path, out = save_separated(folder / "a.npz"), folder / "q.json"
    chosen = ["counts", "ward", "kmeans", "paper"]
    table = quality.run([str(path)], seeds=(0, 1), methods=chosen, json_path=out)
    return table, json.loads(out.read_text("utf-8")), rows_of(out)


def test_oracle_kmeans_is_perfect_on_separated_classes(outcome):
    *_, rows = outcome
    assert rows["kmeans"]["figures"]["acc"] == {"mean": 1.0, "std": 0.0, "values": [1.0, 1.0]}
    assert rows["kmeans"]["figures"]["ari"]["mean"] == 1.0


def test_ours_is_perfect_on_separated_classes(outcome):
    *_, rows = outcome
    assert rows["counts"]["failure"] is None
    assert rows["counts"]["figures"]["acc"]["mean"] == 1.0
    assert rows["counts"]["figures"]["n_fine"]["mean"] == 6


def test_heads_report_both_forms_and_baselines_one(outcome):
    *_, rows = outcome
    for name in ("counts", "paper"):
        assert {"acc_unmasked", "ari_unmasked", "macro_acc_unmasked"} <= set(rows[name]["figures"])
    assert set(rows["kmeans"]["figures"]) == {
        *("acc", "ari", "macro_acc", "n_fine", "n_misplaced", "seconds"),
    }


def test_what_is_not_random_runs_once(outcome):
    *_, rows = outcome
    assert len(rows["ward"]["figures"]["acc"]["values"]) == 1


def test_document_says_what_was_run(outcome):
    _, document, _ = outcome
    assert document["seeds"] == [0, 1]
    assert document["sets"][0]["n_fine"] == 6
    assert document["sets"][0]["fine_per_coarse"] == {"least": 1, "most": 3}
    assert "python" in document["versions"]


def test_table_has_a_line_per_method_in_a_fixed_order(outcome):
    table, *_ = outcome
    titles = [line.split("|")[2].strip() for line in table.splitlines()[2:]]
    assert titles == [methods.METHODS[n].title for n in ("kmeans", "ward", "paper", "counts")]


def test_a_failure_is_stated_and_does_not_end_the_run(tmp_path, monkeypatch):
    def fail(data, seed):
        raise ValueError("too | tiny\nmore")

    broken = {"bad": Method("bad one", {"only": fail}), "kmeans": methods.METHODS["kmeans"]}
    monkeypatch.setattr(quality, "METHODS", broken)
    path, out = save_separated(tmp_path / "a.npz"), tmp_path / "q.json"
    table = quality.run([str(path)], seeds=(0,), json_path=out)
    assert "failed: ValueError: too \\| tiny" in table
    assert rows_of(out)["bad"]["failure"] == "ValueError: too | tiny"
    assert rows_of(out)["kmeans"]["figures"]["acc"]["mean"] == 1.0


def test_the_better_variant_is_shown(tmp_path, monkeypatch):
    def answer(fine_of):
        return lambda data, seed: Answer(fine_of(data), data.true_counts)

    worse, better = answer(lambda d: np.zeros_like(d.truth)), answer(lambda d: d.truth)
    method = Method("two", {"worse": worse, "better": better})
    monkeypatch.setattr(quality, "METHODS", {"two": method})
    quality.run([str(save_separated(tmp_path / "a.npz"))], json_path=tmp_path / "q.json")
    row = rows_of(tmp_path / "q.json")["two"]
    assert row["variant"] == "better"
    assert row["variants"]["worse"]["acc"]["mean"] < 1.0


def figures_of(tmp_path, monkeypatch, answer):
    monkeypatch.setattr(quality, "METHODS", {"one": Method("one", {"only": answer})})
    out = tmp_path / "q.json"
    table = quality.run([str(save_separated(tmp_path / "a.npz"))], seeds=(0,), json_path=out)
    return table, {name: f["mean"] for name, f in rows_of(out)["one"]["figures"].items()}


def test_misplaced_classes_are_counted_per_coarse_class(tmp_path, monkeypatch):
    """True counts are 3, 2, 1: a total may be right and its parts wrong."""
    table, figures = figures_of(
        tmp_path, monkeypatch, lambda data, seed: Answer(data.truth, np.array([1, 2, 3]))
    )
    assert (figures["n_fine"], figures["n_misplaced"]) == (6, 4)
    assert "interval_holds" not in figures
    assert "| 6 of 6 | 4 |  |" in table


def test_intervals_are_judged_by_what_they_hold_and_how_wide_they_are(tmp_path, monkeypatch):
    interval = np.array([(3, 3), (1, 5), (2, 4)])
    table, figures = figures_of(
        tmp_path,
        monkeypatch,
        lambda data, seed: Answer(data.truth, np.array([3, 3, 2]), None, interval),
    )
    assert figures["interval_holds"] == pytest.approx(2 / 3)
    assert figures["interval_width"] == pytest.approx(2)
    assert figures["n_misplaced"] == 2
    assert "| 8 of 6 | 2 | 66.7 (width 2.0) |" in table


def test_coarse_classes_without_fine_truth_are_not_judged(tmp_path, monkeypatch):
    path = save_separated(tmp_path / "a.npz")
    (tmp_path / "truth.csv").write_text("id,fine\n" + "".join(f"{i},x\n" for i in range(3)))
    data = SetName.parse(f"{path}@truth=truth.csv").load()
    known = data.has_truth
    answer = Answer(data.truth, np.full(3, 9), None, np.array([(1, 1)] * 3))
    figures = quality._of_counts(data, answer)
    assert figures["n_misplaced"] == 8 * known.sum() and 1 <= known.sum()
    assert figures["interval_holds"] == 1


@pytest.mark.parametrize(
    ("origin", "interval"),
    [("estimated", [[1, 4], [2, 2]]), ("allocated", None), ("given", None)],
)
def test_intervals_are_those_of_an_estimate(origin, interval, monkeypatch):
    fine = np.array([0, 1, 2])
    found = SimpleNamespace(
        assignments=SimpleNamespace(fine=fine, fine_unmasked=fine),
        counts=(CountEstimate(0, 2, 1, 4, origin), CountEstimate(1, 2, 2, 2, origin)),
    )
    monkeypatch.setattr(methods, "discover", lambda *_: SimpleNamespace(discovery=found))
    data = SimpleNamespace(dataset=None)
    answer = methods.ours(lambda _: CountConfig(), data, 0)
    assert answer.counts.tolist() == [2, 2]
    assert (answer.interval if interval is None else answer.interval.tolist()) == interval


@pytest.mark.slow
def test_only_what_was_told_nothing_gives_intervals(tmp_path):
    out, path = tmp_path / "q.json", save_separated(tmp_path / "a.npz")
    quality.run([str(path)], seeds=(0,), methods=["total", "auto"], json_path=out)
    rows = rows_of(out)
    assert 0 <= rows["auto"]["figures"]["interval_holds"]["mean"] <= 1
    assert "interval_holds" not in rows["total"]["figures"]
    assert {"n_misplaced", "macro_acc", "macro_acc_unmasked"} <= set(rows["total"]["figures"])


def test_unknown_methods_are_one_sentence():
    with pytest.raises(ConfigError, match="found magic"):
        quality.run(methods=["magic"])


def test_main_prints_the_table(tmp_path, capsys):
    path = save_separated(tmp_path / "a.npz")
    assert quality.main([str(path), "--methods", "ward", "--seeds", "0", "--quiet"]) == 0
    printed = capsys.readouterr()
    assert "| Ward per class, true counts | 100.0 | 100.0 | 100.0 |" in printed.out
    assert printed.err == ""


def test_figures_are_means_and_sample_deviations():
    assert Figure((0.8, 0.9)).percent() == "85.0 ± 7.1"
    assert Figure((0.8,)).percent() == "80.0"
