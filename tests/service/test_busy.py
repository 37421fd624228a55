"""Jobs step back while the API has much to do, by requests or by processor time, and not else."""

from __future__ import annotations

import asyncio
import os
import time

import pytest

from falcon_svc.service import busy
from falcon_svc.service.busy import LASTS_S, Busy, is_busy
from falcon_svc.service.operations.vitals import Vitals
from falcon_svc.settings import Settings


@pytest.fixture
def settings(tmp_path):
    return Settings(data_dir=tmp_path)


def follow(settings, monkeypatch, *, requests=0, cores=0.0):
    """One look, after so many requests and so much work in half a second."""
    used = iter([0.0, cores * busy.LOOK_S, 9.0])
    monkeypatch.setattr(busy.time, "process_time", lambda: next(used))
    counter = Busy(settings)

    async def look(_):
        if counter._requests:
            raise asyncio.CancelledError
        for _ in range(requests):
            counter.count()
        monkeypatch.setattr(busy.asyncio, "sleep", stop)

    async def stop(_):
        raise asyncio.CancelledError

    monkeypatch.setattr(busy.asyncio, "sleep", look)
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(counter.follow(Vitals()))


@pytest.mark.parametrize(
    ("requests", "cores", "told"),
    [(0, 0.0, False), (10, 0.1, False), (11, 0.0, True), (1, 0.3, True)],
)
def test_many_requests_or_much_work_are_told(settings, monkeypatch, requests, cores, told):
    follow(settings, monkeypatch, requests=requests, cores=cores)
    assert is_busy(settings) == told


def test_it_lasts_for_some_seconds(settings):
    assert not is_busy(settings)
    (settings.data_dir / "api.busy").touch()
    assert is_busy(settings)
    at = time.time() - LASTS_S - 1
    os.utime(settings.data_dir / "api.busy", (at, at))
    assert not is_busy(settings)
