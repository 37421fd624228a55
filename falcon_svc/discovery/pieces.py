"""The pieces of the structure step: counted for whoever waits, kept for whoever resumes.

Place: under everything in `structure` that costs time. A piece is named, makes arrays, and tells
how many rows it has been through; an array that an earlier attempt at the same work left is taken
over instead. What a piece makes is all that later pieces need of it, so that a run that was killed
and resumed has the same bits as one that was not.

How far the work is, is told in thousandths. A piece weighs its rows times `SECONDS`, what a
thousand rows of it cost on one CPU core; the weights matter for the time left only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from numpy.typing import NDArray

from falcon_svc.progress import THOUSANDTHS

Arrays = dict[str, NDArray[Any]]
Told = Callable[[int], None]
"""Called with the number of rows that a piece has been through since the last call."""

SECONDS: Mapping[str, float] = {
    "evidence": 0.8,
    "twins": 0.4,
    "stability": 0.2,
    "even": 0.04,
    "trees": 0.25,
    "draft": 0.15,
    "votes": 0.15,
    "contrast": 0.6,
    "balanced": 0.06,
    "consensus": 0.12,
}
"""Kind of piece -> seconds per 1,000 rows: evidence of the counts, of twins, stability, the
stability of equal parts at one total, the trees of one view, the vote before the metric is learned,
a vote on the cut, the contrast view, one balanced k-means, and the consensus of several."""


class Kept(Protocol):
    """Where pieces are kept from one attempt to the next."""

    def find(self, piece: str) -> Arrays | None:
        """Return what an earlier attempt kept under this name, None where it kept nothing."""
        ...

    def keep(self, piece: str, arrays: Arrays) -> None:
        """Keep the arrays until the work is done."""
        ...


class Pieces:
    """The pieces of one long step.

    Parameters
    ----------
    on_progress : callable or None
        Called with the thousandths that are done, and with those of them that an earlier attempt
        did; both never fall.
    kept : Kept or None
        Where pieces are kept; None = nowhere.

    Examples
    --------
    >>> import numpy as np
    >>> told = []
    >>> pieces = Pieces(lambda done, taken_over: told.append(done))
    >>> pieces.plan({"trees": 200, "votes": 100})
    >>> for kind in ("trees", "trees", "votes"):
    ...     _ = pieces.made(kind, 0, 100, lambda on_rows: {"rows": np.arange(3)})
    >>> told
    [384, 769, 1000]
    """

    def __init__(
        self,
        on_progress: Callable[[int, int], None] | None = None,
        kept: Kept | None = None,
    ) -> None:
        self._on_progress, self._kept = on_progress, kept
        self._start, self._planned, self._done, self._taken = 0.0, 1.0, 0.0, 0.0
        self._told, self._names = 0, set[str]()

    def plan(self, rows: Mapping[str, int]) -> None:
        """Say what is left to do: kind of piece -> rows in all pieces of the kind.

        What was done before keeps its share; the rest is shared out over the new plan.
        """
        self._start += (1 - self._start) * min(self._done / self._planned, 1.0)
        self._done, self._planned = 0.0, max(_cost(rows), 1e-9)

    def made(self, kind: str, number: int, n_rows: int, make: Callable[[Told], Arrays]) -> Arrays:
        """Return the arrays of a piece, from an earlier attempt or from `make`.

        Parameters
        ----------
        kind : str
            A key of `SECONDS`.
        number : int
            Which one of its kind; kind and number together name a part once.
        n_rows : int
            Rows that it goes through.
        make : callable
            Makes the arrays; it may call what it is given after every few rows.
        """
        name, before = f"{kind}-{number}", self._done
        after = before + _cost({kind: n_rows})
        found = self._found(name)
        if found is not None:
            self._taken += self._fraction(after) - self._fraction(before)
        else:
            found = make(lambda rows: self._go_to(min(after, self._done + _cost({kind: rows}))))
            if self._kept is not None:
                self._kept.keep(name, found)
        self._go_to(after)
        return found

    def _found(self, name: str) -> Arrays | None:
        if self._kept is None:
            return None
        assert name not in self._names, f"two pieces are named {name}"
        self._names.add(name)
        return self._kept.find(name)

    def _go_to(self, done: float) -> None:
        self._done = done
        told = int(THOUSANDTHS * self._fraction(done) + 1e-9)
        if self._on_progress is not None and told > self._told:
            self._told = told
            self._on_progress(told, int(THOUSANDTHS * self._taken))

    def _fraction(self, done: float) -> float:
        return self._start + (1 - self._start) * min(done / self._planned, 1.0)


def _cost(rows: Mapping[str, int]) -> float:
    return sum(SECONDS[kind] * n / 1000 for kind, n in rows.items())
