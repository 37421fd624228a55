"""Wishes that keep the min-cost-flow structure, but for one cap; proofs in docs/relation-step.md.

Place: beside `side_constraints`, whose wishes no flow can hold.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .constraints import Constraint, frozen, span, within


@dataclass(frozen=True)
class Pin(Constraint):
    """Fine class `fine` hangs on coarse class `coarse`. Stays a flow.

    Parameters
    ----------
    id : str
        Unique within the problem.
    fine : int
        Fine class in [0, F).
    coarse : int
        Coarse class in [0, C).

    Examples
    --------
    >>> import numpy as np
    >>> from solver import Constraints, Pin, RelationProblem, solve
    >>> affinity = np.array([[0.9, 0.1], [0.8, 0.2], [0.1, 0.7]])
    >>> pinned = Constraints((Pin("reviewer-7", 1, 1),))
    >>> solve(RelationProblem(affinity, constraints=pinned)).relation.argmax(1).tolist()
    [0, 1, 1]
    """

    fine: int
    coarse: int

    def words(self) -> str:
        return f"fine {self.fine} hangs on coarse {self.coarse}"

    def holds(self, relation: NDArray[np.bool_]) -> bool:
        return bool(relation[self.fine, self.coarse])


@dataclass(frozen=True)
class Forbid(Constraint):
    """Fine class `fine` never hangs on coarse class `coarse`. Stays a flow.

    Parameters
    ----------
    id : str
        Unique within the problem.
    fine : int
        Fine class in [0, F).
    coarse : int
        Coarse class in [0, C).

    Examples
    --------
    >>> import numpy as np
    >>> from solver import Constraints, Forbid, RelationProblem, solve
    >>> affinity = np.array([[0.9, 0.1], [0.8, 0.2], [0.1, 0.7]])
    >>> never = Constraints((Forbid("no-bird", 0, 0),))
    >>> solve(RelationProblem(affinity, constraints=never)).relation.argmax(1).tolist()
    [1, 0, 1]
    """

    fine: int
    coarse: int

    def words(self) -> str:
        return f"fine {self.fine} never hangs on coarse {self.coarse}"

    def holds(self, relation: NDArray[np.bool_]) -> bool:
        return not relation[self.fine, self.coarse]


@dataclass(frozen=True)
class SizeBounds(Constraint):
    """`at_least <= n_coarse <= at_most`, in place of the default `1 <= n_coarse`. Stays a flow.

    Parameters
    ----------
    id : str
        Unique within the problem.
    coarse : int
        Coarse class in [0, C).
    at_least : int
        Fewest fine classes that hang there, >= 0.
    at_most : int or None
        Most fine classes that hang there, >= 0; None = no cap.

    Examples
    --------
    >>> import numpy as np
    >>> from solver import Constraints, RelationProblem, SizeBounds, solve
    >>> affinity = np.array([[0.9, 0.1]] * 4)
    >>> two = Constraints((SizeBounds("bird", 0, at_most=2),))
    >>> solve(RelationProblem(affinity, constraints=two)).relation.sum(0).tolist()
    [2, 2]
    """

    once = True

    coarse: int
    at_least: int = 1
    at_most: int | None = None

    def _check(self) -> None:
        self._demand(self.at_least >= 0, "at_least >= 0")
        self._demand(self.at_most is None or self.at_most >= self.at_least, "at_most >= at_least")

    def words(self) -> str:
        return f"coarse {self.coarse} has {span(self.at_least, self.at_most)} fine classes"

    def holds(self, relation: NDArray[np.bool_]) -> bool:
        return within(int(relation[:, self.coarse].sum()), self.at_least, self.at_most)


@dataclass(frozen=True)
class SizeTarget(Constraint):
    """Pay `weight * (n_coarse - target)**2` instead of the balance term. Stays a flow.

    Parameters
    ----------
    id : str
        Unique within the problem.
    coarse : int
        Coarse class in [0, C).
    target : float
        The number of fine classes that costs nothing, >= 0; need not be whole.
    weight : float
        Price per squared class count, >= 0, in units of the affinity.

    Examples
    --------
    >>> import numpy as np
    >>> from solver import Constraints, RelationProblem, SizeTarget, solve
    >>> affinity = np.array([[0.6, 0.4]] * 4)
    >>> about_one = Constraints((SizeTarget("bird", 0, target=1.0, weight=1.0),))
    >>> solve(RelationProblem(affinity, constraints=about_one)).relation.sum(0).tolist()
    [1, 3]
    """

    once = True

    coarse: int
    target: float
    weight: float

    def _check(self) -> None:
        self._demand(np.isfinite(self.weight) and self.weight >= 0, "a finite weight >= 0")
        self._demand(np.isfinite(self.target) and self.target >= 0, "a finite target >= 0")


@dataclass(frozen=True)
class UnusedAllowed(Constraint):
    """A fine class may stay without a parent; each used one costs `price`. Stays a flow.

    Parameters
    ----------
    id : str
        Unique within the problem.
    price : float
        Cost of each fine class that is used, >= 0, in units of the affinity.
    at_most : int or None
        Most fine classes that may stay unused, >= 0; None = no cap.

    Examples
    --------
    >>> import numpy as np
    >>> from solver import Constraints, RelationProblem, UnusedAllowed, solve
    >>> affinity = np.array([[0.9, 0.1], [0.1, 0.7], [0.05, 0.05]])
    >>> spare = Constraints((UnusedAllowed("spare", price=0.2),))
    >>> solve(RelationProblem(affinity, constraints=spare)).relation.any(1).tolist()
    [True, True, False]
    """

    once = True

    price: float = 0.0
    at_most: int | None = None

    def _check(self) -> None:
        self._demand(bool(np.isfinite(self.price)), "a finite price")
        self._demand(self.at_most is None or self.at_most >= 0, "at_most >= 0")

    def words(self) -> str:
        return f"at most {self.at_most} fine classes are unused"

    def holds(self, relation: NDArray[np.bool_]) -> bool:
        return within(int((~relation.any(axis=1)).sum()), 0, self.at_most)


@dataclass(frozen=True, eq=False)
class StayClose(Constraint):
    """Keep each fine class at its previous parent: a price per changed row and a hard cap.

    A row has changed if its previous parent is not among its parents. The price keeps the flow; the
    cap `at_most` is a budget row and needs CP-SAT.

    Parameters
    ----------
    id : str
        Unique within the problem.
    previous : int (F,)
        Coarse class of each fine class before, in [0, C); -1 where there was none.
    price : float
        Cost of each changed row, >= 0, in units of the affinity.
    at_most : int or None
        Most rows that may change, >= 0; None = no cap.

    Examples
    --------
    >>> import numpy as np
    >>> from solver import Constraints, RelationProblem, StayClose, solve
    >>> affinity = np.array([[0.9, 0.1], [0.6, 0.4], [0.1, 0.7]])
    >>> calm = Constraints((StayClose("before", previous=[0, 1, 1], price=0.5),))
    >>> solve(RelationProblem(affinity, constraints=calm)).relation.argmax(1).tolist()
    [0, 1, 1]
    """

    once = True

    previous: ArrayLike
    price: float = 0.0
    at_most: int | None = None

    def _check(self) -> None:
        object.__setattr__(self, "previous", frozen(self.previous, np.int64))
        self._demand(bool(np.isfinite(self.price)) and self.price >= 0, "a finite price >= 0")
        self._demand(self.at_most is None or self.at_most >= 0, "at_most >= 0")

    @property
    def parents(self) -> NDArray[np.int64]:
        """Previous parents, int64 (F,), -1 where there is none."""
        return np.asarray(self.previous, dtype=np.int64)

    def check_fits(self, n_fine: int, n_coarse: int) -> None:
        self._demand_shape("previous", self.parents.shape, (n_fine,))
        for parent in (int(self.parents.max()), int(self.parents.min())):
            if parent != -1:
                self._demand_number("previous", parent, n_coarse)

    def words(self) -> str:
        return f"at most {self.at_most} fine classes leave their previous parent"

    def holds(self, relation: NDArray[np.bool_]) -> bool:
        known = np.flatnonzero(self.parents >= 0)
        moved = len(known) - int(relation[known, self.parents[known]].sum())
        return within(moved, 0, self.at_most)
