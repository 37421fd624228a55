"""From scores of all nodes to predictions: propagation, diffusion, decisions, promises."""

from falcon_svc.hierarchy.decisions import (
    leaf_prediction,
    level_argmax,
    majority_prediction,
    plurality_prediction,
    threshold_prediction,
)
from falcon_svc.hierarchy.inference.abstention import ABSTAINED, Abstention
from falcon_svc.hierarchy.inference.climbing import Climbing
from falcon_svc.hierarchy.inference.conformal import ConformalSets, set_coverage_score
from falcon_svc.hierarchy.inference.diffusion import Diffusion, choose_alpha
from falcon_svc.hierarchy.inference.learned_diffusion import LearnedDiffusion
from falcon_svc.hierarchy.inference.propagate import bottom_up, hierarchical_ensemble, top_down
from falcon_svc.hierarchy.inference.temperature import LevelTemperatures

__all__ = [
    "ABSTAINED",
    "Abstention",
    "Climbing",
    "ConformalSets",
    "Diffusion",
    "LearnedDiffusion",
    "LevelTemperatures",
    "bottom_up",
    "choose_alpha",
    "hierarchical_ensemble",
    "leaf_prediction",
    "level_argmax",
    "majority_prediction",
    "plurality_prediction",
    "set_coverage_score",
    "threshold_prediction",
    "top_down",
]
