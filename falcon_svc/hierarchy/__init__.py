"""Class hierarchies: trees, what is trained and predicted on them, and how that is scored.

What trains loads torch and is imported when it is first asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from falcon_svc.hierarchy.structure import Children
from falcon_svc.hierarchy.tree import Tree
from falcon_svc.late import late

if TYPE_CHECKING:
    from falcon_svc.hierarchy.advice import advise
    from falcon_svc.hierarchy.classifier import HierarchicalClassifier

__all__ = ["Children", "HierarchicalClassifier", "Tree", "advise"]

_HOMES = {"HierarchicalClassifier": "classifier", "advise": "advice"}


__getattr__ = late(__name__, _HOMES)
