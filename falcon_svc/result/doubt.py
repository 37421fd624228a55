"""Which samples are in doubt: one rule for the report, the API and the files.

A sample lies at the border of its class where its margin over the runner-up is under
`BORDER_MARGIN`; it is suspect where its coarse label looks wrong (`Discovery.suspects`).
"""

from __future__ import annotations

import numpy as np

from falcon_svc.result.record import Assignments, Discovery
from falcon_svc.types import BoolArray, IntArray

BORDER_MARGIN = 0.2
"""Margin in [0, 1] over the runner-up under which a sample lies at the border."""


def at_border(found: Assignments) -> BoolArray:
    """(N,) whether each sample lies at the border of its class."""
    return np.asarray(found.margin < BORDER_MARGIN)


def border_rows(discovery: Discovery, fine: int) -> IntArray:
    """Return the rows of a class that lie at its border, the least certain first."""
    found = discovery.assignments
    rows = np.flatnonzero((found.fine == fine) & at_border(found))
    return rows[np.argsort(found.margin[rows], kind="stable")]


def suspect_rows(discovery: Discovery, fine: int) -> IntArray:
    """Return the rows of a class whose coarse label looks wrong, the strongest case first."""
    rows = discovery.suspects
    return np.asarray(rows[discovery.assignments.fine[rows] == fine], np.int64)
