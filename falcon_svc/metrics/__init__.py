"""Metrics against fine truth: for evaluation and benchmarks, never for training or selection."""

from falcon_svc.metrics.clustering import (
    Matching,
    accuracy_score,
    adjusted_rand_score,
    coarse_accuracy_score,
    macro_accuracy_score,
    match_classes,
    normalized_mutual_info_score,
)
from falcon_svc.metrics.evaluation import evaluate
from falcon_svc.metrics.neighbors import neighbor_purity_score
from falcon_svc.metrics.relation import (
    GED_CAVEAT,
    GedBounds,
    ged_bounds,
    majority_parent,
    path_accuracy_score,
    relation_edge_accuracy_score,
)

__all__ = [
    "GED_CAVEAT",
    "GedBounds",
    "Matching",
    "accuracy_score",
    "adjusted_rand_score",
    "coarse_accuracy_score",
    "evaluate",
    "ged_bounds",
    "macro_accuracy_score",
    "majority_parent",
    "match_classes",
    "neighbor_purity_score",
    "normalized_mutual_info_score",
    "path_accuracy_score",
    "relation_edge_accuracy_score",
]
