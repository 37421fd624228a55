"""Predictions as records, one per sample: the service's answers, and the tables made of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from falcon_svc.result.predictor import Predictions, Predictor


def records(
    model: Predictor, found: Predictions, ids: Sequence[str] | None = None
) -> list[dict[str, Any]]:
    """Return one JSON-ready record per sample.

    Parameters
    ----------
    model, found
        What predicted, and what it found.
    ids
        The N samples' ids; None = they have none.

    Returns
    -------
    list of dict
        Keys: id, fine, fine_name, confidence, coarse, coarse_confidence, abstained,
        label_unknown, distance.
    """
    names = model.sources[0][1]
    columns = {
        "id": [None] * len(found.fine) if ids is None else list(ids),
        "fine": found.fine.tolist(),
        "fine_name": model.names_of(found.fine),
        "confidence": found.confidence.tolist(),
        "coarse": [names[k] for k in found.coarse.tolist()],
        "coarse_confidence": found.coarse_confidence.tolist(),
        "abstained": found.abstained.tolist(),
        "label_unknown": found.label_unknown.tolist(),
        "distance": [None if math.isnan(value) else value for value in found.distance.tolist()],
    }
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
