"""The chain of revisions: append-only, durable, checked, and safe with several writers."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from falcon_svc.errors import InputError, StorageError
from falcon_svc.triage import revisions as module
from falcon_svc.triage.corrections import Accept, CorrectionError, Redo, Rename, Undo
from falcon_svc.triage.revisions import (
    ROOT,
    Revision,
    RevisionLog,
    StaleRevisionError,
    in_force,
)


def rename(i: int) -> Rename:
    return Rename(class_id=f"c{i}", name=f"name {i}")


@pytest.fixture
def log(tmp_path):
    return RevisionLog(tmp_path / "review" / "revisions.jsonl")


def test_revisions_form_a_chain_and_come_back(log):
    moment = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    first = log.append([rename(1)], author="Ada", expected=ROOT, reason="why", now=lambda: moment)
    second = log.append([rename(2), rename(3)], author="Bob", expected=log.head)
    assert [r.parent for r in (*first, *second)] == [ROOT, first[0].id, second[0].id]
    assert first[0].time == "2026-01-02T03:04:05+00:00"
    assert RevisionLog(log.path).revisions == log.revisions
    assert log.since(first[0].id) == second


def test_a_stale_writer_is_told_what_changed(log):
    other = RevisionLog(log.path)
    log.append([rename(1)], author="Ada", expected=ROOT)
    with pytest.raises(StaleRevisionError, match="Ada") as refused:
        other.append([rename(2)], author="Bob", expected=ROOT)
    assert refused.value.since == tuple(log.revisions)
    other.append([rename(2)], author="Bob", expected=other.head)
    assert [r.author for r in RevisionLog(log.path).revisions] == ["Ada", "Bob"]


def test_an_unknown_head_is_refused(log):
    with pytest.raises(StaleRevisionError, match="not part of this review"):
        log.append([rename(1)], author="Ada", expected="ab" * 32)


@pytest.mark.parametrize("kept", [1, 30, -2, -1])
def test_a_crash_in_the_middle_of_a_line_loses_nothing_before_it(log, kept):
    log.append([rename(1)], author="Ada", expected=ROOT)
    before = log.path.read_bytes()
    log.append([rename(2)], author="Ada", expected=log.head)
    line = log.path.read_bytes()[len(before) :]
    log.path.write_bytes(before + line[:kept])
    again = RevisionLog(log.path)
    assert [r.correction for r in again.revisions] == [rename(1)]
    again.append([rename(3)], author="Bob", expected=again.head)
    found = RevisionLog(log.path).revisions
    assert [r.correction for r in found] == [rename(1), rename(3)]


def test_a_full_disk_takes_nothing(log, monkeypatch):
    log.append([rename(1)], author="Ada", expected=ROOT)
    before = log.path.read_bytes()

    def full(file):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module, "sync_file", full)
    with pytest.raises(StorageError, match="disk is full"):
        log.append([rename(2)], author="Ada", expected=log.head)
    assert log.path.read_bytes() == before
    assert len(log.revisions) == 1


def test_a_changed_line_is_found(log):
    log.append([rename(1), rename(2)], author="Ada", expected=ROOT)
    text = log.path.read_text("utf-8").replace("name 1", "name 9")
    log.path.write_text(text, "utf-8")
    with pytest.raises(StorageError, match="line 1"):
        RevisionLog(log.path)


def test_a_failed_check_appends_nothing(log):
    def fail(fresh):
        raise CorrectionError("no")

    with pytest.raises(CorrectionError):
        log.append([rename(1)], author="Ada", expected=ROOT, check=fail)
    assert not log.revisions
    assert log.path.read_bytes() == b""


@pytest.mark.parametrize("author", ["", "x" * 200, "a\nb"])
def test_an_author_is_a_line_of_text(log, author):
    with pytest.raises(InputError, match="plain text"):
        log.append([rename(1)], author=author, expected=ROOT)


def test_ten_thousand_revisions(log):
    log.append([rename(i) for i in range(10_000)], author="Ada", expected=ROOT)
    again = RevisionLog(log.path)
    assert len(again.revisions) == 10_000
    assert again.head == log.head
    assert len(in_force(again.revisions)) == 10_000
    assert os.path.getsize(log.path) < 5_000_000
    assert json.loads(log.path.read_bytes().splitlines()[-1])["id"] == log.head


def planned(steps) -> list[Revision]:
    return [Revision("", "", "", "", "", step) for step in steps]


def test_undo_and_redo_by_hand():
    a, b, c = rename(1), rename(2), Accept(class_id="c1")
    assert [r.correction for r in in_force(planned([a, b, Undo()]))] == [a]
    assert [r.correction for r in in_force(planned([a, b, Undo(), Redo()]))] == [a, b]
    assert [r.correction for r in in_force(planned([a, b, Undo(), c]))] == [a, c]
    with pytest.raises(CorrectionError, match="nothing to redo"):
        in_force(planned([a, b, Undo(), c, Redo()]))
    with pytest.raises(CorrectionError, match="nothing to undo"):
        in_force(planned([Undo()]))


@given(st.lists(st.sampled_from(["edit", "undo", "redo"]), max_size=30))
def test_undo_and_redo_agree_with_two_stacks(steps):
    done: list[Rename] = []
    undone: list[Rename] = []
    made = []
    for i, step in enumerate(steps):
        if step == "edit":
            done.append(rename(i))
            undone.clear()
            made.append(done[-1])
        elif step == "undo" and done:
            undone.append(done.pop())
            made.append(Undo())
        elif step == "redo" and undone:
            done.append(undone.pop())
            made.append(Redo())
    assert [r.correction for r in in_force(planned(made))] == done
