"""Links between samples, kept to the letter after the head has placed every sample.

Samples that belong together (union-find) go where they are most probable together, or where one
of them was placed by hand; of two that do not, the less sure one goes to its next best class.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from falcon_svc.triage.head import Placed
from falcon_svc.triage.relation import ContradictionError
from falcon_svc.triage.state import Review
from falcon_svc.types import BoolArray, IntArray

Link = tuple[int, int, bool]


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


def keep_links(placed: Placed, links: Iterable[Link], fixed: BoolArray) -> IntArray:
    """Return where samples go (N,) once links are kept; `placed` stays as it is."""
    links = tuple(links)
    fine = placed.fine.copy()
    for rows in _members(_groups(links, len(fine))):
        members = np.array(rows)
        held = members[fixed[members]]
        fine[members] = fine[held[0]] if len(held) else _joint(placed, members)
    for a, b, together in links:
        if not together and fine[a] == fine[b]:
            loser = b if fixed[a] or placed.confidence[a] >= placed.confidence[b] else a
            other = placed.runner_up[loser]
            fine[loser] = other if other >= 0 and other != fine[loser] else fine[loser]
    return fine


def _joint(placed: Placed, members: IntArray) -> int:
    """The class with the largest summed log-probability among the best two of each."""
    best = np.concatenate([placed.fine[members], placed.runner_up[members]])
    prob = np.concatenate([placed.confidence[members], placed.rival[members]])
    candidates = np.unique(best[best >= 0])
    score = [np.log(np.maximum(prob[best == c], 1e-6)).sum() for c in candidates]
    missing = [len(members) - (best == c).sum() for c in candidates]
    return int(candidates[np.argmax(np.array(score) + np.log(1e-6) * np.array(missing))])


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
