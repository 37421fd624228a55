"""What a reviewer of the classes may ask of the relation, one frozen dataclass per wish.

Place: imported by `problem`, turned into column bounds, profits and linear rows by `program`
and `rows`. Every constraint carries an id of the user's choice, so that an explanation of a
conflict can name it. The wishes here keep the min-cost-flow structure, but for one cap (proofs:
docs/relation-step.md); those of `side_constraints` do not and are solved by CP-SAT.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .errors import ProblemError


@dataclass(frozen=True)
class Constraint:
    """Base of all constraints: an id that is unique within the problem.

    Parameters
    ----------
    id : str
        Unique within the problem; `explain_infeasible` and the prices name constraints by it.

    Examples
    --------
    >>> from solver import Constraint, Pin
    >>> isinstance(Pin("reviewer-7", fine=4, coarse=1), Constraint)
    True
    """

    id: str

    def __post_init__(self) -> None:
        if not self.id or not isinstance(self.id, str):
            raise ProblemError(
                f"{type(self).__name__}: expected a non-empty string id, found {self.id!r}; "
                "name the constraint so that explanations can point at it."
            )
        self._check()

    def _check(self) -> None:
        """Check the fields that need no knowledge of the problem."""

    def _demand(self, holds: bool, wish: str) -> None:
        if not holds:
            raise ProblemError(f"{type(self).__name__} {self.id!r}: expected {wish}; mend {self}.")


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

    coarse: int
    at_least: int = 1
    at_most: int | None = None

    def _check(self) -> None:
        self._demand(self.at_least >= 0, "at_least >= 0")
        self._demand(self.at_most is None or self.at_most >= self.at_least, "at_most >= at_least")


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

    price: float = 0.0
    at_most: int | None = None

    def _check(self) -> None:
        self._demand(bool(np.isfinite(self.price)), "a finite price")
        self._demand(self.at_most is None or self.at_most >= 0, "at_most >= 0")


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


Kind = TypeVar("Kind", bound=Constraint)


@dataclass(frozen=True)
class Constraints:
    """All wishes of one problem.

    Parameters
    ----------
    items : sequence of Constraint
        In any order; their ids differ.

    Examples
    --------
    >>> from solver import CannotLink, Constraints, Pin
    >>> wishes = Constraints((Pin("p", 3, 1), CannotLink("c", 3, 4)))
    >>> [one.id for one in wishes.of(Pin)]
    ['p']
    """

    items: Sequence[Constraint] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "items", tuple(self.items))
        ids = [item.id for item in self.items]
        twice = sorted({name for name in ids if ids.count(name) > 1}) if len(ids) > 1 else []
        if twice:
            raise ProblemError(
                f"Constraints: expected unique ids, found {twice[:3]} more than once; rename them."
            )

    def __iter__(self) -> Iterator[Constraint]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)

    def of(self, kind: type[Kind]) -> tuple[Kind, ...]:
        """Return the constraints of one kind, in the order given.

        Parameters
        ----------
        kind : type
            A class of constraints, such as `Pin`.

        Returns
        -------
        tuple
            The constraints that are of this kind.
        """
        return tuple(item for item in self.items if isinstance(item, kind))

    def canonical(self) -> Iterator[bytes]:
        """Yield bytes that name every field of every constraint, for the problem's digest.

        Yields
        ------
        bytes
            Kind, fields and shapes of one constraint after the other.
        """
        for item in self.items:
            yield type(item).__name__.encode()
            for field in fields(item):
                yield _canonical(getattr(item, field.name))


def frozen(values: ArrayLike, dtype: type) -> NDArray[np.generic]:
    """Return a read-only copy in another type; refuse values that it would change."""
    given = np.asarray(values)
    array: NDArray[np.generic] = np.array(given, dtype=dtype)
    if not np.array_equal(given, array):
        raise ProblemError(
            f"expected values of type {np.dtype(dtype)}, found {given.dtype} values that do not "
            "fit it in a constraint's array; convert them without loss."
        )
    array.setflags(write=False)
    return array


def _canonical(value: object) -> bytes:
    if isinstance(value, np.ndarray):
        return f"{value.dtype}{value.shape}".encode() + value.tobytes()
    return repr(value).encode() + b";"
