"""The samples of a class in the orders that a reviewer looks at them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from falcon_svc.triage.evidence import diverse_rows
from falcon_svc.triage.solutions import Placement
from falcon_svc.triage.state import Review
from falcon_svc.types import FloatArray, IntArray

Order = Literal["central", "diverse", "border", "suspect", "all"]
ORDERS: tuple[str, ...] = get_args(Order)
MOST_DIVERSE = 64
MOST_SPREAD_OVER = 4_000


@dataclass(frozen=True)
class Look:
    """Which samples of a class are looked at.

    Parameters
    ----------
    order : str
        Order of `falcon_svc.review.gallery.ORDERS`.
    start, most : int
        A part of them.
    most_confidence : float
        Only samples at or below it.
    words : str
        Only samples whose text or id holds it.
    """

    order: str = "central"
    start: int = 0
    most: int = 60
    most_confidence: float = 1.0
    words: str = ""


def ordered_rows(
    order: str,
    number: int,
    review: Review,
    placement: Placement,
    inputs: FloatArray,
    suspects: IntArray,
) -> IntArray:
    """Return the rows of a class, the most telling first.

    Parameters
    ----------
    order : str
        "central" (nearest to the mean first), "diverse" (each farthest from those before),
        "border" (least margin over the runner-up first), "suspect" (coarse label looks wrong,
        worst first) or "all" (as in the data set).
    number : int
        Number of the class.
    review, placement, inputs
        Review, placement and inputs of the session.
    suspects : int64 (S,)
        Rows whose coarse label looks wrong, worst first.
    """
    rows = review.members(number)
    if order == "suspect":
        return np.asarray(suspects[review.fine[suspects] == number], np.int64)
    if order == "border":
        margin = placement.confidence[rows] - placement.rival[rows]
        return rows[np.argsort(margin, kind="stable")]
    points = inputs[rows]
    gap = ((points - points.mean(axis=0)) ** 2).sum(axis=1) if len(rows) else np.zeros(0)
    central = rows[np.argsort(gap, kind="stable")]
    if order == "diverse":
        return diverse_rows(inputs, central[:: max(1, len(rows) // MOST_SPREAD_OVER)], MOST_DIVERSE)
    return central if order == "central" else rows


def marks(
    features: FloatArray, rows: IntArray, others: IntArray, most: int
) -> list[dict[str, float]]:
    """Return the columns that set a class apart from its siblings, largest effect first.

    Parameters
    ----------
    features : float32 (N, D)
    rows, others : int64
        Rows and others of the class, and of its siblings.
    most : int
        Columns at most.

    Returns
    -------
    list of dict
        ``column``, ``effect`` (Cohen's d, pooled standard deviation) and the ``mean`` and
        ``spread`` of class and siblings together, by which values are shown.
    """
    if len(rows) < 2 or len(others) < 2:
        return []
    a, b = features[rows], features[others]
    pooled = np.sqrt((a.var(axis=0) * len(a) + b.var(axis=0) * len(b)) / (len(a) + len(b)))
    with np.errstate(divide="ignore", invalid="ignore"):
        effect = np.nan_to_num((a.mean(axis=0) - b.mean(axis=0)) / pooled, posinf=0, neginf=0)
    both = np.concatenate([a, b])
    mean, spread = both.mean(axis=0), both.std(axis=0)
    chosen = np.argsort(-np.abs(effect), kind="stable")[:most]
    return [
        {
            "column": int(j),
            "effect": round(float(effect[j]), 3),
            "mean": float(mean[j]),
            "spread": float(spread[j]),
        }
        for j in chosen.tolist()
    ]
