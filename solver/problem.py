r"""The relation program: which coarse class does each fine class hang on?

    maximise   <P, A> - balance * (sum_k n_k^2 / C - (F / C)^2)
    subject to A binary (F, C), every row sums to 1, every column sum n_k >= 1

P is the affinity, in FALCON the mean predicted probability mass of fine class i inside coarse
class k. Source: FALCON (ICML 2024), equation 14. Place: the noun that all of `solver` speaks
about; knows nothing of methods.

Deviations from the paper, both by request only: a `SizeTarget` replaces the balance term of
its column, and the other constraints add prices and rows.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .constraints import Constraints
from .errors import ProblemError
from .flow_constraints import SizeBounds, SizeTarget, StayClose, UnusedAllowed
from .side_constraints import ExtraParents, SourceTie


@dataclass(frozen=True, eq=False)
class RelationProblem:
    """Affinity, balance and constraints, checked.

    Parameters
    ----------
    affinity : float (F, C)
        What the program maximises; any finite real numbers. Rows are fine classes.
    balance : float >= 0
        Price of uneven column sums, in units of the affinity (`lambda_M` of the paper).
    constraints : Constraints
        Wishes beyond "one parent each, no coarse class empty".

    Raises
    ------
    ProblemError
        If a value is not finite, a shape does not fit, or a constraint names a class that
        does not exist. Contradictory wishes are no error: `solve` answers "infeasible".

    Examples
    --------
    >>> import numpy as np
    >>> from solver import RelationProblem
    >>> problem = RelationProblem(np.array([[0.9, 0.1], [0.8, 0.2], [0.1, 0.7]]), balance=0.1)
    >>> problem.n_fine, problem.n_coarse
    (3, 2)
    """

    affinity: ArrayLike
    balance: float = 0.0
    constraints: Constraints = field(default_factory=Constraints)

    def __post_init__(self) -> None:
        matrix = np.array(self.affinity, dtype=np.float64, order="C")
        _check_affinity(matrix)
        matrix.setflags(write=False)
        object.__setattr__(self, "affinity", matrix)
        if not (np.isfinite(self.balance) and self.balance >= 0):
            raise ProblemError(
                f"balance: expected a finite number >= 0, found {self.balance}; mend the config."
            )
        for item in self.constraints:
            item.check_fits(self.n_fine, self.n_coarse)
        _check_single(self.constraints)

    @property
    def matrix(self) -> NDArray[np.float64]:
        """The affinity, float64 (F, C), read-only."""
        return np.asarray(self.affinity, dtype=np.float64)

    @property
    def n_fine(self) -> int:
        """Number of fine classes F (rows)."""
        return int(self.matrix.shape[0])

    @property
    def n_coarse(self) -> int:
        """Number of coarse classes C (columns)."""
        return int(self.matrix.shape[1])

    @cached_property
    def digest(self) -> str:
        """Hex digest (BLAKE2b, 128 bit) of everything that defines the problem."""
        state = hashlib.blake2b(digest_size=16)
        state.update(f"relation/1 {self.matrix.shape} {float(self.balance)!r}".encode())
        state.update(self.matrix.data)
        for part in self.constraints.canonical():
            state.update(part)
        return state.hexdigest()

    def objective(
        self, relation: NDArray[np.bool_], tied: tuple[NDArray[np.bool_], ...] = ()
    ) -> float:
        """Return the value of a relation, whether it is feasible or not.

        Parameters
        ----------
        relation : bool (F, C)
            Rows are fine classes.
        tied : tuple of bool (F, C2)
            Relations of the `SourceTie` constraints, in their order.

        Returns
        -------
        float
            `<P, A> - sum of size costs - prices`, in units of the affinity, higher is better.
        """
        sizes = relation.sum(axis=0)
        value = float(self.matrix[relation].sum()) - self._size_cost(sizes)
        value -= _prices(self.constraints, relation)
        for tie, other in zip(self.constraints.of(SourceTie), tied, strict=True):
            value += RelationProblem(tie.matrix, tie.balance).objective(other)
        return value

    def column_costs(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return what each column pays: ``weight * (n - target)**2`` for n fine classes.

        Returns
        -------
        weight : float64 (C,)
            Price, >= 0, in units of the affinity.
        target : float64 (C,)
            The number of fine classes that costs nothing.
        """
        weight = np.full(self.n_coarse, self.balance / self.n_coarse)
        target = np.zeros(self.n_coarse)
        for wish in self.constraints.of(SizeTarget):
            weight[wish.coarse], target[wish.coarse] = wish.weight, wish.target
        return weight, target

    def size_constant(self) -> float:
        """Return the constant `balance * (F/C)^2`, less the share of columns with a target.

        Returns
        -------
        float
            What is added to the columns' costs, in units of the affinity.
        """
        kept = self.n_coarse - len(self.constraints.of(SizeTarget))
        return self.balance / self.n_coarse * kept * (self.n_fine / self.n_coarse) ** 2

    def size_bounds(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return how many fine classes each column may have.

        Returns
        -------
        lower : int64 (C,)
            Fewest, >= 0.
        upper : int64 (C,)
            Most, at most F.
        """
        lower = np.ones(self.n_coarse, dtype=np.int64)
        upper = np.full(self.n_coarse, self.n_fine, dtype=np.int64)
        for wish in self.constraints.of(SizeBounds):
            lower[wish.coarse] = wish.at_least
            if wish.at_most is not None:
                upper[wish.coarse] = min(wish.at_most, self.n_fine)
        return lower, upper

    def _size_cost(self, sizes: NDArray[np.int64]) -> float:
        weight, target = self.column_costs()
        return float((weight * (sizes - target) ** 2).sum()) - self.size_constant()


def _prices(constraints: Constraints, relation: NDArray[np.bool_]) -> float:
    parents = relation.sum(axis=1)
    paid = 0.0
    for unused in constraints.of(UnusedAllowed):
        paid += unused.price * int((parents > 0).sum())
    for extra in constraints.of(ExtraParents):
        paid += extra.price * int(np.maximum(parents - 1, 0).sum())
    for close in constraints.of(StayClose):
        known = np.flatnonzero(close.parents >= 0)
        kept = int(relation[known, close.parents[known]].sum())
        paid += close.price * (len(known) - kept)
    return paid


def _check_affinity(matrix: NDArray[np.float64]) -> None:
    if matrix.ndim != 2 or 0 in matrix.shape:
        raise ProblemError(
            f"affinity: expected a matrix (F fine, C coarse) with F, C >= 1, found shape "
            f"{matrix.shape}; pass one row per fine class."
        )
    if not np.isfinite(matrix).all():
        fine, coarse = np.argwhere(~np.isfinite(matrix))[0]
        raise ProblemError(
            f"affinity: expected finite numbers, found {matrix[fine, coarse]} at fine {fine}, "
            f"coarse {coarse}; to rule a pair out use a Forbid constraint."
        )


def _check_single(constraints: Constraints) -> None:
    """Refuse kinds given twice where a second one has no meaning of its own."""
    seen: set[tuple[str, int]] = set()
    for item in constraints:
        if not item.once:
            continue
        key = (type(item).__name__, getattr(item, "coarse", -1))
        if key in seen:
            raise ProblemError(
                f"Constraints: expected at most one {key[0]} (per coarse class, where it names "
                f"one), found a second in {item.id!r}; merge them into one."
            )
        seen.add(key)
