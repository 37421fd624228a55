"""A last row of a table that is the sum or the mean of the rows above, as spreadsheets have it."""

from __future__ import annotations

import numpy as np

from falcon_svc.data.refusal import Finding, findings
from falcon_svc.types import FloatArray

LEAST_ROWS, LEAST_COLUMNS = 5, 2
ROUNDED = 5e-3
"""Of a column's mean magnitude: so far a written total may be from the exact one, per row."""


def totals_findings(vectors: FloatArray, names: tuple[str, ...] | None) -> list[Finding]:
    """Return the last of (N, D) named columns if it adds the others up, or is their mean."""
    if names is None or len(vectors) < LEAST_ROWS or len(names) < LEAST_COLUMNS:
        return []
    what = _kind(vectors[:, :LEAST_COLUMNS]) and _kind(vectors)  # most end at the first columns
    return findings(
        "totals_row",
        "samples alone in the rows",
        "remove this row",
        [len(vectors) - 1] if what else [],
        lambda _: f"the {what} of all rows above",
    )


def _kind(vectors: FloatArray) -> str | None:
    """Return what the last row is of the others, as far as rounding lets it be seen."""
    above, last = vectors[:-1], vectors[-1].astype(np.float64)
    with np.errstate(invalid="ignore", over="ignore"):
        mean = above.mean(axis=0, dtype=np.float64)
        slack = ROUNDED * np.abs(above).mean(axis=0, dtype=np.float64)
        if not slack.all() or not (above != above[0]).any():
            return None
        if (np.abs(last - len(above) * mean) <= slack).all():
            return "sum"
        return "mean" if (np.abs(last - mean) <= slack / len(above)).all() else None
