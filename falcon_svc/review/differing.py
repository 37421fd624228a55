"""What differs: a review as a placement to compare with, and what became of an earlier one."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from falcon_svc.result.ancestry import Ancestry
from falcon_svc.triage.solutions import Placement
from falcon_svc.triage.state import Review

NO_ANCESTRY: dict[str, Any] = {
    **{"earlier": None, "n_known": 0, "n_new": 0, "lineage": [], "drift": []},
    "text": "This review goes on from no earlier one.",
}


def placed(review: Review, placement: Placement) -> Placement:
    """Return a review as the placement that it amounts to; probabilities are the placement's."""
    return replace(
        placement,
        fine=review.fine,
        classes=tuple(review.classes.values()),
        next_number=review.next_number,
    )


def ancestry_bytes(found: Ancestry | None) -> bytes:
    """Return what became of an earlier review's classes in JSON."""
    return json.dumps(NO_ANCESTRY if found is None else found.document()).encode()
