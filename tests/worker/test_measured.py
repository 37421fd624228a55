"""What an attempt measures of itself."""

from __future__ import annotations

from dataclasses import replace

from falcon_svc.result.record import StageRecord
from falcon_svc.worker.discovery import _measured
from tests.discoveries import pretend_blobs


def test_a_stage_that_runs_twice_took_its_seconds_together():
    """Features are computed again by an encoder that learnt with the head."""
    found = replace(
        pretend_blobs()[2],
        stages=tuple(
            StageRecord(name, seconds, 0)
            for name, seconds in (("features", 2.0), ("joint", 5.0), ("features", 3.0))
        ),
    )
    seconds = {label: s for (name, label), s in _measured(found).items() if name == "stage_seconds"}
    assert seconds == {"features": 5.0, "joint": 5.0}
