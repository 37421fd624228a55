"""Wishes that no min-cost flow can hold: CP-SAT solves them on a priced model.

Place: beside `constraints`, whose wishes keep the flow; proofs in docs/relation-step.md.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .constraints import Constraint, frozen, span, within


@dataclass(frozen=True)
class MustLink(Constraint):
    """Fine classes `fine` and `other` have the same parents. Needs CP-SAT (NP-hard).

    Parameters
    ----------
    id : str
        Unique within the problem.
    fine : int
        Fine class in [0, F).
    other : int
        Another fine class in [0, F).

    Examples
    --------
    >>> import numpy as np
    >>> from solver import Constraints, MustLink, RelationProblem, solve
    >>> affinity = np.array([[0.9, 0.1], [0.4, 0.6], [0.1, 0.7]])
    >>> one_kind = Constraints((MustLink("same", 0, 1),))
    >>> solve(RelationProblem(affinity, constraints=one_kind)).relation.argmax(1).tolist()
    [0, 0, 1]
    """

    fine: int
    other: int

    def _check(self) -> None:
        self._demand(self.fine != self.other, "two different fine classes")

    def words(self) -> str:
        return f"fine {self.fine} and {self.other} have the same parent"

    def holds(self, relation: NDArray[np.bool_]) -> bool:
        return bool((relation[self.fine] == relation[self.other]).all())


@dataclass(frozen=True)
class CannotLink(Constraint):
    """Fine classes `fine` and `other` share no parent. Needs CP-SAT (graph colouring).

    Parameters
    ----------
    id : str
        Unique within the problem.
    fine : int
        Fine class in [0, F).
    other : int
        Another fine class in [0, F).

    Examples
    --------
    >>> import numpy as np
    >>> from solver import CannotLink, Constraints, RelationProblem, solve
    >>> affinity = np.array([[0.9, 0.1], [0.8, 0.2], [0.1, 0.7]])
    >>> apart = Constraints((CannotLink("two-kinds", 0, 1),))
    >>> solve(RelationProblem(affinity, constraints=apart)).relation.argmax(1).tolist()
    [0, 1, 1]
    """

    fine: int
    other: int

    def _check(self) -> None:
        self._demand(self.fine != self.other, "two different fine classes")

    def words(self) -> str:
        return f"fine {self.fine} and {self.other} have different parents"

    def holds(self, relation: NDArray[np.bool_]) -> bool:
        return not (relation[self.fine] & relation[self.other]).any()


@dataclass(frozen=True)
class GroupBounds(Constraint):
    """A super-coarse level: bounds on how many fine classes hang in a set of coarse classes.

    Nested (laminar) groups keep the flow structure and so close without search; general ones
    do not. Both are solved by CP-SAT on the priced model.

    Parameters
    ----------
    id : str
        Unique within the problem.
    coarse : tuple of int
        The coarse classes of the group, each in [0, C).
    at_least : int
        Fewest fine classes in the group, >= 0.
    at_most : int or None
        Most fine classes in the group, >= 0; None = no cap.

    Examples
    --------
    >>> import numpy as np
    >>> from solver import Constraints, GroupBounds, RelationProblem, solve
    >>> affinity = np.array([[0.9, 0.5, 0.1]] * 4)
    >>> few = Constraints((GroupBounds("animals", (0, 1), at_most=2),))
    >>> solve(RelationProblem(affinity, constraints=few)).relation.sum(0).tolist()
    [1, 1, 2]
    """

    coarse: tuple[int, ...]
    at_least: int = 0
    at_most: int | None = None

    def _check(self) -> None:
        self._demand(len(set(self.coarse)) == len(self.coarse) > 0, "distinct coarse classes")
        self._demand(self.at_least >= 0, "at_least >= 0")
        self._demand(self.at_most is None or self.at_most >= self.at_least, "at_most >= at_least")

    def words(self) -> str:
        held = span(self.at_least, self.at_most)
        return f"coarse {', '.join(map(str, self.coarse))} together have {held} fine classes"

    def holds(self, relation: NDArray[np.bool_]) -> bool:
        return within(int(relation[:, list(self.coarse)].sum()), self.at_least, self.at_most)


@dataclass(frozen=True)
class ExtraParents(Constraint):
    """Up to `per_class` parents for a fine class, `budget` parents beyond the first in all.

    Each parent beyond the first costs `price`. A flow by structure, solved by CP-SAT on the priced
    model.

    Parameters
    ----------
    id : str
        Unique within the problem.
    budget : int
        Parents beyond the first, over all fine classes, >= 0.
    per_class : int
        Parents of one fine class, >= 1.
    price : float
        Cost of each parent beyond the first, >= 0, in units of the affinity.

    Examples
    --------
    >>> import numpy as np
    >>> from solver import Constraints, ExtraParents, RelationProblem, solve
    >>> affinity = np.array([[0.5, 0.5], [0.9, 0.1], [0.1, 0.9]])
    >>> both = Constraints((ExtraParents("hybrids", budget=1, price=0.2),))
    >>> solve(RelationProblem(affinity, constraints=both)).relation.sum(1).tolist()
    [2, 1, 1]
    """

    once = True

    budget: int
    per_class: int = 2
    price: float = 0.0

    def _check(self) -> None:
        self._demand(self.budget >= 0 and self.per_class >= 1, "budget >= 0 and per_class >= 1")
        self._demand(bool(np.isfinite(self.price)) and self.price >= 0, "a finite price >= 0")

    def words(self) -> str:
        return f"at most {self.budget} parents beyond the first"

    def holds(self, relation: NDArray[np.bool_]) -> bool:
        beyond = np.maximum(relation.sum(axis=1) - 1, 0)
        return within(int(beyond.sum()), 0, self.budget)


@dataclass(frozen=True, eq=False)
class MassCapacity(Constraint):
    """Capacities in samples: the masses under coarse class k sum to at most `at_most[k]`.

    Knapsack rows: needs CP-SAT (NP-hard).

    Parameters
    ----------
    id : str
        Unique within the problem.
    mass : int (F,)
        Samples of each fine class, >= 0.
    at_most : int (C,)
        Most samples under each coarse class; -1 = no cap.

    Examples
    --------
    >>> import numpy as np
    >>> from solver import Constraints, MassCapacity, RelationProblem, solve
    >>> affinity = np.array([[0.9, 0.1], [0.8, 0.2], [0.7, 0.3]])
    >>> room = Constraints((MassCapacity("beds", mass=[30, 20, 10], at_most=[40, -1]),))
    >>> solve(RelationProblem(affinity, constraints=room)).relation.argmax(1).tolist()
    [0, 1, 0]
    """

    mass: ArrayLike
    at_most: ArrayLike

    def _check(self) -> None:
        object.__setattr__(self, "mass", frozen(self.mass, np.int64))
        object.__setattr__(self, "at_most", frozen(self.at_most, np.int64))
        self._demand(bool((np.asarray(self.mass) >= 0).all()), "whole masses >= 0")

    def check_fits(self, n_fine: int, n_coarse: int) -> None:
        self._demand_shape("mass", np.shape(self.mass), (n_fine,))
        self._demand_shape("at_most", np.shape(self.at_most), (n_coarse,))

    def words(self) -> str:
        capped = np.flatnonzero(np.asarray(self.at_most) >= 0)
        return f"sample capacities of coarse {capped.tolist()}"

    def holds(self, relation: NDArray[np.bool_]) -> bool:
        loads, caps = np.asarray(self.mass) @ relation, np.asarray(self.at_most)
        return bool(((caps < 0) | (loads <= caps)).all())


@dataclass(frozen=True, eq=False)
class SourceTie(Constraint):
    """A second label source solved together with the first. Needs CP-SAT (NP-hard).

    Each fine class also gets exactly one parent in that source, and each of its C2 classes at least
    one child. The objective of the tie is added to that of the problem.

    Parameters
    ----------
    id : str
        Unique within the problem.
    affinity : float (F, C2)
        What the second relation maximises; any finite numbers.
    compatible : bool (C, C2)
        Which pairs of parents may meet in one fine class.
    balance : float
        Price of uneven column sums of the second relation, >= 0, in units of the affinity.

    Examples
    --------
    >>> import numpy as np
    >>> from solver import Constraints, RelationProblem, SourceTie, solve
    >>> kind, place = np.array([[0.9, 0.1], [0.2, 0.8]]), np.array([[0.6, 0.4], [0.7, 0.3]])
    >>> tie = Constraints((SourceTie("place", place, compatible=np.eye(2, dtype=bool)),))
    >>> solve(RelationProblem(kind, constraints=tie)).tied[0].argmax(1).tolist()
    [0, 1]
    """

    affinity: ArrayLike
    compatible: ArrayLike
    balance: float = 0.0

    def _check(self) -> None:
        object.__setattr__(self, "affinity", frozen(self.affinity, np.float64))
        object.__setattr__(self, "compatible", frozen(self.compatible, np.bool_))
        self._demand(bool(np.isfinite(self.matrix).all()), "a finite affinity")
        self._demand(bool(np.isfinite(self.balance)) and self.balance >= 0, "a finite balance >= 0")

    @property
    def matrix(self) -> NDArray[np.float64]:
        """Affinity of the second source, float64 (F, C2)."""
        return np.asarray(self.affinity, dtype=np.float64)

    @property
    def pairs(self) -> NDArray[np.bool_]:
        """Compatible pairs of parents, bool (C, C2)."""
        return np.asarray(self.compatible, dtype=np.bool_)

    def check_fits(self, n_fine: int, n_coarse: int) -> None:
        self._demand_shape("affinity rows", self.matrix.shape[:1], (n_fine,))
        self._demand_shape("compatible", self.pairs.shape, (n_coarse, self.matrix.shape[-1]))

    def words(self) -> str:
        return "parents in the second source are compatible"
