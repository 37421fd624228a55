"""What a reviewer of the classes may ask of the relation, one frozen dataclass per wish.

Place: imported by `problem`, turned into column bounds, profits and linear rows by `program`
and `rows`. Every constraint carries an id of the user's choice, so that an explanation of a
conflict can name it. Whether a wish keeps the min-cost-flow structure is said in each class
(proofs: docs/relation-step.md); a wish that does not is solved by CP-SAT on a priced model.
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
    """Base of all constraints: an id that is unique within the problem."""

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
    """Fine class `fine` hangs on coarse class `coarse`. Stays a flow."""

    fine: int
    coarse: int


@dataclass(frozen=True)
class Forbid(Constraint):
    """Fine class `fine` never hangs on coarse class `coarse`. Stays a flow."""

    fine: int
    coarse: int


@dataclass(frozen=True)
class SizeBounds(Constraint):
    """`at_least <= n_coarse <= at_most`, in place of the default `1 <= n_coarse`. Stays a flow."""

    coarse: int
    at_least: int = 1
    at_most: int | None = None

    def _check(self) -> None:
        self._demand(self.at_least >= 0, "at_least >= 0")
        self._demand(self.at_most is None or self.at_most >= self.at_least, "at_most >= at_least")


@dataclass(frozen=True)
class SizeTarget(Constraint):
    """Pay `weight * (n_coarse - target)**2` instead of the balance term. Stays a flow.

    `weight` is in units of the affinity per squared class count; `target` need not be whole.
    """

    coarse: int
    target: float
    weight: float

    def _check(self) -> None:
        self._demand(np.isfinite(self.weight) and self.weight >= 0, "a finite weight >= 0")
        self._demand(np.isfinite(self.target) and self.target >= 0, "a finite target >= 0")


@dataclass(frozen=True)
class MustLink(Constraint):
    """Fine classes `fine` and `other` have the same parents. Needs CP-SAT (NP-hard)."""

    fine: int
    other: int

    def _check(self) -> None:
        self._demand(self.fine != self.other, "two different fine classes")


@dataclass(frozen=True)
class CannotLink(Constraint):
    """Fine classes `fine` and `other` share no parent. Needs CP-SAT (graph colouring)."""

    fine: int
    other: int

    def _check(self) -> None:
        self._demand(self.fine != self.other, "two different fine classes")


@dataclass(frozen=True)
class GroupBounds(Constraint):
    """A super-coarse level: bounds on how many fine classes hang in a set of coarse classes.

    Nested (laminar) groups keep the flow structure and so close without search; general ones
    do not. Both are solved by CP-SAT on the priced model.
    """

    coarse: tuple[int, ...]
    at_least: int = 0
    at_most: int | None = None

    def _check(self) -> None:
        self._demand(len(set(self.coarse)) == len(self.coarse) > 0, "distinct coarse classes")
        self._demand(self.at_least >= 0, "at_least >= 0")
        self._demand(self.at_most is None or self.at_most >= self.at_least, "at_most >= at_least")


@dataclass(frozen=True)
class UnusedAllowed(Constraint):
    """A fine class may stay without a parent; each USED one costs `price`. Stays a flow.

    `at_most` caps the number of unused fine classes.
    """

    price: float = 0.0
    at_most: int | None = None

    def _check(self) -> None:
        self._demand(bool(np.isfinite(self.price)), "a finite price")
        self._demand(self.at_most is None or self.at_most >= 0, "at_most >= 0")


@dataclass(frozen=True)
class ExtraParents(Constraint):
    """Up to `per_class` parents for a fine class, `budget` parents beyond the first in all.

    Each parent beyond the first costs `price >= 0`. A flow by structure, solved by CP-SAT on
    the priced model.
    """

    budget: int
    per_class: int = 2
    price: float = 0.0

    def _check(self) -> None:
        self._demand(self.budget >= 0 and self.per_class >= 1, "budget >= 0 and per_class >= 1")
        self._demand(bool(np.isfinite(self.price)) and self.price >= 0, "a finite price >= 0")


@dataclass(frozen=True, eq=False)
class StayClose(Constraint):
    """Keep each fine class at its previous parent: a price per changed row and a hard cap.

    `previous` is an int array (F,) of coarse ids, -1 where there is none. A row has changed if
    its previous parent is not among its parents. The price keeps the flow; the cap `at_most`
    is a budget row and needs CP-SAT.
    """

    previous: ArrayLike
    price: float = 0.0
    at_most: int | None = None

    def _check(self) -> None:
        object.__setattr__(self, "previous", _frozen(self.previous, np.int64))
        self._demand(bool(np.isfinite(self.price)) and self.price >= 0, "a finite price >= 0")
        self._demand(self.at_most is None or self.at_most >= 0, "at_most >= 0")

    @property
    def parents(self) -> NDArray[np.int64]:
        """Previous parents, int64 (F,), -1 where there is none."""
        return np.asarray(self.previous, dtype=np.int64)


@dataclass(frozen=True, eq=False)
class MassCapacity(Constraint):
    """Capacities in samples: the masses under coarse class k sum to at most `at_most[k]`.

    `mass` is a whole number of samples per fine class, (F,) and >= 0; `at_most` is (C,), -1 for
    no cap. Knapsack rows: needs CP-SAT (NP-hard).
    """

    mass: ArrayLike
    at_most: ArrayLike

    def _check(self) -> None:
        object.__setattr__(self, "mass", _frozen(self.mass, np.int64))
        object.__setattr__(self, "at_most", _frozen(self.at_most, np.int64))
        self._demand(bool((np.asarray(self.mass) >= 0).all()), "whole masses >= 0")


@dataclass(frozen=True, eq=False)
class SourceTie(Constraint):
    """A second label source solved together with the first. Needs CP-SAT (NP-hard).

    `affinity` is (F, C2) with its own `balance`; each fine class also gets exactly one parent
    there, each of the C2 classes at least one child, and `compatible` (C, C2) says which pairs
    of parents may meet in one fine class. Its objective is added to that of the problem.
    """

    affinity: ArrayLike
    compatible: ArrayLike
    balance: float = 0.0

    def _check(self) -> None:
        object.__setattr__(self, "affinity", _frozen(self.affinity, np.float64))
        object.__setattr__(self, "compatible", _frozen(self.compatible, np.bool_))
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


Kind = TypeVar("Kind", bound=Constraint)


@dataclass(frozen=True)
class Constraints:
    """All wishes of one problem: `Constraints((Pin("p", 3, 1), CannotLink("c", 3, 4)))`."""

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
        """Return the constraints of one kind, in the order given."""
        return tuple(item for item in self.items if isinstance(item, kind))

    def canonical(self) -> Iterator[bytes]:
        """Yield bytes that name every field of every constraint, for the problem's digest."""
        for item in self.items:
            yield type(item).__name__.encode()
            for field in fields(item):
                yield _canonical(getattr(item, field.name))


def _frozen(values: ArrayLike, dtype: type) -> NDArray[np.generic]:
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
