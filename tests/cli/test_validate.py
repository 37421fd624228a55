"""`falcon validate`, the estimate of a run's cost, help and version."""

from __future__ import annotations

import resource
import subprocess
import sys

import pytest

from falcon_svc import __version__
from falcon_svc.pipeline.estimate import estimate_run
from tests.cli.conftest import ROOT, falcon

KEYS = {
    "where", "kind", "n_samples", "n_dims", "sources", "duplicates", "constant_columns", "problems",
    "n_errors", "n_warnings", "ok", "estimate", "notes", "coarse_columns", "id_column", "features",
    "left_out", "columns",
}  # fmt: skip


def test_validate_tells_classes_and_cost(requests):
    done = falcon("validate", requests)
    assert done.code == 0
    assert "180 vectors of 64 dimensions" in done.out
    assert "  banking: 60" in done.out
    assert "GiB" in done.out


def test_validate_json_has_its_documented_keys(requests):
    found = falcon("validate", requests, "--json").json
    assert set(found) == KEYS
    assert found["ok"] is True
    assert found["sources"][0]["classes"] == {"banking": 60, "travel": 60, "work": 60}
    assert set(found["estimate"]) == {"seconds", "peak_bytes"}


@pytest.mark.parametrize("grown", ["n_samples", "n_dims", "n_fine"])
def test_more_of_anything_never_costs_less(grown):
    size = {"n_samples": 1000, "n_dims": 64, "n_fine": 50}
    small = estimate_run(**size, n_coarse=5, kind="vectors")
    large = estimate_run(**(size | {grown: 10 * size[grown]}), n_coarse=5, kind="vectors")
    assert large.seconds >= small.seconds
    assert large.peak_bytes >= small.peak_bytes
    assert large != small


def test_an_unknown_count_costs_more_than_a_known_one():
    size = {"n_samples": 1000, "n_dims": 64, "n_coarse": 5, "kind": "vectors"}
    assert estimate_run(**size, n_fine=None).seconds > estimate_run(**size, n_fine=50).seconds


def test_validate_lists_columns_used_and_left_out_and_warns(tmp_path):
    rows = [f"s{i},{'ab'[i % 2]},{i % 7},{1000 * (i % 5)},{i},note {i}" for i in range(40)]
    path = tmp_path / "t.csv"
    path.write_text("\n".join(["id,label,age,income,serial,remark", *rows]) + "\n")
    lines = falcon("validate", path).out.splitlines()
    assert "label source coarse (column 'label'): 2 classes, 0 samples not labelled" in lines
    assert "ids: 'id'" in lines
    assert "features: 'age', 'income'" in lines
    assert "left out: 'serial' (it counts the rows)" in lines
    assert "left out: 'remark' (text)" in lines
    warnings = [line for line in lines if line.startswith("warning: ")]
    assert "'serial'" in warnings[0] and 'scale = "standard"' in warnings[1]
    found = falcon("validate", path, "--json").json
    assert [note["code"] for note in found["notes"]] == ["row_numbers", "scales"]
    assert found["features"] == ["age", "income"]
    assert found["left_out"] == {"serial": "it counts the rows", "remark": "text"}
    settings = tmp_path / "s.toml"
    settings.write_text('[data]\nscale = "robust"\nignore_columns = ["serial"]\n')
    assert falcon("validate", path, "--json", "--config", settings).json["notes"] == []


def test_validate_prints_names_of_columns_on_one_line(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text('"a\x1b[31m",b,"no\nte",label\n1,2,x,p\n3,5,y,q\n')
    out = falcon("validate", path).out
    assert "\x1b" not in out
    assert "features: 'a\\x1b[31m', 'b'" in out


def test_version_and_help():
    assert falcon("--version").out.split() == ["falcon-svc", __version__]
    assert falcon().out == falcon("--help").out
    for command in ("discover", "validate", "evaluate", "predict", "demo", "bench"):
        assert falcon(command, "--help").code == 0
        assert command in falcon("--help").out


def child_seconds() -> float:
    """CPU seconds of the child processes that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@pytest.mark.slow
def test_the_help_page_answers_at_once():
    """Under half a second of CPU in the best of five: others may keep the machine busy."""
    seconds = []
    for _ in range(5):
        began = child_seconds()
        subprocess.run(
            [sys.executable, "-m", "falcon_svc.cli.main", "--help"],
            cwd=ROOT, check=True, capture_output=True,
        )  # fmt: skip
        seconds.append(child_seconds() - began)
    assert min(seconds) < 0.5


def test_an_encoder_that_is_trained_takes_its_time(requests, tmp_path):
    seconds = []
    for epochs in (0, 60):
        config = tmp_path / f"{epochs}.toml"
        config.write_text(f'[encoder]\nname = "moco"\n[encoder.moco]\nepochs = {epochs}\n')
        told = falcon("validate", requests, "--config", config, "--json").json
        seconds.append(told["estimate"]["seconds"])
    assert seconds[1] > seconds[0]
