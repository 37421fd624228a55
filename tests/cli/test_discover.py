"""`falcon discover`, `evaluate`, `predict` on real requests, from file to file."""

from __future__ import annotations

import hashlib
import json
import time
from types import SimpleNamespace

import numpy as np
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from falcon_svc.cli import runs, summary
from falcon_svc.pipeline import discover as pipeline
from falcon_svc.report import sections
from falcon_svc.result.files import write_discovery
from falcon_svc.result.predictor import Predictor
from tests.cli.conftest import falcon

FILES = {
    "discovery.json", "assignments.parquet", "arrays.safetensors", "graph.json", "graph.graphml",
    "features.npy", "samples.parquet", "model.safetensors", "model.json", "relation.0.npz",
    "report.html", "run.jsonl",
}  # fmt: skip
SUMMARY_KEYS = {
    "wall_seconds", "n_fine_runner_up",
    "out", "report", "n_samples", "n_fine", "n_fine_interval", "coarse", "seed", "seconds",
    "peak_rss_bytes",
}  # fmt: skip
COARSE_KEYS = {
    "name", "n_samples", "n_fine", "low", "high", "origin", "verdict", "sizes", "classes",
    "mean_confidence",
}  # fmt: skip


def config_of(directory):
    return json.loads((directory / "discovery.json").read_text())["config"]


def test_a_result_directory_holds_the_documented_files(result):
    assert {path.name for path in result.iterdir()} == FILES
    assert not list(result.parent.glob(".*"))  # no work directory is left


def test_json_has_its_documented_keys_and_adds_up(requests, tmp_path):
    done = falcon("discover", requests, "--out", tmp_path / "a", "--n-fine", "9", "--json")
    assert done.code == 0
    assert set(done.json) == SUMMARY_KEYS
    assert all(set(record) == COARSE_KEYS for record in done.json["coarse"])
    assert sum(record["n_fine"] for record in done.json["coarse"]) == done.json["n_fine"] == 9
    assert sum(sum(record["sizes"]) for record in done.json["coarse"]) == 180
    assert [record["name"] for record in done.json["coarse"]] == ["banking", "travel", "work"]


def test_the_time_that_is_printed_holds_loading_and_writing(requests, tmp_path, monkeypatch):
    """By a clock of our own: 70 s went by before the command began, and 500 s go into writing."""
    now = {"s": time.monotonic() + 70}

    def write(*arguments, **given):
        now["s"] += 500
        return write_discovery(*arguments, **given)

    clock = SimpleNamespace(monotonic=lambda: now["s"])
    monkeypatch.setattr(pipeline, "write_discovery", write)
    monkeypatch.setattr(summary, "time", clock)
    monkeypatch.setattr(sections, "time", clock)
    began = time.monotonic()
    monkeypatch.setattr(summary, "BEGAN", began)
    monkeypatch.setattr(runs, "BEGAN", began)
    done = falcon("discover", requests, "--out", tmp_path / "a", "--n-fine", 9, "--json")
    assert done.json["wall_seconds"] == pytest.approx(570, abs=1)
    page = (tmp_path / "a" / "report.html").read_text("utf-8")
    assert "<dt>time until this page</dt><dd>70 s</dd>" in page


def test_progress_goes_to_stderr_and_the_table_to_stdout(requests, tmp_path):
    done = falcon("discover", requests, "--out", tmp_path / "a", "--n-fine", 9)
    assert "head" in done.err
    assert "samples/s" in done.err
    assert "banking" in done.out
    assert "report: " in done.out
    assert "samples/s" not in done.out


def test_the_same_seed_gives_the_same_bytes(requests, result, tmp_path):
    falcon("discover", requests, "--out", tmp_path / "a", "--n-fine", 9, "--quiet")
    first, again = ((d / "assignments.parquet").read_bytes() for d in (result, tmp_path / "a"))
    assert hashlib.sha256(first).hexdigest() == hashlib.sha256(again).hexdigest()


def test_flags_override_the_file_and_the_file_the_defaults(requests, tmp_path):
    config = tmp_path / "falcon.toml"
    config.write_text("seed = 5\n[counts]\nn_fine = 6\n[train]\nepochs = 3\n")
    falcon(
        "discover", requests, "--out", tmp_path / "a", "--config", config, "--seed", 7, "--quiet"
    )
    found = config_of(tmp_path / "a")
    assert (found["seed"], found["counts"]["n_fine"], found["train"]["epochs"]) == (7, 6, 3)
    assert found["train"]["batch_size"] == 1024  # a default, though its table was given in part


def test_counts_per_coarse_class_are_kept(requests, tmp_path):
    counts = tmp_path / "counts.json"
    counts.write_text(json.dumps({"banking": 3, "travel": [2, 4], "work": 2}))
    out = tmp_path / "a"
    done = falcon(
        "discover", requests, "--out", out, "--n-fine-per-coarse", counts, "--json", "--quiet"
    )
    found = {record["name"]: record for record in done.json["coarse"]}
    assert (found["banking"]["n_fine"], found["work"]["n_fine"]) == (3, 2)
    assert 2 <= found["travel"]["n_fine"] <= 4


def test_evaluate_prints_every_figure_as_json(requests, result):
    done = falcon("evaluate", result, "--truth", requests)
    wanted = {"acc", "ari", "nmi", "macro_acc", "coarse_acc", "relation_edge_acc", "n_fine", "ged"}
    assert wanted <= set(done.json)
    assert done.json["acc"] > 0.8
    assert "fine ids are arbitrary" in done.json["ged"]["note"]


def test_evaluate_judges_the_samples_that_have_truth(rewritten, result):
    def forget(arrays):
        arrays["fine"] = np.where(np.arange(180) % 3 == 0, arrays["fine"], -1)

    figures = falcon("evaluate", result, "--truth", rewritten(forget)).json
    assert (figures["n_samples"], figures["n_judged"]) == (180, 60)
    assert figures["acc"] > 0.8
    assert figures["notes"] == []


def test_evaluate_remembers_where_the_ids_come_from(rewritten, tmp_path):
    settings = tmp_path / "s.toml"
    settings.write_text('[data]\nid_column = "barcode"\nscale = "standard"\n')
    path = rewritten(lambda a: a.update(barcode=np.array([f"BC{i:03d}" for i in range(180)])))
    out = tmp_path / "found"
    flags = ("--n-fine", 9, "--config", settings, "--quiet")
    assert falcon("discover", path, "--out", out, *flags).code == 0
    assert falcon("evaluate", out, "--truth", path).json["n_judged"] == 180
    truth = tmp_path / "truth.csv"
    with np.load(path, allow_pickle=False) as data:
        pairs = zip(data["barcode"][::-1], data["fine"][::-1], strict=True)
        truth.write_text("\n".join(["nr,kind", *(f"{b},{f}" for b, f in pairs)]) + "\n")
    named = ("--id-column", "nr", "--fine-column", "kind")
    same = falcon("evaluate", out, "--truth", truth, *named).json
    assert same["acc"] == falcon("evaluate", out, "--truth", path).json["acc"]
    refused = falcon("evaluate", out, "--truth", truth, "--fine-column", "kind")
    assert refused.code == 2
    assert "'barcode'" in refused.err


def test_predict_scales_new_columns_as_the_discovery_did(rewritten, tmp_path):
    settings = tmp_path / "s.toml"
    settings.write_text('[data]\nscale = "robust"\n')
    path = rewritten(lambda a: a.update(x=a["x"] * np.float32(1000) + np.float32(5)))
    out = tmp_path / "found"
    flags = ("--n-fine", 9, "--config", settings, "--quiet")
    assert falcon("discover", path, "--out", out, *flags).code == 0
    assert falcon("predict", out, path, "--out", tmp_path / "p.parquet").code == 0
    found = pq.read_table(out / "assignments.parquet")["fine"].to_pylist()
    assert pq.read_table(tmp_path / "p.parquet")["fine"].to_pylist() == found
    with np.load(path, allow_pickle=False) as data:
        served = Predictor.load(out).predict(data["x"], data["coarse"].tolist())
    assert served.fine.tolist() == found


def test_predict_agrees_with_the_discovery_on_its_own_samples(requests, result, tmp_path):
    done = falcon("predict", result, requests, "--out", tmp_path / "p.parquet")
    assert done.code == 0
    assert "180 samples" in done.out
    predicted = pq.read_table(tmp_path / "p.parquet")
    found = pq.read_table(result / "assignments.parquet")
    np.testing.assert_array_equal(predicted["fine"], found["fine"])


def test_predict_writes_csv(requests, result, tmp_path):
    assert falcon("predict", result, requests, "--out", tmp_path / "p.csv", "--quiet").code == 0
    assert pyarrow.csv.read_csv(tmp_path / "p.csv").num_rows == 180


def test_further_label_sources_get_their_own_relation(rewritten, tmp_path):
    path = rewritten(lambda a: a.update(channel=np.where(a["fine"] % 2, "app", "phone")))
    out = tmp_path / "a"
    flags = ("--label-source", "channel=channel", "--coarse-column", "coarse", "--n-fine", 9)
    assert falcon("discover", path, "--out", out, *flags, "--quiet").code == 0
    document = json.loads((out / "discovery.json").read_text())
    assert [relation["source"] for relation in document["relations"]] == ["coarse", "channel"]
