"""`discover(continue_from=...)` and `falcon discover --continue-from`: a review that goes on."""

from __future__ import annotations

import json

import numpy as np
import pytest

import falcon_svc as falcon
from falcon_svc.cli.main import run
from falcon_svc.errors import ConfigError, InputError
from falcon_svc.triage import corrections as c
from falcon_svc.triage.session import Session
from tests.door.planted import COARSE, vectors

X = vectors()
QUICK = {"n_fine": 4, "epochs": 1}


def npz(path, x, coarse, ids):
    np.savez(path, x=x, coarse=coarse, ids=np.array(ids))
    return path


@pytest.fixture(scope="module")
def reviewed(tmp_path_factory):
    """The first 100 samples, discovered; class c0 is named and accepted."""
    folder = tmp_path_factory.mktemp("reviewed") / "first"
    falcon.discover(X[:100], COARSE[:100], out=folder, **QUICK)
    session = Session(folder)
    steps = [c.Rename(class_id="c0", name="jay"), c.Accept(class_id="c0")]
    session.submit(steps, author="Ada", expected=session.head)
    return folder


def test_grown_data_keep_who_is_who(reviewed, tmp_path):
    falcon.discover(X, COARSE, out=tmp_path / "grown", continue_from=reviewed, **QUICK)
    before, now = Session(reviewed), Session(tmp_path / "grown")
    held = next(one for one in now.review.classes.values() if one.name == "jay")
    assert (held.id, held.status) == ("c0", "accepted")
    assert (now.review.fine[:100][before.review.fine == 0] == 0).all()
    assert (now.ancestry.n_known, now.ancestry.n_new) == (100, 20)
    page = (tmp_path / "grown" / "report.html").read_text()
    assert "Beside the earlier review" in page and "100 samples are known, 20 are new" in page


def test_the_command_line_says_what_became_of_the_classes(reviewed, tmp_path, capsys):
    data = npz(tmp_path / "grown.npz", X, COARSE, [str(i) for i in range(len(X))])
    flags = ["--out", str(tmp_path / "grown"), "--n-fine", "4", "--json"]
    flags += ["--continue-from", str(reviewed), "--keep-classes"]
    assert run(["discover", str(data), *flags]) == 0
    told = json.loads(capsys.readouterr().out)["earlier_review"]
    assert told["n_known"] == 100 and told["n_new"] == 20
    assert {line["what"] for line in told["lineage"]} == {"kept"}
    assert run(["verify", str(tmp_path / "grown")]) == 0
    kept = Session(tmp_path / "grown").review
    assert (kept.fine[:100] == Session(reviewed).review.fine).all()


def test_what_cannot_go_on_is_refused_early(reviewed, tmp_path, capsys):
    with pytest.raises(ConfigError, match="continue_from"):
        falcon.discover(X, COARSE, keep_classes=True, **QUICK)
    with pytest.raises(InputError, match="result directory"):
        falcon.discover(X, COARSE, continue_from=tmp_path, **QUICK)
    ids = [f"x{i}" for i in range(len(X))]
    data = npz(tmp_path / "others.npz", X, COARSE, ids)
    with pytest.raises(InputError, match="none of the 120 sample ids"):
        falcon.discover(data, out=tmp_path / "others", continue_from=reviewed, **QUICK)
    assert not (tmp_path / "others").exists()
    data = npz(tmp_path / "a.npz", X, COARSE, ids)
    for flags in (["--keep-classes"], ["--explore", "--continue-from", str(reviewed)]):
        assert run(["discover", str(data), "--out", str(tmp_path / "a"), *flags]) == 2
        assert "--continue-from" in capsys.readouterr().err
