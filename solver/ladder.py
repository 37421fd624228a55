"""Price and prune: restricted CP-SAT models over wider and wider slacks, until one is enough.

Every relation within `slack` of the proven bound uses only cells and column sums that cost at
most `slack`. So the best relation of the restricted model is the best of all if it lies within
the slack; if it does not, its own distance from the bound is a slack that suffices; and if there
is none, the slack was too small. A flow starts with its own relation at slack zero.
"""

from __future__ import annotations

import time

import numpy as np
from numpy.typing import NDArray

from .cp_sat import Answer, solve_restricted
from .program import IntegerProgram
from .relaxation import Relaxation

WIDEST = 2**61  # a slack that keeps every cell


def climb(
    program: IntegerProgram,
    relaxation: Relaxation,
    *,
    incumbent: Answer | None,
    hint: NDArray[np.bool_],
    deadline: float,
    deterministic: bool,
) -> Answer:
    """Return the best relation with a bound of the WHOLE program.

    Parameters
    ----------
    program, relaxation : the problem and its prices
    incumbent : Answer or None
        A feasible relation; it is returned if nothing better turns up in time.
    hint : bool (R, K)
        Where CP-SAT starts; need not be feasible.
    deadline : float
        `time.perf_counter()` value.
    deterministic : bool
        One worker under a deterministic time limit.

    Returns
    -------
    Answer
        "OPTIMAL", "FEASIBLE", "INFEASIBLE" or "UNKNOWN" about the whole program.
    """
    best, bound = incumbent, relaxation.bound
    slack = bound - best.value if best is not None else wider_slack(relaxation, -1)
    while (left := deadline - time.perf_counter()) > 0:
        answer = solve_restricted(
            program,
            relaxation,
            slack=slack,
            hint=hint if best is None or best.chosen is None else best.chosen,
            proven=best.chosen if best is not None and best.value == relaxation.bound else None,
            time_limit_s=left,
            deterministic=deterministic,
        )
        if answer.chosen is not None and (best is None or answer.value >= best.value):
            best = answer
        inside = relaxation.bound if answer.status == "UNKNOWN" else answer.bound
        outside = relaxation.bound - slack - 1 if slack < WIDEST else inside
        if answer.status == "INFEASIBLE":
            if slack >= WIDEST:
                return answer
            bound, slack = min(bound, outside), wider_slack(relaxation, slack)
            continue
        bound = min(bound, max(inside, outside))
        if answer.status != "OPTIMAL" or relaxation.bound - answer.value <= slack:
            break
        slack = relaxation.bound - answer.value
    return _closed(best, bound)


def wider_slack(relaxation: Relaxation, slack: int) -> int:
    """Slack that keeps twice the cells of `slack`, or two cells per row to begin with."""
    costs = relaxation.cell_costs.ravel()
    wanted = 2 * max(int((costs <= slack).sum()), len(relaxation.cell_costs))
    if wanted >= costs.size:
        return WIDEST
    wider = np.partition(costs, wanted)[wanted]
    return max(int(wider), slack + 1) if np.isfinite(wider) else WIDEST


def _closed(best: Answer | None, bound: int) -> Answer:
    if best is None or best.chosen is None:
        return Answer("UNKNOWN", None, 0, bound, 0)
    bound = max(bound, best.value)
    status = "OPTIMAL" if bound == best.value else "FEASIBLE"
    return Answer(status, best.chosen, best.value, bound, best.cells, best.method)
