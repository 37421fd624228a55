"""Every bad input: exit code 2, one sentence on stderr, nothing written, never a traceback."""

from __future__ import annotations

import json
import signal
import zipfile

import numpy as np
import pytest

from falcon_svc.cli.main import run
from tests.cli.conftest import falcon


def refused(*arguments: object) -> str:
    """Return the sentence of a refusal."""
    done = falcon(*arguments)
    assert (done.code, done.out) == (2, ""), done
    assert done.err.startswith("error: "), done.err
    assert done.err.count("\n") == 1, done.err
    return done.err


def discovered(path, tmp_path, *flags: object) -> str:
    sentence = refused("discover", path, "--out", tmp_path / "out", *flags, "--quiet")
    assert not (tmp_path / "out").exists()
    assert not (tmp_path / ".out.work").exists()
    return sentence


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (("--n-fine", "2"), "n_fine = 2"),
        (("--n-fine", "181"), "n_fine = 181"),
        (("--n-fine", "many"), "'many'"),
        (("--n-fine", "-3"), "'-3'"),
        (("--n-fine", "0"), "n_fine"),
        (("--seed", "-1"), "seed"),
        (("--seed", "one"), "--seed"),
        (("--device", "tpu"), "tpu"),
        (("--encoder", "pixels"), "pixels"),
        (("--coarse-column", "genus"), "genus"),
        (("--label-source", "habitat"), "NAME=COLUMN"),
        (("--label-source", "a=coarse", "--label-source", "a=fine"), "twice"),
        (("--label-source", "a=nowhere"), "nowhere"),
        (("--config", "/nowhere.toml"), "/nowhere.toml"),
        (("--frobnicate",), "--frobnicate"),
    ],
)
def test_a_bad_flag_is_named(requests, tmp_path, flags, words):
    assert words in discovered(requests, tmp_path, *flags)


@pytest.mark.parametrize(
    ("toml", "words"),
    [
        ("[train]\nepoch = 3\n", "train.epoch"),
        ("[trian]\nepochs = 3\n", "trian"),
        ("train = 3\n", "train"),
        ("[train]\nepochs = -1\n", "-1"),
        ("[train]\nlearning_rate = nan\n", "learning_rate"),
        ("seed = \n", "TOML"),
        ("[counts]\nn_fine_per_coarse = { banking = [4, 2] }\n", "banking"),
    ],
)
def test_a_bad_setting_is_named(requests, tmp_path, toml, words):
    (tmp_path / "falcon.toml").write_text(toml)
    assert words in discovered(requests, tmp_path, "--config", tmp_path / "falcon.toml")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"banking": 0}', "'banking'"),
        ('{"banking": 2.0}', "2.0"),
        ('{"banking": true}', "true"),
        ('{"banking": [1]}', "[1]"),
        ('{"banking": [4, 2]}', "banking"),
        ('{"banking": 61}', "60 samples"),
        ('{"mammal": 3}', "'mammal'"),
        ('{"banking": 3, "banking": 4}', "twice"),
        ("[3, 4]", "list"),
        ("{", "cannot read"),
        ("[" * 100_000, "cannot read"),
    ],
)
def test_bad_counts_are_named(requests, tmp_path, text, words):
    (tmp_path / "counts.json").write_text(text)
    assert words in discovered(requests, tmp_path, "--n-fine-per-coarse", tmp_path / "counts.json")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda a: a["x"].__setitem__((7, 0), np.nan), "row 7"),
        (lambda a: a["x"].__setitem__((7, 0), np.inf), "row 7"),
        (lambda a: a.update(coarse=a["coarse"][:-1]), "179"),
        (lambda a: a.update(coarse=np.full(180, "")), "coarse"),
        (lambda a: a.update(x=a["x"][0]), "shape"),
        (lambda a: a.update(coarse=a["coarse"].astype(object)), "object"),
        (lambda a: a.pop("x"), "'x'"),
    ],
)
def test_bad_data_are_named(rewritten, tmp_path, change, words):
    assert words in discovered(rewritten(change), tmp_path)


def test_a_truncated_file_is_refused(requests, tmp_path):
    path = tmp_path / "cut.npz"
    path.write_bytes(requests.read_bytes()[:5000])
    discovered(path, tmp_path)


def test_a_zip_that_climbs_out_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "images.zip", "w") as archive:
        archive.writestr("../bird/1.png", b"x")
    discovered(tmp_path / "images.zip", tmp_path)


def test_a_missing_file_is_refused(tmp_path):
    assert "nothing.npz" in discovered(tmp_path / "nothing.npz", tmp_path)


def test_a_directory_with_other_things_is_kept(requests, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.tex").write_text("ten years of work")
    sentence = refused("discover", requests, "--out", tmp_path / "out")
    assert "thesis.tex" in sentence
    assert (tmp_path / "out" / "thesis.tex").read_text() == "ten years of work"


def test_the_directory_is_judged_before_the_data_are_read(tmp_path):
    (tmp_path / "out").write_text("a file")
    assert "is a file" in refused("discover", tmp_path / "no.npz", "--out", tmp_path / "out")


def test_json_tells_errors_by_code(tmp_path):
    done = falcon("discover", tmp_path / "no.npz", "--out", tmp_path / "out", "--json")
    assert done.code == 2
    assert done.json["error"]["code"] == "not_found"
    assert done.json["error"]["message"] in done.err


def test_evaluate_refuses_a_directory_that_is_no_result(requests, tmp_path):
    assert "discovery.json" in refused("evaluate", tmp_path, "--truth", requests)


def test_evaluate_refuses_truth_without_fine_labels(rewritten, result):
    assert "fine" in refused("evaluate", result, "--truth", rewritten(lambda a: a.pop("fine")))


def test_predict_refuses_other_dimensions(rewritten, result, tmp_path):
    path = rewritten(lambda a: a.update(x=a["x"][:, :5]))
    assert "64 numbers" in refused("predict", result, path, "--out", tmp_path / "p.csv")


def test_predict_refuses_other_file_types(requests, result, tmp_path):
    assert ".parquet or .csv" in refused("predict", result, requests, "--out", tmp_path / "p.xls")


def test_an_interrupted_run_says_how_to_go_on(requests, tmp_path, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("falcon_svc.pipeline.discover.discover_to", interrupted)
    done = falcon("discover", requests, "--out", tmp_path / "out")
    assert done.code == 128 + signal.SIGINT
    assert "--resume" in done.err
    assert "Traceback" not in done.err


def test_a_full_disk_is_one_sentence(requests, tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("falcon_svc.pipeline.discover.discover_to", full)
    assert "disk is full" in refused("discover", requests, "--out", tmp_path / "out", "--quiet")


def test_a_bug_of_ours_stays_a_traceback(requests, tmp_path, monkeypatch):
    def broken(*_, **__):
        raise ZeroDivisionError

    monkeypatch.setattr("falcon_svc.pipeline.discover.discover_to", broken)
    with pytest.raises(ZeroDivisionError):
        run(["discover", str(requests), "--out", str(tmp_path / "out"), "--quiet"])


def test_validate_exits_with_1_on_errors_in_the_data(rewritten):
    path = rewritten(lambda a: a["x"].__setitem__((slice(3, 6), 0), np.nan))
    done = falcon("validate", path)
    assert done.code == 1
    assert done.err == ""
    assert [line for line in done.out.splitlines() if line.startswith("error: row")][2].startswith(
        "error: row 5"
    )
    listed = falcon("validate", path, "--json")
    assert listed.code == 1
    assert [problem["row"] for problem in json.loads(listed.out)["problems"]] == [3, 4, 5]


def test_validate_exits_with_2_on_what_is_no_data_set(tmp_path):
    assert "no.npz" in refused("validate", tmp_path / "no.npz")
