"""What a job's record is told of its progress: units done, their total, and the seconds left."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from falcon_svc.progress import TAKEN_OVER, THOUSANDTHS
from falcon_svc.worker import main
from falcon_svc.worker.main import AttemptProgress


@pytest.fixture
def clock(monkeypatch):
    now = SimpleNamespace(s=100.0)
    monkeypatch.setattr(main, "time", SimpleNamespace(monotonic=lambda: now.s))
    return now


def test_the_structure_has_a_total_and_a_time_left_that_reckons_without_earlier_attempts(clock):
    told: list[tuple[object, ...]] = []
    progress = AttemptProgress(SimpleNamespace(tell=lambda *given: told.append(given)))
    progress.stage("structure", THOUSANDTHS)
    clock.s += 0.1
    progress.advance(500, {TAKEN_OVER: 500})  # within half a second: not told
    clock.s += 9.9
    progress.advance(600, {TAKEN_OVER: 500})
    clock.s += 10
    progress.advance(700, {TAKEN_OVER: 700})
    assert told == [
        ("structure", 0, THOUSANDTHS, None),
        ("structure", 600, THOUSANDTHS, 40.0),
        ("structure", 700, THOUSANDTHS, None),
    ]
