"""Examples of the documents of classifiers, advice and hierarchical figures."""

from __future__ import annotations

from typing import Any

Example = dict[str, Any]
DIFFERENCE: Example = {"mean": 0.021, "low": 0.008, "high": 0.034}
VERDICT: Example = {"word": "helps", "difference": DIFFERENCE, "rows_needed": None}
CARD: Example = {
    "trained_on": {
        "rows": 1200,
        "features": 384,
        "rows_without_label": 3,
        "rows_by_label_depth": [3, 40, 1157],
    },
    "tree": {"nodes": 43, "leaves": 40, "height": 2, "leaves_without_rows": 0},
    "training": {"loss": "hace", "inference": "bottom_up", "hidden": 0, "epochs": 8},
    "versions": {"falcon-svc": "0.1.0", "torch": "2.10.0"},
    "metrics": {
        "training_loss": 0.41,
        "held_out_rows": 240,
        "held_out": {"leaf_top1": 0.91, "hierarchical_f": 0.95},
    },
    "data_set": {"name": "birds.npz", "features": None, "rows_left_out": 0, "classes_of": None},
}
ADVICE: Example = {
    "text": "Finer labels help: coarse accuracy changes by +2.1 points (+0.8 to +3.4) with a "
    "linear head trained on fine labels.",
    "labels": "fine labels",
    "hidden": 0,
    "verdict": VERDICT,
    "per_head": {"0": VERDICT},
    "per_class": {"owls": "helps", "gulls": "cannot tell"},
    "comparisons": [
        {
            "labels": "fine labels",
            "hidden": 0,
            "share": 1.0,
            "n_train": 960,
            "coarse_accuracy": 0.93,
            "fine_accuracy": 0.951,
            "overall": DIFFERENCE,
            "per_class": {"owls": DIFFERENCE},
        }
    ],
    "explanations": {"boundary_redundancy": 0.4, "multi_modality": 0.03, "mixing": None},
    "n_left_out": 0,
}
CLASSIFIERS: dict[str, Example] = {
    "CardOut": CARD,
    "AdviceOut": ADVICE,
    "ClassifyIn": {
        "vectors": [[0.25, -1.5], [0.0, 2.0]],
        "columns": ["wing", "beak"],
        "inference": "threshold",
        "threshold": 0.9,
    },
    "ClassifyTextsIn": {"texts": ["freeze my card"], "inference": "majority"},
    "Body_classify_file": {"file": "the bytes of new.csv", "options": {}, "inference": "majority"},
    "ClassifyOut": {
        "predictions": [
            {"id": None, "path": ["owls", "class 3"], "depth": 2, "probability": 0.97},
            {"id": None, "path": ["owls"], "depth": 1, "probability": 0.92},
        ],
        "notes": [],
    },
    "MetricsIn": {
        "tree": [["bird", "jay"], ["bird", "wren"], ["fish"]],
        "truth": [["bird", "jay"], ["fish"]],
        "predictions": [["bird", "wren"], ["fish"]],
    },
    "JobMetricsOut": {
        "figures": {"hierarchical_f": 0.67, "full_path_accuracy": 0.5},
        "n_samples": 1157,
        "n_unlabelled": 43,
        "n_left_out": 0,
    },
    "MetricsOut": {"figures": {"hierarchical_f": 0.67, "full_path_accuracy": 0.5}},
}
