"""Regret of a relation: the drop of the optimum when one fine class is made to hang elsewhere.

For a flow, forcing row i from column a to column k opens one path problem: the forced move
costs `profit[i, a] - profit[i, k]` and the cheapest way to restore balance is the shortest path
from k back to a in the exchange graph, the sink included. All pairs of C + 1 nodes by
Floyd-Warshall, so all regrets together cost O(C^3 + F C) at most. With other constraints, the
reduced costs of the certificate's prices give a lower bound. Source: sensitivity analysis of
min-cost flows, Ahuja, Magnanti and Orlin, Network Flows, section 9.11.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .exchange import ExchangeGraph
from .program import Floats, IntegerProgram, Ints, compile_program
from .relaxation import Multipliers, relax

if TYPE_CHECKING:
    from .solution import Solution


def regret_matrix(solution: Solution) -> NDArray[np.float64]:
    """Return the regrets (F, C) of a solution, see `Solution.regret`."""
    n_fine, n_coarse = solution.relation.shape
    if solution.status in ("infeasible", "unknown"):
        return np.full((n_fine, n_coarse), np.inf)
    program = compile_program(solution.problem)
    exact = program.is_flow and solution.status == "optimal"
    drop = _flow_drop(program, solution) if exact else _priced_drop(program, solution)
    regret = np.maximum(drop[:n_fine, :n_coarse], 0.0)
    regret[solution.relation] = 0.0
    return regret


def certified_multipliers(solution: Solution) -> Multipliers:
    """Read the dual solution back from a certificate."""
    proof = solution.certificate
    return Multipliers(
        np.array(proof["column_prices"], dtype=np.float64),
        np.array(proof["row_multipliers"], dtype=np.int64),
        int(proof["budget_price"]),
    )


def _flow_drop(program: IntegerProgram, solution: Solution) -> Floats:
    relation = solution.relation
    used = relation.any(axis=1)
    parent = np.where(used, relation.argmax(axis=1), program.unused or 0)
    prices = certified_multipliers(solution).columns
    back = _shortest(ExchangeGraph(program, prices, parent).moves)[:-1, :-1]
    rows = np.arange(len(parent))
    drop = program.profit[rows, parent][:, None] - program.profit + back[:, parent].T
    return drop / program.scale


def _priced_drop(program: IntegerProgram, solution: Solution) -> Floats:
    relaxation = relax(program, certified_multipliers(solution))
    slack = (program.objective(relaxation.bound) - solution.objective) * program.scale
    return (relaxation.cell_costs - slack) / program.scale


def _shortest(moves: Floats) -> Floats:
    """Shortest distances between all nodes, `[start, goal]`.

    Floyd and Warshall's rounds, each for the starts only that a way through the node could bring
    nearer to anything: where moves cost about alike these are few, and C^2 steps are enough.
    """
    distance = moves.copy()
    np.fill_diagonal(distance, 0.0)
    farthest = distance.max(axis=1)
    for node in range(len(distance)):
        onward = distance[node].copy()
        least = np.delete(onward, node).min(initial=np.inf)
        some = np.flatnonzero(distance[:, node] + least < farthest)
        starts: Ints | slice = some if 4 * len(some) < len(distance) else slice(None)
        if len(some):
            nearer = np.minimum(distance[starts], distance[starts, node, None] + onward)
            distance[starts], farthest[starts] = nearer, nearer.max(axis=1)
    return distance
