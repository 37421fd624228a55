"""The pieces of the structure step: counted for whoever waits, kept for whoever resumes.

Place: under everything in `structure` that costs time. A piece is named, makes arrays, and tells
how many rows it has been through; an array that an earlier attempt at the same work left is taken
over instead. What a piece makes is all that later pieces need of it, so that a run that was killed
and resumed has the same bits as one that was not.

How far the work is, is told in thousandths. A piece weighs its rows times `SECONDS`, what a
thousand rows of it cost on one CPU core; the weights matter for the time left only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from threading import RLock
from typing import Any, Protocol, TypeVar

from numpy.typing import NDArray

from falcon_svc.progress import THOUSANDTHS
from falcon_svc.threads import in_threads

Found = TypeVar("Found")
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
    """The pieces of one long step; those of independent chains may be made at once.

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
        self._lock, self._failure = RLock(), list[BaseException]()

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
        name, left = f"{kind}-{number}", _cost({kind: n_rows})

        def on_rows(rows: int) -> None:
            nonlocal left
            share = min(left, _cost({kind: rows}))
            left -= share
            self._advance(share)

        found = self._found(name)
        if found is not None:
            self._advance(left, earlier=True)
            return found
        found = make(on_rows)
        if self._kept is not None:
            self._kept.keep(name, found)
        self._advance(left)
        return found

    def at_once(self, chains: Sequence[Callable[[], Found]]) -> list[Found]:
        """Return what chains of pieces find that need nothing of each other, made on threads.

        The first is begun first. Where one fails, or whoever is told of it stops the work, the
        others end at their next rows.
        """

        def run(chain: Callable[[], Found]) -> Found:
            try:
                return chain()
            except BaseException as error:
                self._failure.append(error)
                raise

        return list(in_threads(run, chains, on_failure=self._failure.append))

    def _found(self, name: str) -> Arrays | None:
        if self._kept is None:
            return None
        with self._lock:
            assert name not in self._names, f"two pieces are named {name}"
            self._names.add(name)
        return self._kept.find(name)

    def _advance(self, cost: float, *, earlier: bool = False) -> None:
        """So much more is done; told in the thread that did it, one after the other."""
        with self._lock:
            if self._failure:
                raise self._failure[0]
            before = self._fraction()
            self._done += cost
            self._taken += (self._fraction() - before) * earlier
            told = int(THOUSANDTHS * self._fraction() + 1e-9)
            if self._on_progress is not None and told > self._told:
                self._told = told
                self._on_progress(told, int(THOUSANDTHS * self._taken))

    def _fraction(self) -> float:
        return self._start + (1 - self._start) * min(self._done / self._planned, 1.0)


def _cost(rows: Mapping[str, int]) -> float:
    return sum(SECONDS[kind] * n / 1000 for kind, n in rows.items())
