"""Constraints as linear rows `lower <= sum coefficient * A[cell] <= upper` over matrix cells.

Place: between the wishes of `constraints` and the methods: `program` takes the rows that no
column can carry, `explain` takes all of them. Columns beyond C hold further label sources and
the unused fine classes, see `program`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .constraints import Constraint
from .flow_constraints import Forbid, Pin, SizeBounds, StayClose, UnusedAllowed
from .problem import RelationProblem
from .side_constraints import (
    CannotLink,
    ExtraParents,
    GroupBounds,
    MassCapacity,
    MustLink,
    SourceTie,
)

NO_LIMIT = 2**40


@dataclass(frozen=True, eq=False)
class LinearRow:
    """One linear row; `fine`, `coarse` (both int, (m,)) name the cells, `id` the wish."""

    id: str
    fine: NDArray[np.int64]
    coarse: NDArray[np.int64]
    coefficient: NDArray[np.int64]
    lower: int
    upper: int


def linear_rows(problem: RelationProblem) -> Iterator[LinearRow]:
    """Yield the rows of the constraints that masks and column bounds cannot carry."""
    several = bool(problem.constraints.of(ExtraParents))
    for item in problem.constraints:
        if isinstance(item, Pin) and several:
            yield from pair_rows(item)
        elif not isinstance(item, (Pin, Forbid, SizeBounds)):
            yield from wish_rows(problem, item)


def wish_rows(problem: RelationProblem, item: Constraint) -> Iterator[LinearRow]:
    """Yield the rows of one constraint, whatever its kind; prices have none."""
    columns = np.arange(problem.n_coarse)
    if isinstance(item, (Pin, Forbid)):
        yield from pair_rows(item)
    elif isinstance(item, (MustLink, CannotLink)):
        yield from link_rows(item, columns)
    elif isinstance(item, SizeBounds):
        yield _sum(problem, item.id, [item.coarse], item.at_least, item.at_most)
    elif isinstance(item, GroupBounds):
        yield _sum(problem, item.id, item.coarse, item.at_least, item.at_most)
    elif isinstance(item, StayClose) and item.at_most is not None:
        known = np.flatnonzero(item.parents >= 0)
        yield _row(item.id, known, item.parents[known], 1, len(known) - item.at_most, NO_LIMIT)
    elif isinstance(item, MassCapacity):
        yield from capacity_rows(item)
    elif isinstance(item, SourceTie):
        yield from tie_rows(problem, item)


def pair_rows(item: Pin | Forbid) -> Iterator[LinearRow]:
    """Yield `A[i, k] = 1` for a pin, `A[i, k] = 0` for a forbid."""
    value = int(isinstance(item, Pin))
    yield _row(item.id, [item.fine], [item.coarse], 1, value, value)


def link_rows(item: MustLink | CannotLink, columns: NDArray[np.int64]) -> Iterator[LinearRow]:
    """Yield per column `A[i, k] - A[j, k] = 0` (must) or `A[i, k] + A[j, k] <= 1` (cannot)."""
    must = isinstance(item, MustLink)
    sign, limit = (-1, 0) if must else (1, 1)
    for coarse in columns:
        yield _row(item.id, [item.fine, item.other], [coarse, coarse], [1, sign], 0, limit)


def capacity_rows(item: MassCapacity) -> Iterator[LinearRow]:
    """Yield per capped column `sum_i mass_i A[i, k] <= at_most[k]`."""
    mass, caps = np.asarray(item.mass, dtype=np.int64), np.asarray(item.at_most)
    fine = np.arange(len(mass))
    for coarse in np.flatnonzero(caps >= 0):
        yield _row(item.id, fine, np.full(len(mass), coarse), mass, 0, int(caps[coarse]))


def tie_rows(problem: RelationProblem, item: SourceTie) -> Iterator[LinearRow]:
    """Yield `A[i, k] <= sum of A2[i, m] over compatible m`, for each i and k, and the reverse."""
    ties = problem.constraints.of(SourceTie)
    place = ties.index(item)
    first_column = problem.n_coarse + sum(tie.matrix.shape[1] for tie in ties[:place])
    first_row = problem.n_fine * (place + 1)
    first = (0, 0, item.pairs)
    second = (first_row, first_column, item.pairs.T)
    ways = [(first, second)]
    if not problem.constraints.of(UnusedAllowed):  # an unused fine class meets any parent there
        ways.append((second, first))
    for (row, column, pairs), (other_row, other_column, _) in ways:
        for coarse, partners in enumerate(pairs):
            others = other_column + np.flatnonzero(partners)
            signs = np.r_[1, -np.ones(len(others), dtype=np.int64)]
            columns = np.r_[column + coarse, others]
            for fine in range(problem.n_fine):
                rows = np.r_[row + fine, np.full(len(others), other_row + fine)]
                yield _row(item.id, rows, columns, signs, -NO_LIMIT, 0)


def _sum(
    problem: RelationProblem,
    name: str,
    columns: ArrayLike,
    at_least: int,
    at_most: int | None,
) -> LinearRow:
    fine, coarse = np.meshgrid(
        np.arange(problem.n_fine), np.asarray(columns, dtype=np.int64), indexing="ij"
    )
    upper = NO_LIMIT if at_most is None else at_most
    return _row(name, fine.ravel(), coarse.ravel(), 1, at_least, upper)


def _row(
    name: str, fine: ArrayLike, coarse: ArrayLike, coefficient: ArrayLike, lower: int, upper: int
) -> LinearRow:
    rows = np.asarray(fine, dtype=np.int64)
    signs = np.broadcast_to(np.asarray(coefficient, dtype=np.int64), rows.shape)
    return LinearRow(name, rows, np.asarray(coarse, dtype=np.int64), signs, lower, upper)
