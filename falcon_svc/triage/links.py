"""Links between samples, kept to the letter after the head has placed every sample.

Samples that belong together (union-find) go where they are most probable together, and those that
do not into different classes, such that all linked samples together are as probable as can be (an
integer program where the most probable classes of each alone do not do). None leaves its coarse
label, its place by hand, or goes where a person took it out: what cannot hold together is told.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from falcon_svc.triage.classes import ordered
from falcon_svc.triage.head import Placed
from falcon_svc.triage.relation import ContradictionError
from falcon_svc.triage.state import Review
from falcon_svc.types import IntArray

Link = tuple[int, int, bool]
Scores = NDArray[np.float64]
MOST = 5
"""Links listed in a refusal."""


def check_links(review: Review) -> None:
    """Raise ContradictionError where links contradict each other or what was placed by hand."""
    group = _groups(review.links, len(review.ids))
    for a, b, together in review.links:
        if not together and group.get(a, a) == group.get(b, b) and a in group:
            raise ContradictionError(
                [
                    f"{review.ids[a]!r} and {review.ids[b]!r} do not belong together",
                    "other links tie them together",
                ]
            )
    for rows in _members(group):
        placed = sorted({int(review.fine[row]) for row in rows if review.fixed[row]})
        if len(placed) > 1:
            first, second = (next(r for r in rows if _is(review, r, c)) for c in placed[:2])
            raise ContradictionError(
                [
                    f"{review.ids[first]!r} and {review.ids[second]!r} belong together",
                    f"the first was placed in {review.classes[placed[0]].name!r} by hand",
                    f"the second was placed in {review.classes[placed[1]].name!r} by hand",
                ]
            )
    for a, b, together in review.links:
        if (
            not together
            and review.fixed[a]
            and review.fixed[b]
            and review.fine[a] == review.fine[b]
        ):
            raise ContradictionError(
                [
                    f"{review.ids[a]!r} and {review.ids[b]!r} do not belong together",
                    f"both were placed in {review.classes[int(review.fine[a])].name!r} by hand",
                ]
            )


def keep_links(placed: Placed, review: Review, log_prob: Scores) -> Placed:
    """Return where samples go once links are kept, most probably all in all.

    Parameters
    ----------
    placed : Placed
        Stays as it is; samples placed by hand are where they were put.
    review : Review
    log_prob : float (S, F)
        Of the rows of `linked_rows`: log-probability of every class, -inf where the sample may
        not be: outside of its coarse label, where it was taken out, and beside a place by hand.

    Raises
    ------
    ContradictionError
        The classes open to linked samples do not allow it; in the reviewer's words.
    """
    rows = linked_rows(review.links)
    group = _groups(review.links, len(review.ids))
    names = {row: group.get(row, -1 - row) for row in rows.tolist()}
    label, of = np.unique([names[row] for row in rows.tolist()], return_inverse=True)
    score = np.zeros((len(label), log_prob.shape[1]))
    np.add.at(score, of, log_prob)
    for one in np.flatnonzero(np.isneginf(score).all(axis=1)).tolist():
        raise ContradictionError(_nowhere(review, rows[of == one], log_prob[of == one]))
    place = {row: int(g) for row, g in zip(rows.tolist(), of, strict=True)}
    apart = {ordered(place[a], place[b]) for a, b, together in review.links if not together}
    chosen = _best(score, sorted(apart))
    if chosen is None:
        raise ContradictionError(_too_few(review))
    return _moved(placed, rows, chosen[of], log_prob)


def linked_rows(links: Iterable[Link]) -> IntArray:
    """Return the rows (S,) of the samples in links, ascending."""
    return np.unique(np.array([link[:2] for link in links], np.int64).ravel())


def _best(score: Scores, apart: list[tuple[int, int]]) -> IntArray | None:
    """Return the class (G,) of each group, apart where told, of the largest sum of scores (G, F).

    Groups that hang together by links and whose best classes alone are not apart are chosen for by
    an integer program; None if there is no choice.
    """
    best: IntArray = score.argmax(axis=1)
    clash = [a for a, b in apart if best[a] == best[b]]
    if not clash:
        return best
    links = coo_array((np.ones(len(apart)), tuple(np.transpose(apart))), shape=2 * (len(score),))
    part = connected_components(links, directed=False)[1]
    inside = np.flatnonzero(np.isin(part, part[clash]))
    place = {group: i for i, group in enumerate(inside.tolist())}
    pairs = [(place[a], place[b]) for a, b in apart if a in place]
    chosen = _program(score[inside], pairs)
    if chosen is None:
        return None
    best[inside] = chosen
    return best


def _program(score: Scores, apart: list[tuple[int, int]]) -> IntArray | None:
    """Return what `_best` does, of all groups by one integer program."""
    group, column = np.nonzero(np.isfinite(score))
    every = np.arange(len(group))
    once = coo_array((np.ones(len(group)), (group, every)), shape=(len(score), len(group)))
    place = {cell: i for i, cell in enumerate(zip(group.tolist(), column.tolist(), strict=True))}
    pairs = [
        (place[a, c], place[b, c])
        for a, b in apart
        for c in range(score.shape[1])
        if (a, c) in place and (b, c) in place
    ]
    both = coo_array(
        (np.ones(2 * len(pairs)), (np.repeat(np.arange(len(pairs)), 2), np.ravel(pairs))),
        shape=(len(pairs), len(group)),
    )
    limits = [LinearConstraint(once, 1, 1), LinearConstraint(both, -np.inf, 1)]
    found = milp(-score[group, column], integrality=1, bounds=Bounds(0, 1), constraints=limits)
    if found.x is None:
        return None
    chosen = np.empty(len(score), np.int64)
    chosen[group[found.x > 0.5]] = column[found.x > 0.5]
    return chosen


def _moved(placed: Placed, rows: IntArray, fine: IntArray, log_prob: Scores) -> Placed:
    """Return the placement with `rows` in `fine`; what they would be alone is the runner-up."""
    other = fine != placed.fine[rows]
    moved, copies = rows[other], {k: v.copy() for k, v in vars(placed).items()}
    copies["runner_up"][moved], copies["rival"][moved] = (
        placed.fine[moved],
        placed.confidence[moved],
    )
    copies["fine"][moved] = fine[other]
    copies["confidence"][moved] = np.exp(log_prob[other, fine[other]])
    return Placed(**copies)


def _nowhere(review: Review, rows: IntArray, log_prob: Scores) -> list[str]:
    """Say why samples that belong together have no class in common: two of them if two tell it."""
    ids, may = [review.ids[row] for row in rows.tolist()], np.isfinite(log_prob)
    clash = np.argwhere(~(may[:, None] & may[None]).any(axis=2))
    chosen = clash[0].tolist() if len(clash) else range(len(rows))
    named = " and ".join(repr(ids[i]) for i in chosen)
    return [f"{named} belong together", *(_said_of(review, int(rows[i])) for i in chosen)]


def _said_of(review: Review, row: int) -> str:
    who, coarse = repr(review.ids[row]), int(review.coarse[row])
    if review.fixed[row]:
        return f"{who} was placed in {review.classes[int(review.fine[row])].name!r} by hand"
    label = f"has the coarse label {review.coarse_names[coarse]!r}" if coarse >= 0 else ""
    out = [
        repr(review.classes[number].name)
        for number in sorted(review.excluded.get(row, ()))
        if number in review.classes
    ]
    taken = f"was taken out of {' and '.join(out)}" if out else ""
    return f"{who} {' and '.join(filter(None, (label, taken))) or 'has no coarse label'}"


def _too_few(review: Review) -> list[str]:
    pairs = [(a, b) for a, b, together in review.links if not together]
    words = [
        f"{review.ids[a]!r} and {review.ids[b]!r} do not belong together" for a, b in pairs[:MOST]
    ]
    more = [f"{len(pairs) - MOST:,} more such links"] if len(pairs) > MOST else []
    return [*words, *more, "the classes open to them are too few"]


def _groups(links: Iterable[Link], n: int) -> dict[int, int]:
    """Row -> its group, for rows that are linked with another."""
    together = np.array([link[:2] for link in links if link[2]], np.int64).reshape(-1, 2)
    rows, place = np.unique(together, return_inverse=True)
    place = place.reshape(-1, 2)
    graph = coo_array((np.ones(len(place)), (place[:, 0], place[:, 1])), shape=(len(rows),) * 2)
    if not len(rows):
        return {}
    _, label = connected_components(graph, directed=False)
    return dict(zip(rows.tolist(), label.tolist(), strict=True))


def _members(group: dict[int, int]) -> list[list[int]]:
    members: dict[int, list[int]] = {}
    for row, label in group.items():
        members.setdefault(label, []).append(row)
    return list(members.values())


def _is(review: Review, row: int, number: int) -> bool:
    return bool(review.fixed[row]) and int(review.fine[row]) == number
