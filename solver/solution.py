"""What a solve returns: the relation and everything that lets others trust it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from .problem import RelationProblem
from .regret import regret_matrix

Status: TypeAlias = Literal["optimal", "feasible", "infeasible", "unknown"]
Method: TypeAlias = Literal["cp_sat", "min_cost_flow", "auto"]


@dataclass(frozen=True, eq=False)
class Solution:
    """A relation with its proof.

    Parameters
    ----------
    relation : bool (F, C)
        Rows are fine classes. All False when the status is "infeasible" or "unknown".
    status : str
        "optimal" (proven to the rounding bound of the certificate), "feasible" (stopped by
        the time limit, `gap` is true), "infeasible" (proven) or "unknown" (nothing found in
        time).
    objective : float
        Value of the relation in units of the affinity; -inf without one.
    bound : float
        In units of the affinity: no feasible relation is worth more, up to the certificate's
        rounding bound; never below `objective`.
    gap : float
        `bound - objective`, >= 0; 0.0 when optimal, inf without a relation.
    seconds : float
        Wall time of the call, >= 0 seconds.
    method : str
        The method that made the answer: "cp_sat" or "min_cost_flow".
    certificate : dict
        JSON-ready; the fields are listed in docs/relation-step.md.
    problem : RelationProblem
        What was solved.
    tied : tuple of bool (F, C2)
        Relations of the `SourceTie` constraints, in their order.

    Examples
    --------
    >>> import numpy as np
    >>> from solver import RelationProblem, solve
    >>> solution = solve(RelationProblem(np.array([[0.9, 0.1], [0.8, 0.2], [0.1, 0.7]])))
    >>> solution.status, round(solution.objective, 6), solution.gap
    ('optimal', 2.4, 0.0)
    """

    relation: NDArray[np.bool_]
    status: Status
    objective: float
    bound: float
    gap: float
    seconds: float
    method: str
    certificate: Mapping[str, Any]
    problem: RelationProblem = field(repr=False)
    tied: tuple[NDArray[np.bool_], ...] = ()

    @cached_property
    def regret(self) -> NDArray[np.float64]:
        """How much the optimum drops if fine i hung on coarse k instead, float (F, C).

        Never negative, 0 on the chosen cells, inf where the column bounds and forbidden pairs
        leave no such relation. Exact (to the rounding bound) for a flow; with other
        constraints a lower bound that the prices prove. Computed at first use.
        """
        return regret_matrix(self)
