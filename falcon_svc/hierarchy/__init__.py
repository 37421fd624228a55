"""Class hierarchies: trees, what is predicted on them, and how that is scored."""

from falcon_svc.hierarchy.tree import Children, Tree

__all__ = ["Children", "Tree"]
