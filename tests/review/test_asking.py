"""The queue is ranked anew after each correction, beside whoever asks where that takes long."""

from __future__ import annotations

import threading

import pytest

from falcon_svc.review import asking
from falcon_svc.review.asking import Asking
from falcon_svc.triage import corrections as c
from falcon_svc.triage.session import Session
from tests.triage.reviews import write_result


@pytest.fixture
def session(tmp_path):
    write_result(tmp_path / "result", n_coarse=2, n_fine=8, per_fine=20)
    return Session(tmp_path / "result")


def correct(session, *wishes):
    session.submit(list(wishes), author="Ada", expected=session.head)


def classes_of(question):
    return {question[part]["class_id"] for part in asking.MAIN if part in question}


def test_a_quick_ranking_is_made_at_once(session, monkeypatch):
    monkeypatch.setattr(asking, "QUICK_S", 1e9)
    queue = Asking(session)
    first = queue.questions(500)
    assert first["fresh"] and first["total"] == len(first["questions"])
    correct(session, c.Rename(class_id="c0", name="jay"))
    assert "'jay'" in str(queue.questions(500)) and queue.questions(1)["fresh"]


def test_a_slow_one_gives_what_no_correction_is_about_and_follows(session, monkeypatch):
    monkeypatch.setattr(asking, "QUICK_S", -1.0)
    queue = Asking(session)
    before = queue.questions(500)["questions"]
    pair = next(one for one in before if one["kind"] == "same")
    ids = [pair["first"]["class_id"], pair["second"]["class_id"]]
    correct(session, c.Merge(class_ids=tuple(ids)))
    now = queue.questions(500)
    assert not now["fresh"] and 0 < now["total"] < len(before)
    assert all(one in before and not classes_of(one) & set(ids) for one in now["questions"])
    queue.wait()
    after = queue.questions(500)
    assert after["fresh"]
    assert ids[1] not in {name for one in after["questions"] for name in classes_of(one)}
    assert after["questions"] == Asking(session).questions(500)["questions"]


def test_a_ranking_of_an_older_head_is_followed_by_the_next(session, monkeypatch):
    monkeypatch.setattr(asking, "QUICK_S", -1.0)
    queue = Asking(session)
    queue.questions(1)
    for number in range(3):
        correct(session, c.Rename(class_id=f"c{number}", name=f"name {number}"))
        queue.questions(1)
    for _ in range(2):  # at most one is under way for an older head
        queue.wait()
        if queue.questions(1)["fresh"]:
            break
    assert queue.questions(1)["fresh"]


def test_nobody_waits_long_for_the_first_ranking(session, monkeypatch):
    monkeypatch.setattr(asking, "PATIENCE_S", 0.0)
    go, rank = threading.Event(), Asking._rank
    monkeypatch.setattr(Asking, "_rank", lambda self, work: go.wait() and rank(self, work))
    queue = Asking(session)
    assert queue.questions(20) == {"total": 0, "questions": [], "fresh": False}
    go.set()
    queue.wait()
    assert queue.questions(20)["fresh"] and queue.questions(20)["total"] > 0


def test_a_ranking_that_failed_says_so_to_whoever_asks(session, monkeypatch):
    def broken(self, scene, most):
        raise ZeroDivisionError

    monkeypatch.setattr(asking.Queue, "questions", broken)
    queue = Asking(session)
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            queue.questions(20)
