"""A review of a new run that goes on from an earlier review: who is who, and what was said stays.

Two ways, over the same or grown data:

* **Matched.** The new run's classes are taken, each with the identity of the earlier class that it
  overlaps with (`identity`). What a person settled stays: samples placed by hand, and the known
  samples of accepted classes.
* **Kept.** The earlier classes stay as they are: new samples join them, and those that fit none
  are proposed as new classes (`intake`).

Names, approvals, colours, wishes and corrected coarse labels carry over in both (`carried`), and a
sample never leaves its coarse class.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from falcon_svc.result.ancestry import Ancestry, Inherited
from falcon_svc.result.record import Discovery
from falcon_svc.triage.carried import carried, known_rows, settled
from falcon_svc.triage.classes import ReviewClass
from falcon_svc.triage.corrections import Continued, CorrectionError
from falcon_svc.triage.folding import first_placement
from falcon_svc.triage.identity import free_name, lineage_of, matched, overlaps
from falcon_svc.triage.intake import drift_of, take_in
from falcon_svc.triage.near import near_rows
from falcon_svc.triage.resolve import looked_at
from falcon_svc.triage.revisions import ROOT, Revision, RevisionLog
from falcon_svc.triage.session import REVISIONS, SOLUTIONS, Session
from falcon_svc.triage.solutions import Placement
from falcon_svc.triage.starts import Start, save_start
from falcon_svc.triage.state import Review
from falcon_svc.types import FloatArray, IntArray


def continued(
    discovery: Discovery,
    features: FloatArray,
    inputs: FloatArray,
    earlier: Review,
    *,
    head: str,
    keep_classes: bool = False,
) -> Start:
    """Return how the review of a new run goes on from an earlier review.

    Parameters
    ----------
    discovery : Discovery
        The new run.
    features, inputs : float32 (N, D), (N, K)
        Its features, and the head's inputs.
    earlier : Review
    head : str
        Revision of the earlier review, for the record.
    keep_classes : bool
        Whether the earlier classes stay as they are, see this module's docstring.

    Raises
    ------
    InputError
        The two have no samples in common, or the same ids mean other samples.
    """
    start = Review.of(discovery)
    rows = known_rows(earlier, start)
    held = carried(earlier, start, rows)
    if keep_classes:
        review = _kept(held, start, inputs)
        placement = looked_at(review, features, near_rows(inputs, review))
    else:
        review, number_of = _matched(held, start)
        placement = _renumbered(first_placement(discovery), review, number_of)
    known = rows >= 0
    old = np.where(known, earlier.fine[rows], -1)
    ancestry = Ancestry(
        *(head, int(known.sum()), int((~known).sum())),
        lineage_of(
            *(earlier.classes, review.classes, old[known], review.fine[known]),
            sizes=(_sizes(earlier.fine), _sizes(review.fine)),
        ),
        drift_of(review, inputs, known) if (~known).any() else (),
    )
    return Start.of(review, placement, ancestry)


def _matched(held: Review, start: Review) -> tuple[Review, IntArray]:
    """The classes of the new run under their names of before, and (F,) their numbers."""
    found = overlaps(held.fine, start.fine)
    fits = [
        held.classes[a].status != "rejected"
        and bool(set(held.classes[a].parents) & set(start.classes[b].parents))
        for a, b in zip(found.old.tolist(), found.new.tolist(), strict=True)
    ]
    classes, number_of = _identified(held, start, matched(found.only(np.array(fits, np.bool_))))
    accepted = [n for n, one in held.classes.items() if one.status == "accepted"]
    stays = held.fixed | np.isin(held.fine, accepted)
    fine = np.where(stays, held.fine, number_of[start.fine])
    for number in np.unique(held.fine[stays]).tolist():
        classes.setdefault(number, held.classes[number])
    # a sample that nobody settled, with a label that a person changed, waits for the next re-solve
    review = replace(
        held, fine=fine, classes=classes, next_number=max(held.next_number, *number_of + 1)
    )
    return _without_empty(settled(review)), number_of


def _identified(
    held: Review, start: Review, pairs: dict[int, int]
) -> tuple[dict[int, ReviewClass], IntArray]:
    """Classes by number, and the number of every class of the run."""
    classes: dict[int, ReviewClass] = {}
    taken = {held.classes[old].name for old in pairs.values()}
    number_of, fresh = np.empty(len(start.classes), np.int64), held.next_number
    for i, one in start.classes.items():
        if i in pairs:
            before = held.classes[pairs[i]]
            classes[before.number] = replace(before, parents=one.parents, found=i)
            number_of[i] = before.number
            continue
        name = free_name(one.name, taken)
        taken.add(name)
        classes[fresh] = ReviewClass(fresh, name, one.parents, colour=fresh, found=i)
        number_of[i], fresh = fresh, fresh + 1
    return classes, number_of


def _without_empty(review: Review) -> Review:
    """Leave out classes without samples where every parent has another one."""
    sizes = np.bincount(review.fine[review.fine >= 0], minlength=review.next_number)
    full = [held for n, held in review.classes.items() if sizes[n]]
    covered = {q for held in full for q in held.parents}
    kept = {
        n: held
        for n, held in review.classes.items()
        if sizes[n] or not set(held.parents) <= covered
    }
    return replace(review, classes=kept)


def _kept(held: Review, start: Review, inputs: FloatArray) -> Review:
    """The classes of before, new samples among them, and what is new under new coarse labels."""
    held = _with_coarse_classes(_without_empty(held), start)
    waits = np.zeros(len(held.ids), np.bool_)
    waits[list(held.excluded)] = True  # a person took them out of a class: for the next re-solve
    rows = np.flatnonzero((held.fine < 0) & ~waits)
    found = take_in(held, inputs, rows)
    fine = held.fine.copy()
    fine[rows] = found.fine
    classes = {**held.classes, **{one.number: one for one in found.proposed}}
    following = held.next_number + len(found.proposed)
    return _without_empty(replace(held, fine=fine, classes=classes, next_number=following))


def _with_coarse_classes(held: Review, start: Review) -> Review:
    """Take the new run's classes under coarse classes that no earlier one hangs under."""
    placed = {n for n in np.unique(held.fine).tolist() if n >= 0}
    covered = {q for n in placed for q in held.classes[n].parents}
    fine, classes, fresh = held.fine.copy(), dict(held.classes), held.next_number
    taken = {one.name for one in classes.values()}
    for i, one in start.classes.items():
        if set(one.parents) & covered:
            continue
        name = free_name(one.name, taken)
        taken.add(name)
        fine[(start.fine == i) & (fine < 0)] = fresh
        classes[fresh] = ReviewClass(fresh, name, one.parents, colour=fresh, found=i)
        fresh += 1
    return settled(replace(held, fine=fine, classes=classes, next_number=fresh))


def _renumbered(placement: Placement, review: Review, number_of: IntArray) -> Placement:
    """The run's own placement with the numbers of the review; -1 for classes that are gone."""
    alive = np.zeros(review.next_number + 1, np.bool_)
    alive[list(review.classes)] = True
    numbers = np.append(np.where(alive[number_of], number_of, -1), -1)
    return replace(
        placement,
        fine=numbers[placement.fine],
        runner_up=numbers[placement.runner_up],
        classes=tuple(review.classes.values()),
        next_number=review.next_number,
    )


def _sizes(fine: IntArray) -> IntArray:
    return np.bincount(fine[fine >= 0])


class Heir:
    """Makes a new result go on from the review of an earlier one; handed to `discover_to`.

    Parameters
    ----------
    earlier : Path
        Result directory with the review to go on from.
    keep_classes : bool
        Whether its classes stay as they are.
    author : str
        Who says so.

    Raises
    ------
    InputError, StorageError
        There is no such result, or it is damaged.
    """

    def __init__(self, earlier: Path, *, author: str, keep_classes: bool = False) -> None:
        self._session = Session(earlier)
        self._author, self._keep_classes = author, keep_classes
        self.ancestry: Ancestry | None = None
        """What became of the earlier classes, once it is known."""

    def __call__(self, discovery: Discovery, features: FloatArray, inputs: FloatArray) -> Inherited:
        """Return what becomes of the earlier classes, and what writes the new review."""
        found = continued(
            *(discovery, features, inputs, self._session.review),
            head=self._session.head,
            keep_classes=self._keep_classes,
        )
        self.ancestry = found.ancestry

        def write(folder: Path) -> None:
            log = RevisionLog(folder / REVISIONS)
            log.append([begun(folder, found)], author=self._author, expected=ROOT)

        return Inherited(found.ancestry, write)


def begun(folder: Path, found: Start) -> Continued:
    """Write a continuation into the folder of a review, and return the revision that names it."""
    digest = save_start(folder / SOLUTIONS, found)
    return Continued(solution=digest, summary=found.ancestry.sentence())


def continue_from(
    session: Session,
    earlier: Review,
    *,
    head: str,
    author: str,
    expected: str,
    keep_classes: bool = False,
    reason: str = "",
) -> Revision:
    """Let a review go on from an earlier one; its first revision.

    Parameters
    ----------
    session : Session
        Review of the new result, without corrections.
    earlier : Review
    head : str
        Its revision.
    author, reason : str
        Plain text.
    expected : str
        The head of `session` that was seen.
    keep_classes : bool
        Whether the earlier classes stay as they are.

    Raises
    ------
    CorrectionError
        The review has corrections already.
    InputError
        The two have no samples in common, or the same ids mean other samples.
    StaleRevisionError
        Somebody else was faster.
    """
    if session.corrections_in_force():
        raise CorrectionError(
            "A review goes on from an earlier one before anything else, but this one has "
            "corrections already; undo them first, or discover again with --continue-from."
        )
    found = continued(
        *(session.discovery, session.features, session.inputs, earlier),
        head=head,
        keep_classes=keep_classes,
    )
    step = begun(session.folder, found)
    return session.submit([step], author=author, expected=expected, reason=reason)[0]
