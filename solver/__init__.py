"""Exact, certified solver of the coarse-fine relation program; needs numpy and ortools only.

Place: the discrete step of discovery, usable on its own. Reading order: `problem` (what is
solved), `program` (the same in whole numbers), `exchange` (the flow), `relaxation` (prices as a
proof), `cp_sat` (the solver of record), `solve`.
"""

from .constraints import (
    CannotLink,
    Constraint,
    Constraints,
    ExtraParents,
    Forbid,
    GroupBounds,
    MassCapacity,
    MustLink,
    Pin,
    SizeBounds,
    SizeTarget,
    SourceTie,
    StayClose,
    UnusedAllowed,
)
from .errors import ProblemError
from .explain import Explanation, explain_infeasible
from .min_cut import Cut
from .problem import RelationProblem
from .solution import Solution
from .solve import solve
from .verify import Verification, verify

__all__ = [
    "CannotLink",
    "Constraint",
    "Constraints",
    "Cut",
    "Explanation",
    "ExtraParents",
    "Forbid",
    "GroupBounds",
    "MassCapacity",
    "MustLink",
    "Pin",
    "ProblemError",
    "RelationProblem",
    "SizeBounds",
    "SizeTarget",
    "Solution",
    "SourceTie",
    "StayClose",
    "UnusedAllowed",
    "Verification",
    "explain_infeasible",
    "solve",
    "verify",
]
