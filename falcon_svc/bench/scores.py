"""How benchmarks judge an assignment: three figures, everywhere together.

ACC counts samples and macro accuracy classes, under one match; ARI needs no match. Where classes
are of unequal size they may name different methods as the better one, so none is shown alone.
"""

from __future__ import annotations

from falcon_svc.metrics import accuracy_score, adjusted_rand_score, macro_accuracy_score
from falcon_svc.types import IntArray

TITLES = {"acc": "ACC", "ari": "ARI", "macro_acc": "macro"}
"""Name in JSON -> column of a table."""


def agreement(true: IntArray, pred: IntArray) -> dict[str, float]:
    """Return the figures of `TITLES` for two (N,) labellings, N > 0."""
    return {
        "acc": accuracy_score(true, pred),
        "ari": adjusted_rand_score(true, pred),
        "macro_acc": macro_accuracy_score(true, pred),
    }
