"""Class hierarchies: trees, what is trained and predicted on them, and how that is scored.

What trains loads torch and is imported when it is first asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from falcon_svc.hierarchy.structure import Children
from falcon_svc.hierarchy.tree import Tree

if TYPE_CHECKING:
    from falcon_svc.hierarchy.advice import advise
    from falcon_svc.hierarchy.classifier import HierarchicalClassifier

__all__ = ["Children", "HierarchicalClassifier", "Tree", "advise"]

_HOMES = {"HierarchicalClassifier": "classifier", "advise": "advice"}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = globals()[name] = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    return found
