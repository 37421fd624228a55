"""The relation program in whole numbers: every method works on this one exact form.

    maximise  sum profit[i, k] A[i, k] - sum_k G_k(n_k) - extra price * extra parents
    with      G_k(n) = sum_{j < n} marginal_k(j),   marginal_k non-decreasing in j

Real data are multiplied by one power of two (`scale`) and rounded once; afterwards nothing is
rounded again. Whole numbers are kept in float64, where all of them below 2**53 are exact and
-inf can mean "forbidden"; the choice of scale keeps every shortest path below 2**52. A column
that holds the unused fine classes and the blocks of further label sources are appended to the
matrix, so that a method sees rows, columns and linear rows only.

Source: docs/relation-step.md, "Whole numbers".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from .errors import ProblemError
from .flow_constraints import Forbid, Pin, StayClose, UnusedAllowed
from .problem import RelationProblem
from .rows import LinearRow, linear_rows
from .side_constraints import CannotLink, ExtraParents, MustLink, SourceTie

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]

TOP_BITS = 40  # largest profit or marginal: 2**40, so 1e9 is kept for values up to 1,000
PATH_BITS = 51  # bound on K * the largest number, so that a path fits a float64 exactly


@dataclass(frozen=True)
class ExtraRule:
    """Whole-number form of `ExtraParents`: `price` (scaled) for each parent beyond the first."""

    budget: int
    per_class: int
    price: int


@dataclass(frozen=True, eq=False)
class IntegerProgram:
    """Whole numbers in float64.

    Attributes
    ----------
    profit : (R, K), whole numbers, -inf where a pair is forbidden
    weight, target : (K,), size cost `weight * (n - target)**2` before scaling
    lower, upper : int (K,), bounds on the column sums
    rows : linear rows that no column can carry; empty for a flow
    extra : rule for several parents, rows below `n_fine` only; None for a flow
    scale : one unit of the affinity in whole numbers, a power of two
    offset : objective of the problem = value / scale + offset
    n_fine, n_coarse : shape of the relation; it is the upper left block of the matrix
    blocks : column ranges of the further label sources
    unused : column of the unused fine classes, or None
    """

    profit: Floats
    weight: Floats
    target: Floats
    lower: Ints
    upper: Ints
    rows: tuple[LinearRow, ...]
    extra: ExtraRule | None
    scale: float
    offset: float
    n_fine: int
    n_coarse: int
    blocks: tuple[tuple[int, int], ...]
    unused: int | None

    @property
    def is_flow(self) -> bool:
        """Whether columns alone couple the rows, so that the exchange graph solves it."""
        return not self.rows and self.extra is None

    @property
    def has_cells(self) -> bool:
        """Whether every row has a cell that is not forbidden."""
        return bool(np.isfinite(self.profit.max(axis=1)).all())

    @property
    def penalty(self) -> float:
        """Price of one unit of violated column bound: above any path without one."""
        return 2.0**50

    @property
    def rounding_bound(self) -> float:
        """How far the whole-number optimum may lie below the real one, in affinity units.

        Each row adds one profit and one marginal per parent, each rounded by at most half a
        unit (0.51 with float64 arithmetic before it), on either side of the comparison.
        """
        parents = self.profit.shape[0] + (self.extra.budget if self.extra else 0)
        return float(2 * 2 * 0.51 * parents / self.scale)

    def marginal(self, sizes: Ints | np.int64, columns: Ints | slice | int = slice(None)) -> Floats:
        """Cost of the next unit in columns that hold `sizes`: `G(n + 1) - G(n)`, scaled."""
        step = self.weight[columns] * (2 * sizes + 1 - 2 * self.target[columns])
        rounded: Floats = np.rint(self.scale * step)
        return rounded

    def size_costs(self, sizes: Ints) -> Ints:
        """`G_k(n_k)` for each column, exact, int64 (K,)."""
        columns = np.repeat(np.arange(len(sizes)), sizes)
        starts = np.cumsum(sizes) - sizes
        steps = np.arange(len(columns)) - np.repeat(starts, sizes)
        totals = np.zeros(len(sizes), dtype=np.int64)
        np.add.at(totals, columns, self.marginal(steps, columns).astype(np.int64))
        return totals

    def objective(self, value: int) -> float:
        """Translate a whole-number value into the problem's units."""
        return value / self.scale + self.offset


def compile_program(problem: RelationProblem) -> IntegerProgram:
    """Scale and round a problem once, with pins, forbids and bounds in place.

    Raises
    ------
    ProblemError
        If the numbers span more than float64 can carry exactly.
    """
    values = _with_prices(problem)
    values, lower, upper, weight, target, blocks = _with_blocks(problem, values)
    extra = problem.constraints.of(ExtraParents)
    tops = np.zeros(len(values)) if extra else _row_tops(values)
    shifted = values - tops[:, None]
    scale = _scale(shifted, weight, target, len(problem.matrix))
    shifted *= scale
    np.rint(shifted, out=shifted)
    return IntegerProgram(
        profit=shifted,
        weight=weight,
        target=target,
        lower=lower,
        upper=upper,
        rows=tuple(linear_rows(problem)),
        extra=_extra_rule(problem, scale),
        scale=scale,
        offset=float(tops.sum()) + _constant(problem, weight, target),
        n_fine=problem.n_fine,
        n_coarse=problem.n_coarse,
        blocks=blocks,
        unused=len(weight) - 1 if problem.constraints.of(UnusedAllowed) else None,
    )


def _with_prices(problem: RelationProblem) -> Floats:
    """Affinity with the prices that belong to single cells, -inf where forbidden."""
    wishes = problem.constraints
    if not len(wishes):
        return problem.matrix
    values = problem.matrix.copy()
    for unused in wishes.of(UnusedAllowed):
        values -= unused.price
    for close in wishes.of(StayClose):
        known = np.flatnonzero(close.parents >= 0)
        values[known, close.parents[known]] += close.price
    values[~_allowed(problem)] = -np.inf
    return values


def _allowed(problem: RelationProblem) -> NDArray[np.bool_]:
    """Pairs that pins and forbids leave open, carried along the links."""
    allowed = np.ones(problem.matrix.shape, dtype=np.bool_)
    single = not problem.constraints.of(ExtraParents)
    for forbid in problem.constraints.of(Forbid):
        allowed[forbid.fine, forbid.coarse] = False
    if not single:
        return allowed
    for pin in problem.constraints.of(Pin):
        allowed[pin.fine, np.arange(problem.n_coarse) != pin.coarse] = False
    while _propagate(problem, allowed):
        pass
    return allowed


def _propagate(problem: RelationProblem, allowed: NDArray[np.bool_]) -> bool:
    """One pass: linked rows share what is open, a settled row closes its column to rivals."""
    before = int(allowed.sum())
    for link in problem.constraints.of(MustLink):
        allowed[link.fine] &= allowed[link.other]
        allowed[link.other] = allowed[link.fine]
    if not problem.constraints.of(UnusedAllowed):
        for split in problem.constraints.of(CannotLink):
            for one, two in ((split.fine, split.other), (split.other, split.fine)):
                if allowed[one].sum() == 1:
                    allowed[two, allowed[one]] = False
    return int(allowed.sum()) < before


def _with_blocks(
    problem: RelationProblem, values: Floats
) -> tuple[Floats, Ints, Ints, Floats, Floats, tuple[tuple[int, int], ...]]:
    """Append the blocks of further sources and the column of the unused fine classes."""
    lower, upper = problem.size_bounds()
    weight, target = problem.column_costs()
    blocks = []
    for tie in problem.constraints.of(SourceTie):
        other = RelationProblem(tie.matrix, tie.balance)
        blocks.append((len(weight), len(weight) + other.n_coarse))
        values = _diagonal(values, other.matrix)
        lower, upper = (
            np.r_[a, b] for a, b in zip((lower, upper), other.size_bounds(), strict=True)
        )
        weight, target = (
            np.r_[a, b] for a, b in zip((weight, target), other.column_costs(), strict=True)
        )
    for unused in problem.constraints.of(UnusedAllowed):
        room = problem.n_fine if unused.at_most is None else unused.at_most
        values = _diagonal(values, np.empty((0, 1)))
        values[: problem.n_fine, -1] = 0.0
        values[[pin.fine for pin in problem.constraints.of(Pin)], -1] = -np.inf
        lower, upper = np.r_[lower, 0], np.r_[upper, min(room, problem.n_fine)]
        weight, target = np.r_[weight, 0.0], np.r_[target, 0.0]
    return values, lower, upper, weight, target, tuple(blocks)


def _diagonal(first: Floats, second: Floats) -> Floats:
    (rows, columns), (more_rows, more_columns) = first.shape, second.shape
    joined = np.full((rows + more_rows, columns + more_columns), -np.inf)
    joined[:rows, :columns] = first
    joined[rows:, columns:] = second
    return joined


def _row_tops(values: Floats) -> Floats:
    """Best entry per row; only differences within a row matter, so it is taken out."""
    tops = values.max(axis=1)
    return np.where(np.isfinite(tops), tops, 0.0)


def _scale(shifted: Floats, weight: Floats, target: Floats, n_fine: int) -> float:
    low = float(shifted.min(initial=0.0, where=np.isfinite(shifted)))
    high = float(shifted.max(initial=0.0))
    step = float((weight * (2 * n_fine + 1 + 2 * target)).max())
    magnitude = max(-low, high, step)
    bits = min(TOP_BITS, PATH_BITS - 3 - int(np.ceil(np.log2(len(weight) + 2))))
    if magnitude == 0.0:
        return 1.0
    exponent = bits - int(np.ceil(np.log2(magnitude)))
    if not -1000 < exponent < 1000:
        raise ProblemError(
            f"affinity: expected magnitudes between 1e-280 and 1e280, found {magnitude:g}; "
            "rescale the affinity and the balance together."
        )
    return float(2.0**exponent)


def _extra_rule(problem: RelationProblem, scale: float) -> ExtraRule | None:
    for extra in problem.constraints.of(ExtraParents):
        used = sum(item.price for item in problem.constraints.of(UnusedAllowed))
        price = round((extra.price - used) * scale)
        return ExtraRule(extra.budget, extra.per_class, price)
    return None


def _constant(problem: RelationProblem, weight: Floats, target: Floats) -> float:
    constant = problem.size_constant() - float((weight * target**2).sum())
    for tie in problem.constraints.of(SourceTie):
        constant += RelationProblem(tie.matrix, tie.balance).size_constant()
    for close in problem.constraints.of(StayClose):
        constant -= close.price * int((close.parents >= 0).sum())
    return constant
