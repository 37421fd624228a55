"""Exact, certified solver of the coarse-fine relation program; needs numpy and ortools only.

Place: the discrete step of discovery, usable on its own. Reading order: `problem` (what is
solved), `program` (the same in whole numbers), `exchange` (the flow), `relaxation` (prices as a
proof), `cp_sat` (the solver of record), `solve`.
"""

from .constraints import KINDS, Constraint, Constraints
from .documents import from_documents, to_documents
from .errors import ProblemError
from .explain import Explanation, explain_infeasible
from .flow_constraints import Forbid, Pin, SizeBounds, SizeTarget, StayClose, UnusedAllowed
from .min_cut import Cut
from .problem import RelationProblem
from .proof_file import proof_bytes, read_proof, verify_file
from .side_constraints import (
    CannotLink,
    ExtraParents,
    GroupBounds,
    MassCapacity,
    MustLink,
    SourceTie,
)
from .solution import Solution
from .solve import solve
from .verify import Verification, verify

__all__ = [
    "KINDS",
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
    "from_documents",
    "proof_bytes",
    "read_proof",
    "solve",
    "to_documents",
    "verify",
    "verify_file",
]
