"""Hierarchical metrics: ``(y_true, y_pred or scores, *, tree)``.

As in scikit-learn what ends in ``_score`` is better when higher, what ends in ``_error`` when
lower.
"""

from falcon_svc.hierarchy.metrics.ancestor_sets import (
    HierarchicalScores,
    full_path_accuracy_score,
    hierarchical_f_score,
    hierarchical_scores,
)
from falcon_svc.hierarchy.metrics.calibration import (
    Reliability,
    level_calibration_error,
    level_reliability,
)
from falcon_svc.hierarchy.metrics.curves import (
    OperatingCurve,
    average_correct_score,
    average_precision_score,
    operating_curve,
    recall_at_correct_score,
)
from falcon_svc.hierarchy.metrics.decided import leaf_f1_score, leaf_top1_score, majority_f1_score
from falcon_svc.hierarchy.metrics.distances import (
    edge_distance_error,
    hierarchical_distance_at_k_error,
    hierarchical_distance_error,
    mistake_severity_error,
)
from falcon_svc.hierarchy.metrics.selective import (
    RiskCoverage,
    hierarchical_aurc_error,
    hierarchical_risk_coverage,
    risk_coverage,
)
from falcon_svc.hierarchy.metrics.values import Form, node_correct_score, node_f1_score
from falcon_svc.hierarchy.metrics.violations import (
    level_violation_error,
    soft_violation_error,
    violation_error,
)

__all__ = [
    "Form",
    "HierarchicalScores",
    "OperatingCurve",
    "Reliability",
    "RiskCoverage",
    "average_correct_score",
    "average_precision_score",
    "edge_distance_error",
    "full_path_accuracy_score",
    "hierarchical_aurc_error",
    "hierarchical_distance_at_k_error",
    "hierarchical_distance_error",
    "hierarchical_f_score",
    "hierarchical_risk_coverage",
    "hierarchical_scores",
    "leaf_f1_score",
    "leaf_top1_score",
    "level_calibration_error",
    "level_reliability",
    "level_violation_error",
    "majority_f1_score",
    "mistake_severity_error",
    "node_correct_score",
    "node_f1_score",
    "operating_curve",
    "recall_at_correct_score",
    "risk_coverage",
    "soft_violation_error",
    "violation_error",
]
