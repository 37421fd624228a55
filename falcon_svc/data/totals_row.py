"""Rows of a table that are sums or means of others, as spreadsheets and statistics have them.

Totals stand in the first row or among the last ones, subtotals below each block of one label. What
is written is compared with what the other rows add up to, as far as rounding lets it be seen.
"""

from __future__ import annotations

import numpy as np

from falcon_svc.data.refusal import Finding, findings
from falcon_svc.types import FloatArray, IntArray

LEAST_ROWS, LEAST_COLUMNS = 5, 2
LAST_ROWS = 8
"""Rows at the end among which a total may stand: pandas' `describe` has eight."""

ROUNDED = 5e-3
"""Of a column's mean magnitude: so far a written total may be from the exact one, per row."""

ROUNDED_MEAN = 1e-3, 3e-3
"""Of a column's mean magnitude and of its deviation: so far a written mean may be, at most."""


def totals_findings(
    vectors: FloatArray, names: tuple[str, ...] | None, labels: IntArray
) -> list[Finding]:
    """Return the rows of (N, D) named columns that add up others, or are their mean.

    `labels` (N,) are coarse, -1 for none.
    """
    if names is None or len(vectors) <= LEAST_ROWS or len(names) < LEAST_COLUMNS:
        return []
    found = _totals(vectors) or _subtotals(vectors, labels)
    return findings(
        "totals_row",
        "samples alone in the rows",
        "remove the rows of totals",
        sorted(found),
        lambda row: found[row],
    )


def _totals(vectors: FloatArray) -> dict[int, str]:
    """Return a row that sums up all rows but those beside it, and what it is."""
    n = len(vectors)
    for last in range(1, min(LAST_ROWS, n - LEAST_ROWS) + 1):
        for row in range(n - last, n):
            if what := _kind(vectors[:-last], vectors[row]):
                return {row: f"the {what} of all rows above"}
    what = _kind(vectors[1:], vectors[0])
    return {0: f"the {what} of all rows below"} if what else {}


def _subtotals(vectors: FloatArray, labels: IntArray) -> dict[int, str]:
    """Return the rows below blocks of one label that sum these up, if all blocks have one.

    The row has the block's label or one of its own.
    """
    starts = np.flatnonzero(np.diff(labels, prepend=-2))
    blocks = list(zip(starts.tolist(), [*starts[1:].tolist(), len(labels)], strict=True))
    blocks = [(start, stop) for start, stop in blocks if stop - start > LEAST_ROWS]
    found = {}
    for start, stop in blocks:
        for row in (stop - 1, stop):
            if row < len(vectors) and (what := _kind(vectors[start:row], vectors[row])):
                found[row] = f"the {what} of the {row - start} rows above"
    return found if len(blocks) >= 2 and len(found) == len(blocks) else {}


def _kind(others: FloatArray, row: FloatArray) -> str | None:
    """Return what a row is of others: most are nothing, as their first columns show."""
    return _exact(others[:, :LEAST_COLUMNS], row[:LEAST_COLUMNS]) and _exact(others, row)


def _exact(others: FloatArray, row: FloatArray) -> str | None:
    last = row.astype(np.float64)
    with np.errstate(invalid="ignore", over="ignore"):
        mean = others.mean(axis=0, dtype=np.float64)
        slack = ROUNDED * np.abs(others).mean(axis=0, dtype=np.float64)
        if not slack.all() or not (others != others[0]).any():
            return None
        if (np.abs(last - len(others) * mean) <= slack).all():
            return "sum"
        size, spread = slack / ROUNDED, others.std(axis=0, dtype=np.float64)
        written = np.minimum(ROUNDED_MEAN[0] * size, ROUNDED_MEAN[1] * spread)
        near = np.abs(last - mean) <= np.maximum(slack / len(others), written)
        return "mean" if near.all() else None
