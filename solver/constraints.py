"""What a reviewer of the classes may ask of the relation, one frozen dataclass per wish.

Place: imported by `problem`, turned into column bounds, profits and linear rows by `program`
and `rows`. Every constraint carries an id of the user's choice, so that an explanation of a
conflict can name it. The wishes of `flow_constraints` keep the min-cost-flow structure; those of
`side_constraints` do not and are solved by CP-SAT. A constraint says itself what it is called in
documents, whether a problem has room for it, what it means in words, and whether a relation keeps
it: judged by its words, not by the rows that the methods solve.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any, ClassVar, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .errors import ProblemError

KINDS: dict[str, type[Constraint]] = {}
"""Kind of a document -> the constraint's class; every class puts itself there."""


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
    kind: ClassVar[str]
    """What it is called in documents: the class in snake case."""
    once: ClassVar[bool] = False
    """Whether a second one (of the same coarse class, where it names one) has no meaning."""

    def __init_subclass__(cls, **given: Any) -> None:
        super().__init_subclass__(**given)
        cls.kind = re.sub(r"(?<!^)(?=[A-Z])", "_", cls.__name__).lower()
        KINDS[cls.kind] = cls

    def __post_init__(self) -> None:
        if not self.id or not isinstance(self.id, str):
            raise ProblemError(
                f"{type(self).__name__}: expected a non-empty string id, found {self.id!r}; "
                "name the constraint so that explanations can point at it."
            )
        self._check()

    def check_fits(self, n_fine: int, n_coarse: int) -> None:
        """Check that the problem has the classes that are named: `fine`, `other`, `coarse`.

        Parameters
        ----------
        n_fine : int
            F, >= 1.
        n_coarse : int
            C, >= 1.

        Raises
        ------
        ProblemError
            A class, or an array's shape, is none of the problem's.
        """
        for name, size in (("fine", n_fine), ("other", n_fine), ("coarse", n_coarse)):
            for number in np.atleast_1d(getattr(self, name, ())).tolist():
                self._demand_number(name, number, size)

    def words(self) -> str:
        """Return what is asked, in words.

        Returns
        -------
        str
            A clause without a full stop, such as "fine 4 hangs on coarse 1".
        """
        return type(self).__name__

    def holds(self, relation: NDArray[np.bool_]) -> bool:
        """Return whether a relation keeps it.

        Parameters
        ----------
        relation : bool (F, C)
            Rows are fine classes.

        Returns
        -------
        bool
            True also of a wish that has a price and no limit.
        """
        return True

    def _check(self) -> None:
        """Check the fields that need no knowledge of the problem."""

    def _demand(self, holds: bool, wish: str) -> None:
        if not holds:
            raise ProblemError(f"{type(self).__name__} {self.id!r}: expected {wish}; mend {self}.")

    def _demand_number(self, name: str, value: int, size: int) -> None:
        if not 0 <= value < size:
            raise ProblemError(
                f"{type(self).__name__} {self.id!r}: expected {name} in 0..{size - 1}, found "
                f"{value}; use the row and column numbers of the affinity."
            )

    def _demand_shape(self, name: str, found: tuple[int, ...], wanted: tuple[int, ...]) -> None:
        if found != wanted:
            raise ProblemError(
                f"{type(self).__name__} {self.id!r}: expected {name} of shape {wanted}, found "
                f"{found}; match the affinity's rows and columns."
            )


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


def within(value: int, least: int, most: int | None) -> bool:
    """Return whether a number lies in a range; None = no upper end."""
    return least <= value and (most is None or value <= most)


def span(least: int, most: int | None) -> str:
    """Return a range in words; None = no upper end."""
    return f"at least {least}" if most is None else f"{least} to {most}"


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
