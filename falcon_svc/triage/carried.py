"""An earlier review in terms of a new run's samples: what was said carries over by sample id.

Place: under `continuing`. Coarse classes carry over by name. A sample that the earlier review does
not know is in no class yet; a class all of whose coarse classes are gone is gone; a sample whose
coarse label was changed in the data since leaves a class that does not hang there.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from falcon_svc.errors import InputError
from falcon_svc.triage.classes import ReviewClass, Wishes
from falcon_svc.triage.state import Review
from falcon_svc.types import BoolArray, IntArray

LEAST_SAME = 0.5
"""Share of the samples with a known id whose coarse label has to be as it was."""


def known_rows(earlier: Review, start: Review) -> IntArray:
    """Return (N,) the earlier review's row of every sample of a new run, -1 = it has none.

    Raises
    ------
    InputError
        The two have no sample in common, or the same ids mean other samples.
    """
    rows = np.array([earlier.row_of.get(name, -1) for name in start.ids], np.int64)
    known = rows >= 0
    if not known.any():
        raise InputError(
            "A review can go on from one that knows some of its samples, but none of the "
            f"{len(rows):,} sample ids is among the {len(earlier.ids):,} of the earlier review; "
            "give both data sets the same id column."
        )
    same = _named_alike(earlier, start, rows, known)
    if same < LEAST_SAME:
        raise InputError(
            "The ids of both data sets were expected to mean the same samples, but only "
            f"{100 * same:.0f} % of the {int(known.sum()):,} samples with a known id have the "
            "coarse label that they had; row numbers are no ids once rows were reordered, so give "
            "both data sets an id column."
        )
    return rows


def _named_alike(earlier: Review, start: Review, rows: IntArray, known: BoolArray) -> float:
    before = np.array([*earlier.coarse_names, ""])[earlier.given_coarse[rows[known]]]
    now = np.array([*start.coarse_names, ""])[start.given_coarse[known]]
    return float((before == now).mean())


def carried(earlier: Review, start: Review, rows: IntArray) -> Review:
    """Return what an earlier review says of the samples of a new run.

    Parameters
    ----------
    earlier : Review
    start : Review
        The new run's, before anything was said.
    rows : int64 (N,)
        Of `known_rows`.
    """
    coarse = [start.coarse_of.get(name, -1) for name in earlier.coarse_names]
    row_of = {int(old): new for new, old in enumerate(rows.tolist()) if old >= 0}
    classes = _classes(earlier, coarse)
    review = replace(
        start,
        coarse=_coarse(earlier, start, rows, np.array([*coarse, -1], np.int64)),
        fine=_by_row(earlier.fine, rows, -1),
        fixed=_by_row(earlier.fixed, rows, False),
        classes=classes,
        wishes=_wishes(earlier.wishes, classes, coarse),
        links=tuple(
            (row_of[a], row_of[b], together)
            for a, b, together in earlier.links
            if a in row_of and b in row_of
        ),
        excluded=_excluded(earlier, row_of, classes),
        next_number=earlier.next_number,
    )
    return settled(review)


def settled(review: Review) -> Review:
    """Return a review without samples in classes that are gone, or over the wall, or excluded."""
    alive = np.zeros(review.next_number + 1, np.bool_)
    alive[list(review.classes)] = True
    review = replace(review, fine=np.where(alive[review.fine], review.fine, -1))
    fine = review.fine.copy()
    fine[review.breaches()] = -1
    barred = [row for row, out in review.excluded.items() if int(fine[row]) in out]
    fine[barred] = -1
    return replace(review, fine=fine, fixed=review.fixed & (fine >= 0))


def _by_row(values: np.ndarray, rows: IntArray, nothing: int | bool) -> np.ndarray:
    return np.where(rows >= 0, values[rows], nothing)


def _coarse(earlier: Review, start: Review, rows: IntArray, coarse: IntArray) -> IntArray:
    """A label that a person said is wrong stays as corrected; all others are the new data's."""
    said = (rows >= 0) & (earlier.coarse != earlier.given_coarse)[rows]
    corrected = earlier.coarse[rows]
    gone = (corrected >= 0) & (coarse[corrected] < 0)
    return np.where(said & ~gone, coarse[corrected], start.coarse)


def _classes(earlier: Review, coarse: list[int]) -> dict[int, ReviewClass]:
    moved = {
        number: replace(held, parents=_present(held.parents, coarse), found=-1)
        for number, held in earlier.classes.items()
    }
    return {number: held for number, held in moved.items() if held.parents}


def _present(parents: Iterable[int], coarse: list[int]) -> tuple[int, ...]:
    return tuple(sorted(coarse[q] for q in parents if coarse[q] >= 0))


def _wishes(wishes: Wishes, classes: dict[int, ReviewClass], coarse: list[int]) -> Wishes:
    def hung(pairs: tuple[tuple[int, int], ...]) -> tuple[tuple[int, int], ...]:
        return tuple((c, coarse[q]) for c, q in pairs if c in classes and coarse[q] >= 0)

    def both(pairs: Iterable[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
        return tuple(pair for pair in pairs if set(pair) <= set(classes))

    return Wishes(
        pins=hung(wishes.pins),
        forbids=hung(wishes.forbids),
        must=both(wishes.must),
        cannot=both(wishes.cannot),
        apart=frozenset(both(wishes.apart)),
    )


def _excluded(
    earlier: Review, row_of: dict[int, int], classes: dict[int, ReviewClass]
) -> dict[int, frozenset[int]]:
    kept = {
        row_of[row]: frozenset(out & set(classes))
        for row, out in earlier.excluded.items()
        if row in row_of
    }
    return {row: out for row, out in kept.items() if out}
