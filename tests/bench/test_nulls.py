"""False positive rates: counted per coarse class, added up over sets, failures as results."""

from __future__ import annotations

import json

import numpy as np
import pytest

from falcon_svc.bench import nulls
from falcon_svc.bench.made_sets import KINDS
from falcon_svc.bench.methods import Answer, Method
from falcon_svc.errors import ConfigError
from tests.bench.sets import save_separated


def splits_the_first(data, seed):
    """One fine class too many in the first coarse class, two in the second on seed 1."""
    counts = data.true_counts.copy()
    counts[0] += 1
    counts[1] += 2 * seed
    said = ("clear", *["weak"] * (len(counts) - 1))
    return Answer(data.dataset.coarse.labels, counts, verdicts=said)


def fails(data, seed):
    raise ValueError("too tiny")


@pytest.fixture
def path(tmp_path, monkeypatch):
    ours, bad = Method("ours", {"defaults": splits_the_first}), Method("b", {"": fails})
    monkeypatch.setattr(nulls, "METHODS", {"auto": ours, "bad": bad})
    return str(save_separated(tmp_path / "a.npz"))


def test_splits_are_counted_over_coarse_classes_seeds_and_sets(path, tmp_path):
    out = tmp_path / "n.json"
    sets = [path, f"{path}@thin=0"]
    table = nulls.run(sets, kinds=["gaussian", "skewed"], seeds=(0, 1), json_path=out)
    document = json.loads(out.read_text("utf-8"))
    rows = document["rows"]
    assert [row["set"] for row in rows] == ["a", "a", "a (thin=0)", "a (thin=0)", *["all sets"] * 2]
    assert rows[0] | {"set": ""} == {
        **{"set": "", "kind": "gaussian", "method": "auto", "failure": None},
        **{"n_coarse": 6, "n_split": 3, "n_fine": 10, "share_split": 0.5},
        **{"verdicts": {"clear": 2, "weak": 4}},
    }
    assert (rows[-1]["n_coarse"], rows[-1]["n_split"], rows[-1]["share_split"]) == (12, 6, 0.5)
    assert document["seeds"] == [0, 1] and "python" in document["versions"]
    assert "| all sets | skewed | ours | 12 | 6 | 50.0 % | 20 | 33.3 % | 66.7 % | 0.0 % |" in table


def test_all_kinds_run_unless_some_are_named(path):
    table = nulls.run([path])
    assert [line.split("|")[2].strip() for line in table.splitlines()[2:]] == 2 * list(KINDS)


def test_a_failure_is_stated_and_counts_for_nothing(path):
    table = nulls.run([path], kinds=["uniform"], methods=["auto", "bad"])
    assert "| a | uniform | b |  |  |  | failed: ValueError: too tiny |  |  |  |" in table
    assert "| all sets | uniform | ours | 3 | 1 | 33.3 % | 4 |" in table
    assert "| all sets | uniform | b |" not in table


@pytest.mark.parametrize(
    ("asked", "words"),
    [({"kinds": ["cauchy"]}, "kinds among single"), ({"methods": ["magic"]}, "methods among auto")],
)
def test_unknown_words_are_one_sentence(path, asked, words):
    with pytest.raises(ConfigError, match=words):
        nulls.run([path], **asked)


def test_main_prints_the_table(path, capsys):
    assert nulls.main([path, "--kinds", "single", "--seeds", "0", "--quiet"]) == 0
    printed = capsys.readouterr()
    assert "| a | single | ours | 6 | 1 | 16.7 % | 7 |" in printed.out
    assert printed.err == ""


@pytest.mark.slow
def test_what_is_told_nothing_really_runs(tmp_path):
    path = str(save_separated(tmp_path / "a.npz"))
    table = nulls.run([path], kinds=["gaussian"], methods=["no-split", "auto"])
    assert "| a | gaussian | no split | 3 | 0 | 0.0 % | 3 |  |  |  |" in table
    assert "| a | gaussian | ours, auto | 3 |" in table


def test_every_row_adds_up():
    row = nulls.Row("a", "single", "auto", n_coarse=4, n_split=1, n_fine=6)
    assert row.share_split == 0.25 and nulls.Row("a", "single", "auto").share_split is None
    assert np.isclose(nulls._together([row, row])[0].share_split, 0.25)
