"""`falcon discover --explore`: what it writes, shows, refuses, and the command it ends with."""

from __future__ import annotations

import json
import shlex

import numpy as np
import pyarrow.csv
import pytest

from tests.cli.conftest import falcon


@pytest.fixture(scope="module")
def explored(requests, tmp_path_factory):
    out = tmp_path_factory.mktemp("explored") / "look"
    return out, falcon("discover", requests, "--explore", "--out", out, "--seed", 2)


def test_it_leaves_the_two_documented_files(explored, requests):
    out, done = explored
    assert done.code == 0, done.err
    assert {path.name for path in out.iterdir()} == {"explore.csv", "explore.json"}
    document = json.loads((out / "explore.json").read_text("utf-8"))
    table = pyarrow.csv.read_csv(out / "explore.csv")
    totals = [option["n_fine"] for option in document["options"]]
    assert table.column_names == ["id", "coarse", *(f"fine_{total}" for total in totals)]
    assert table.num_rows == document["n_samples"] == 180
    assert document["n_fine"] in totals
    for option in document["options"]:
        assert sum(option["n_fine_per_coarse"].values()) == option["n_fine"]
        fine = table.column(f"fine_{option['n_fine']}").to_numpy()
        assert fine.min() >= 0 and fine.max() < option["n_fine"]
        own = dict.fromkeys(zip(fine.tolist(), table.column("coarse").to_pylist(), strict=True))
        assert len(own) == len(np.unique(fine))  # every fine class lies in one coarse class


def test_it_shows_a_column_per_total_and_ends_with_a_command_that_runs(explored, tmp_path):
    out, done = explored
    document = json.loads((out / "explore.json").read_text("utf-8"))
    assert f"{document['n_fine']}*" in done.out and "banking" in done.out
    words = shlex.split(done.out.strip().splitlines()[-1].partition("--n-fine: ")[2])
    assert words[:2] == ["falcon", "discover"]
    assert words[-2:] == ["--n-fine", str(document["n_fine"])]
    assert words[words.index("--seed") + 1] == "2"
    words[words.index("--out") + 1] = str(tmp_path / "run")
    assert falcon(*words[1:], "--quiet").code == 0
    assert (tmp_path / "run" / "report.html").exists()


def test_json_is_the_document(requests, explored, tmp_path):
    done = falcon("discover", requests, "--explore", "--out", tmp_path / "a", "--seed", 2, "--json")
    document = json.loads((explored[0] / "explore.json").read_text("utf-8"))
    document.pop("files")
    assert done.json == {"out": str(tmp_path / "a"), **document}


@pytest.mark.parametrize(
    ("flag", "value", "sentence"),
    [("--n-fine", 9, "still open was expected"), ("--resume", None, "--explore or --resume")],
)
def test_what_leaves_nothing_to_explore_is_refused(requests, tmp_path, flag, value, sentence):
    extra = [flag] if value is None else [flag, value]
    done = falcon("discover", requests, "--explore", "--out", tmp_path / "a", *extra)
    assert done.code == 2 and sentence in done.err
    assert not (tmp_path / "a").exists()


def test_it_never_replaces_a_result(requests, result):
    done = falcon("discover", requests, "--explore", "--out", result)
    assert done.code == 2 and "is no part of one" in done.err
    assert (result / "discovery.json").exists()
