"""The certificate: what a third party needs to check a solve, JSON-ready.

The prices prove the bound by weak duality without any solver (see `relaxation` and `verify`).
Fields and their meaning: docs/relation-step.md, "Certificate".
"""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

import numpy as np

from .cp_sat import SEED
from .problem import RelationProblem
from .program import IntegerProgram
from .relaxation import Multipliers

FORMAT = "relation-certificate/1"
_VERSIONS = {name: version(name) for name in ("ortools", "numpy")}


def certify(
    problem: RelationProblem,
    program: IntegerProgram,
    multipliers: Multipliers,
    cells: int,
    *,
    status: str,
    method: str,
    objective: float,
    bound: float,
    seconds: float,
) -> dict[str, Any]:
    """Return the certificate of one solve; every value is a JSON value."""
    return {
        "format": FORMAT,
        "problem_digest": problem.digest,
        "n_fine": problem.n_fine,
        "n_coarse": problem.n_coarse,
        "balance": float(problem.balance),
        "constraints": [item.id for item in problem.constraints],
        "method": method,
        "status": status,
        "objective": _finite(objective),
        "bound": _finite(bound),
        "gap": _finite(bound - objective) if np.isfinite(objective) else None,
        "scale": program.scale,
        "rounding_bound": program.rounding_bound,
        "column_prices": [int(price) for price in multipliers.columns.tolist()],
        "row_multipliers": [int(price) for price in multipliers.rows.tolist()],
        "budget_price": int(multipliers.budget),
        "cells_searched": cells,
        "seed": SEED,
        "seconds": seconds,
        "versions": _VERSIONS,
    }


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
