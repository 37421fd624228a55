"""A hierarchical classifier on vectors: labels, head, training, decisions and its file."""

from falcon_svc.hierarchy.classifier.decide import RULES
from falcon_svc.hierarchy.classifier.estimator import HierarchicalClassifier

__all__ = ["RULES", "HierarchicalClassifier"]
