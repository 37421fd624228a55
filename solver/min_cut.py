"""Wishes that keep the flow structure: can they hold together, and if not, which cut says so.

Pins, forbids, size bounds and unused fine classes leave a transport problem: every fine class has
one parent among its open columns, every column takes between `lower` and `upper`. By Mendelsohn
and Dulmage it is feasible if and only if both halves are: all fine classes find room under the
upper bounds, and all lower bounds find fine classes. Each half is one maximum flow, and where it
falls short its minimum cut is the reason: fine classes whose open columns have too little room
together, or columns that ask for more than the fine classes open to them.

Source: Hoffman's circulation theorem; Mendelsohn and Dulmage (1958); OR-Tools' push-relabel.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from ortools.graph.python import max_flow

from .constraints import Constraint
from .flow_constraints import Forbid, Pin, SizeBounds, StayClose, UnusedAllowed
from .problem import RelationProblem
from .program import Ints

NAMES_SHOWN = 6


@dataclass(frozen=True, eq=False)
class Cut:
    """Why no relation exists.

    Parameters
    ----------
    fine : int (n,)
        Fine classes on the cut.
    coarse : int (m,)
        Coarse classes on the cut; C stands for "unused".
    asked : int
        How many fine classes one side needs, >= 1.
    room : int
        The smaller number of them that the other side can give, >= 0.
    crowded : bool
        True if the fine classes lack room, False if the coarse classes lack fine ones.

    Examples
    --------
    >>> import numpy as np
    >>> from solver import Constraints, RelationProblem, SizeBounds, explain_infeasible
    >>> full = Constraints((SizeBounds("a", 0, at_most=1), SizeBounds("b", 1, at_most=1)))
    >>> cut = explain_infeasible(RelationProblem(np.ones((3, 2)), constraints=full)).cut
    >>> cut.asked, cut.room, cut.crowded
    (3, 2, True)
    """

    fine: Ints
    coarse: Ints
    asked: int
    room: int
    crowded: bool

    def sentence(self, n_coarse: int) -> str:
        """Return the cut in words.

        Parameters
        ----------
        n_coarse : int
            C >= 1, the number of coarse classes.

        Returns
        -------
        str
            One sentence that names the classes and both numbers.
        """
        fine = _listed("fine", self.fine.tolist())
        real = self.coarse[self.coarse < n_coarse].tolist()
        coarse = _listed("coarse", real)
        if self.crowded and not len(self.coarse):
            return f"{fine} can hang on no coarse class at all"
        if self.crowded:
            places = [f"hang on {coarse}"] * bool(real)
            places += ["stay unused"] * (len(real) < len(self.coarse))
            return (
                f"{fine} can {' or '.join(places)} only, which leaves room for {self.room} "
                f"of {self.asked}"
            )
        there = f"only {fine}" if self.room else "no fine class"
        return f"{coarse} ask for at least {self.asked} in all, but {there} may hang there"

    def touches(self, item: Constraint, n_coarse: int) -> bool:
        """Return whether a wish may be part of the reason.

        Parameters
        ----------
        item : Constraint
            The wish.
        n_coarse : int
            C >= 1, the number of coarse classes.

        Returns
        -------
        bool
            False only where the wish has no class of the cut.
        """
        inside = set(self.coarse.tolist())
        match item:
            case SizeBounds():
                return item.coarse in inside
            case UnusedAllowed():
                return n_coarse in inside
            case Pin():
                return self._holds(item) if self.crowded else item.coarse not in inside
            case Forbid() if self.crowded:
                return self._holds(item) and item.coarse not in inside
            case Forbid():
                return item.coarse in inside
        return False

    def _holds(self, item: Pin | Forbid) -> bool:
        return bool((self.fine == item.fine).any())


def keeps_flow(wishes: Iterable[Constraint]) -> bool:
    """Whether `minimum_cut` decides these wishes."""
    return all(
        isinstance(item, (Pin, Forbid, SizeBounds, UnusedAllowed))
        or (isinstance(item, StayClose) and item.at_most is None)
        for item in wishes
    )


def minimum_cut(problem: RelationProblem, wishes: Iterable[Constraint]) -> Cut | None:
    """Return the reason why these wishes of a problem cannot hold together, or None.

    Parameters
    ----------
    problem : RelationProblem
    wishes : constraints of it for which `keeps_flow` holds
        Its others do not count, but for the leave that `UnusedAllowed` gives and the empty
        coarse classes that a `SizeBounds` allows.
    """
    network = _Network(problem, list(wishes))
    if (short := network.short_side(network.upper, of_rows=True)) is not None:
        fine, coarse = short
        return Cut(fine, coarse, len(fine), int(network.upper[coarse].sum()), crowded=True)
    if (short := network.short_side(network.lower, of_rows=False)) is not None:
        fine, coarse = short
        return Cut(fine, coarse, int(network.lower[coarse].sum()), len(fine), crowded=False)
    return None


class _Network:
    """Open pairs and bounds; the last column is that of the unused fine classes, if any."""

    def __init__(self, problem: RelationProblem, wishes: list[Constraint]) -> None:
        n_fine, n_coarse = problem.n_fine, problem.n_coarse
        leave = problem.constraints.of(UnusedAllowed)
        self.open = np.ones((n_fine, n_coarse + len(leave)), dtype=np.bool_)
        self.lower = np.zeros(self.open.shape[1], dtype=np.int64)
        self.upper = np.full(self.open.shape[1], n_fine, dtype=np.int64)
        self.lower[:n_coarse] = 1
        for free in problem.constraints.of(SizeBounds):
            self.lower[free.coarse] = min(self.lower[free.coarse], free.at_least)
        for item in wishes:
            self._apply(item)

    def _apply(self, item: Constraint) -> None:
        match item:
            case Pin():
                self.open[item.fine, np.arange(self.open.shape[1]) != item.coarse] = False
            case Forbid():
                self.open[item.fine, item.coarse] = False
            case SizeBounds():
                self.lower[item.coarse] = item.at_least
                if item.at_most is not None:
                    self.upper[item.coarse] = min(item.at_most, self.upper[item.coarse])
            case UnusedAllowed() if item.at_most is not None:
                self.upper[-1] = min(item.at_most, self.upper[-1])

    def short_side(self, room: Ints, *, of_rows: bool) -> tuple[Ints, Ints] | None:
        """Rows and columns on the side of the minimum cut that falls short; None if all flows.

        "All" is every row, or else the whole `room` of the columns. An open pair is never the
        bottleneck: with room for two units it is never full, as a row has one.
        """
        n_rows, n_columns = self.open.shape
        source, sink = n_rows + n_columns, n_rows + n_columns + 1
        rows, columns = np.nonzero(self.open)
        tails = np.concatenate([np.full(n_rows, source), rows, n_rows + np.arange(n_columns)])
        heads = np.concatenate([np.arange(n_rows), n_rows + columns, np.full(n_columns, sink)])
        width = np.concatenate([np.ones(n_rows), np.full(len(rows), 2), room]).astype(np.int64)
        flow = max_flow.SimpleMaxFlow()
        flow.add_arcs_with_capacity(tails, heads, width)
        flow.solve(source, sink)
        if flow.optimal_flow() == (n_rows if of_rows else room.sum()):
            return None
        side = flow.get_source_side_min_cut() if of_rows else flow.get_sink_side_min_cut()
        nodes = np.sort(np.array(side, dtype=np.int64))
        return nodes[nodes < n_rows], nodes[(nodes >= n_rows) & (nodes < source)] - n_rows


def _listed(kind: str, numbers: list[int]) -> str:
    shown = ", ".join(map(str, numbers[:NAMES_SHOWN]))
    more = f" and {len(numbers) - NAMES_SHOWN} more" if len(numbers) > NAMES_SHOWN else ""
    return f"{kind} {shown}{more}"
