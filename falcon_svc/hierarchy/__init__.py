"""Class hierarchies: trees, what is predicted on them, and how that is scored."""

from falcon_svc.hierarchy.structure import Children
from falcon_svc.hierarchy.tree import Tree

__all__ = ["Children", "Tree"]
