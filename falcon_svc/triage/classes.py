"""The nouns of a review: a class that keeps its id, and what was said about classes and parents."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Status = Literal["open", "accepted", "rejected"]


@dataclass(frozen=True)
class ReviewClass:
    """One class of a review.

    Attributes
    ----------
    number : int >= 0
        Never given to another class; `id` is ``f"c{number}"``.
    name : str
        As shown.
    parents : tuple of int
        Coarse classes that it hangs under, at least one.
    status : str
        "open", "accepted" or "rejected".
    named : bool
        Whether a person named it.
    colour : int
        Index of its shade; kept over re-solves.
    whole : bool
        Whether a person said that it is one class.
    born_of : tuple of str
        Ids of the classes that it came from.
    found : int
        Class of the run that it was found as, which has its stability and the price of its parent;
        -1 = none.
    """

    number: int
    name: str
    parents: tuple[int, ...]
    status: Status = "open"
    named: bool = False
    colour: int = 0
    whole: bool = False
    born_of: tuple[str, ...] = ()
    found: int = -1

    @property
    def id(self) -> str:
        """The stable id."""
        return f"c{self.number}"


@dataclass(frozen=True)
class Wishes:
    """What was said about classes and parents, in the order it was said: (class, ...) by number."""

    pins: tuple[tuple[int, int], ...] = ()
    forbids: tuple[tuple[int, int], ...] = ()
    must: tuple[tuple[int, int], ...] = ()
    cannot: tuple[tuple[int, int], ...] = ()
    apart: frozenset[tuple[int, int]] = frozenset()

    def renumbered(self, into: Mapping[int, int]) -> Wishes:
        """Return the wishes with merged classes under the number of what they became."""

        def pair(a: int, b: int) -> tuple[int, int]:
            return into.get(a, a), into.get(b, b)

        return Wishes(
            pins=tuple((into.get(c, c), q) for c, q in self.pins),
            forbids=tuple((into.get(c, c), q) for c, q in self.forbids),
            must=tuple(pair(*p) for p in self.must if len(set(pair(*p))) == 2),
            cannot=tuple(pair(*p) for p in self.cannot),
            apart=frozenset(ordered(*pair(*p)) for p in self.apart),
        )


def ordered(a: int, b: int) -> tuple[int, int]:
    """Return the two numbers, the smaller first."""
    return (a, b) if a < b else (b, a)
