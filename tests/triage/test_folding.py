"""A review is the same however much of it was kept from before."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from falcon_svc.errors import FalconError
from falcon_svc.triage import folding
from falcon_svc.triage.corrections import (
    Correction,
    CorrectionError,
    Label,
    Merge,
    Redo,
    Rename,
    Resolved,
    Split,
    Undo,
)
from falcon_svc.triage.session import Session
from falcon_svc.triage.state import Review
from tests.triage.reviews import write_result


def state(review: Review) -> tuple[object, ...]:
    kept = (review.coarse.tolist(), review.fine.tolist(), review.fixed.tolist())
    return (*kept, tuple(review.classes.values()), review.next_number)


def submit(session: Session, wish: Correction) -> None:
    session.submit([wish], author="a", expected=session.head)


def wander(session: Session, rng: np.random.Generator, steps: int) -> None:
    """Rename, label, undo and redo at random."""
    for step in range(steps):
        numbers = list(session.review.classes)
        class_id = f"c{rng.choice(numbers)}"
        try:
            match rng.integers(5):
                case 0:
                    session.undo(author="a", expected=session.head)
                case 1:
                    session.redo(author="a", expected=session.head)
                case 2:
                    rows = session.review.members(int(class_id[1:]))[:2]
                    samples = tuple(session.review.ids[row] for row in rows)
                    submit(session, Label(class_id=class_id, samples=samples))
                case _:
                    submit(session, Rename(class_id=class_id, name=f"name {step}"))
        except (CorrectionError, ValueError):
            continue  # nothing to take back, or no sample left: as good a step as any


def test_what_is_kept_on_the_way_never_shows(tmp_path: Path, monkeypatch) -> None:
    write_result(tmp_path / "result")
    monkeypatch.setattr(folding, "KEPT_EVERY", 3)
    session = Session(tmp_path / "result")
    for seed in range(6):
        wander(session, np.random.default_rng(seed), 12)
        afresh = Session(tmp_path / "result")  # folds from the result as it came
        assert state(session.review) == state(afresh.review)
        assert session.head == afresh.head
        for count in (0, 5, len(session.log.revisions) - 1):
            assert state(session.at(count).review) == state(afresh.at(count).review)


def test_an_undo_after_many_corrections_applies_only_the_last(tmp_path: Path, monkeypatch) -> None:
    write_result(tmp_path / "result")
    session = Session(tmp_path / "result")
    for number in range(2 * folding.KEPT_EVERY + 5):
        submit(session, Rename(class_id="c0", name=f"name {number}"))
    session.undo(author="a", expected=session.head)
    applied = []
    monkeypatch.setattr(folding, "apply", lambda review, wish: applied.append(wish))
    session.undo(author="a", expected=session.head)
    assert len(applied) == 3


def test_what_follows_an_undo_in_one_request_is_checked_after_it(tmp_path: Path) -> None:
    write_result(tmp_path / "result")
    session = Session(tmp_path / "result")
    submit(session, Merge(class_ids=("c0", "c3")))
    steps = [Undo(), Rename(class_id="c3", name="wren")]
    session.submit(steps, author="a", expected=session.head)
    assert session.review.classes[3].name == "wren"
    assert state(Session(tmp_path / "result").review) == state(session.review)


@pytest.mark.parametrize(
    "steps",
    [
        (Undo(), Rename(class_id="c7", name="wren")),  # c7 is gone with its split
        (Undo(), Redo(), Redo()),
        (Resolved(solution="0" * 64, summary="of nowhere"),),
    ],
)
def test_steps_that_cannot_be_folded_never_reach_the_disk(tmp_path: Path, steps) -> None:
    write_result(tmp_path / "result")
    session = Session(tmp_path / "result")
    part = tuple(session.review.ids[row] for row in session.review.members(0)[:3])
    submit(session, Split(class_id="c0", parts=(part,)))
    before, head = state(session.review), session.head
    with pytest.raises(FalconError):
        session.submit(steps, author="a", expected=head)
    assert state(session.review) == before
    afresh = Session(tmp_path / "result")
    assert (state(afresh.review), afresh.head) == (before, head)
