"""Re-solves: wishes hold, the wall holds, contradictions come back in words, nothing is lost."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from falcon_svc.errors import StorageError
from falcon_svc.triage import corrections as c
from falcon_svc.triage.edits import apply
from falcon_svc.triage.near import near_rows
from falcon_svc.triage.relation import ContradictionError
from falcon_svc.triage.resolve import CancelledError, resolve
from falcon_svc.triage.revisions import StaleRevisionError
from falcon_svc.triage.session import Session
from tests.discoveries import blobs
from tests.triage.reviews import blob_review, write_result
from tests.triage.test_edits import edits, ids


@pytest.fixture
def session(tmp_path):
    write_result(tmp_path / "result")
    return Session(tmp_path / "result")


def again(review, **kwargs):
    x = blobs()[0]
    return resolve(review, x, near_rows(x, review), epochs=2, **kwargs)


def test_a_settled_review_comes_back_as_it_was(session):
    done = session.resolve(author="Ada", epochs=2)
    assert (done.diff.after.fine == session.review.fine).all()
    assert len(done.diff.moved) < 4
    assert session.head == done.revision.id


def test_what_a_person_placed_stays(session):
    rows = ids(session.review, 0)[:3]
    session.submit([c.Move(samples=rows, class_id="c3")], author="Ada", expected=session.head)
    session.resolve(author="Ada", epochs=2)
    assert (session.review.fine[session.review.rows(rows)] == 3).all()


def test_what_a_person_took_out_stays_out(session):
    rows = ids(session.review, 0)[:3]
    wish = c.Exclude(samples=rows, class_id="c0")
    session.submit([wish], author="Ada", expected=session.head)
    done = session.resolve(author="Ada", epochs=2)
    found = session.review.fine[session.review.rows(rows)]
    assert set(found.tolist()) <= {3, 6}
    assert "It was in no class" in next(done.diff.moves()).reason


def test_a_rejected_class_is_shared_among_its_siblings(session):
    session.submit([c.Reject(class_id="c1")], author="Ada", expected=session.head)
    diff = session.resolve(author="Ada", epochs=2).diff
    assert 1 not in session.review.classes
    assert [change.what for change in diff.classes if change.id == "c1"] == ["died"]
    assert (session.review.fine[session.review.coarse == 1] == 4).all()


def test_a_merge_and_a_split_survive(session):
    part = ids(session.review, 1)[:5]
    steps = [c.Merge(class_ids=("c0", "c3")), c.Split(class_id="c1", parts=(part,))]
    session.submit(steps, author="Ada", expected=session.head)
    session.resolve(author="Ada", epochs=2)
    assert 3 not in session.review.classes
    assert (session.review.fine[session.review.rows(part)] == 7).all()


def test_a_wrong_label_finds_a_class_under_the_right_one(session):
    rows = ids(session.review, 0)
    steps = [
        c.WrongCoarse(samples=rows[:1], coarse="coarse 1"),
        c.WrongCoarse(samples=rows[1:2], coarse=None),
    ]
    session.submit(steps, author="Ada", expected=session.head)
    session.resolve(author="Ada", epochs=2)
    first, second = session.review.fine[session.review.rows(rows[:2])].tolist()
    assert first in (1, 4)
    assert session.review.classes[second].parents != (0,)


def test_a_pin_moves_a_class_and_its_samples_stay_behind_the_wall(session):
    session.submit([c.Pin(class_id="c3", coarse="coarse 1")], author="A", expected=session.head)
    diff = session.resolve(author="A", epochs=2).diff
    assert session.review.classes[3].parents == (1,) if 3 in session.review.classes else True
    assert not len(session.review.breaches())
    assert any("hangs under another" in move.reason or "left without" in move.reason
               for move in diff.moves())  # fmt: skip


def test_contradictions_come_back_minimal_and_in_words(session):
    steps = [
        c.Rename(class_id="c0", name="jay"),
        c.Rename(class_id="c3", name="wren"),
        c.Pin(class_id="c0", coarse="coarse 0"),
        c.MustLink(class_id="c0", other="c3"),
        c.Forbid(class_id="c3", coarse="coarse 0"),
        c.Pin(class_id="c1", coarse="coarse 1"),
    ]
    session.submit(steps, author="Ada", expected=session.head)
    head = session.head
    with pytest.raises(ContradictionError) as refused:
        session.resolve(author="Ada")
    assert sorted(refused.value.wishes) == [
        "'jay' (c0) and 'wren' (c3) hang under the same coarse class",
        "'jay' (c0) hangs under 'coarse 0'",
        "'wren' (c3) never hangs under 'coarse 0'",
    ]
    assert session.head == head


def test_a_placed_sample_speaks_against_a_pin(session):
    steps = [
        c.Label(samples=ids(session.review, 0)[:2], class_id="c0"),
        c.Pin(class_id="c0", coarse="coarse 2"),
    ]
    session.submit(steps, author="Ada", expected=session.head)
    with pytest.raises(ContradictionError, match="by hand") as refused:
        session.resolve(author="Ada")
    assert len(refused.value.wishes) == 2


def test_links_are_kept_to_the_letter(session):
    a, b = ids(session.review, 0)[0], ids(session.review, 3)[0]
    d, e = ids(session.review, 1)[:2]
    steps = [
        c.LinkSamples(sample=a, other=b, together=True),
        c.LinkSamples(sample=d, other=e, together=False),
    ]
    session.submit(steps, author="Ada", expected=session.head)
    session.resolve(author="Ada", epochs=2)
    found = dict(zip(session.review.ids, session.review.fine.tolist(), strict=True))
    assert found[a] == found[b]
    assert found[d] != found[e]


def test_links_that_contradict_are_told(session):
    a, b = ids(session.review, 0)[0], ids(session.review, 3)[0]
    steps = [
        c.Label(samples=(a,), class_id="c0"),
        c.Label(samples=(b,), class_id="c3"),
        c.LinkSamples(sample=a, other=b, together=True),
    ]
    session.submit(steps, author="Ada", expected=session.head)
    with pytest.raises(ContradictionError, match="belong together"):
        session.resolve(author="Ada")


def test_cancelling_changes_nothing(session):
    with pytest.raises(CancelledError):
        session.resolve(author="Ada", cancelled=lambda: True)
    assert session.log.revisions == []


def test_a_correction_in_the_meantime_makes_a_resolve_stale(session):
    other = Session(session.directory)

    def meddle():
        if not other.log.revisions:
            other.submit([c.Accept(class_id="c0")], author="Bob", expected=other.head)
        return False

    with pytest.raises(StaleRevisionError, match="Bob"):
        session.resolve(author="Ada", epochs=1, cancelled=meddle)
    assert session.review.classes[0].status == "accepted"


def test_undo_of_a_resolve_and_reading_it_again(session):
    before = session.review.fine.copy()
    session.submit([c.Reject(class_id="c1")], author="Ada", expected=session.head)
    session.resolve(author="Ada", epochs=1)
    solved = session.review.fine.copy()
    session.undo(author="Ada", expected=session.head)
    assert (session.review.fine == before).all()
    session.redo(author="Ada", expected=session.head)
    assert (Session(session.directory).review.fine == solved).all()
    texts = [entry.text for entry in session.change_log()]
    assert texts[0] == "Rejected c1."
    assert texts[1].startswith("Solved again: ")
    assert texts[2:] == ["Took back the last correction.", "Put back what was taken back last."]


def test_same_seed_same_answer():
    review = blob_review()
    first, second = again(review, seed=3), again(review, seed=3)
    assert (first.placement.fine == second.placement.fine).all()
    assert (first.placement.confidence == second.placement.confidence).all()


@settings(max_examples=12, deadline=None)
@given(st.lists(edits, max_size=12))
def test_parent_is_a_wall_for_resolves_too(sequence):
    review = blob_review()
    for edit in sequence:
        try:
            apply(review, edit)
        except c.CorrectionError:
            continue
    try:
        placement = again(review).placement
    except ContradictionError:
        return
    after = placement.taken_by(review)
    assert not len(after.breaches())
    assert (after.fine >= 0).all()
    fixed = review.fixed & (review.fine >= 0)
    assert np.array_equal(after.fine[fixed], review.fine[fixed])


def test_a_crash_between_answer_and_revision_leaves_the_review_as_it_was(session, monkeypatch):
    session.submit([c.Reject(class_id="c1")], author="Ada", expected=session.head)
    before, head = session.review.fine.copy(), session.head

    def die(*args, **kwargs):
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr(session.log, "append", die)
        with pytest.raises(KeyboardInterrupt):
            session.resolve(author="Ada", epochs=1)
    again = Session(session.directory)
    assert again.head == head
    assert (again.review.fine == before).all()
    again.resolve(author="Ada", epochs=1)
    assert 1 not in again.review.classes


def test_a_damaged_solution_is_told(session):
    session.resolve(author="Ada", epochs=1)
    (path,) = (session.folder / "solutions").iterdir()
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(StorageError, match="not as it was written"):
        Session(session.directory)
