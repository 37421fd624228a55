"""Loops beside requests: no turn stops one, and a loop that ends is seen and ends its process."""

from __future__ import annotations

import asyncio
import time

import pytest
from sqlalchemy import update

from falcon_svc.api.app import create_app
from falcon_svc.errors import FalconError
from falcon_svc.service.operations import housekeeping
from falcon_svc.service.operations.housekeeping import Stop, keep_house, send_webhooks
from falcon_svc.service.operations.vitals import STALLED_S, Vitals
from falcon_svc.storage.deliveries import DeliveryRepository
from falcon_svc.storage.tables import Delivery
from tests.api.running import wait_until
from tests.storage.records import KEEP_S, add_job, do


@pytest.fixture
def ended():
    return []


@pytest.fixture
def vitals(ended):
    return Vitals(end=lambda: ended.append(True))


def test_what_a_turn_raises_is_counted_and_passes(vitals, ended, caplog):
    for _ in range(3):
        with vitals.turn("sweep", "one thing"):
            raise ValueError("odd")
    assert vitals.failures == {"sweep": 3}
    assert caplog.text.count("Traceback") == 1  # the same again is counted only
    assert (vitals.check(), ended) == (None, [])


def test_what_is_to_pass_passes(vitals):
    with pytest.raises(KeyError), vitals.turn("sweep", but=(KeyError,)):
        raise KeyError("the database is away")
    assert not vitals.failures


def test_a_thread_that_ends_by_an_error_makes_its_process_not_ready_and_ends_it(vitals, ended):
    def loop():
        raise SystemExit("gone")

    vitals.thread("webhooks", loop).join(10)
    with pytest.raises(FalconError, match=r"'webhooks'.*gone") as dead:
        vitals.check()
    assert (dead.value.code, ended) == ("not_at_work", [True])


def test_a_thread_that_was_told_to_stop_is_no_death(vitals, ended):
    vitals.thread("webhooks", lambda: None).join(10)
    assert (vitals.check(), ended) == (None, [])


@pytest.mark.parametrize("error", [RuntimeError("broken"), None])
def test_a_task_that_ends_is_a_death_but_a_cancelled_one_is_not(vitals, ended, error):
    async def loop():
        if error is not None:
            raise error

    async def main():
        cancelled = vitals.task("feed", asyncio.sleep(60))
        await asyncio.sleep(0)
        cancelled.cancel()
        await asyncio.wait([vitals.task("devices", loop()), cancelled])

    asyncio.run(main())
    with pytest.raises(FalconError, match="'devices'"):
        vitals.check()
    assert ended == [True]


def test_a_turn_that_hangs_is_a_death():
    now = [0.0]
    vitals = Vitals(clock=lambda: now[0])
    with vitals.turn("webhooks"):
        now[0] = STALLED_S
        vitals.check()
        now[0] += 1
        with pytest.raises(FalconError, match="hangs"):
            vitals.check()
    vitals.check()


def test_a_failure_that_cannot_be_recorded_harms_nobody(caplog):
    def told(name):
        raise OSError("away")

    vitals = Vitals(told=told)
    vitals.count("sweep")
    assert vitals.failures == {"sweep": 1} and "could not be recorded" in caplog.text


def due_job(context, url):
    job_id = add_job(context.database, "ann")
    with context.database.write() as session:
        DeliveryRepository(session).add(job_id, url)
    assert do(context.database, "cancel", job_id, keep_s=KEEP_S)
    return job_id


@pytest.mark.parametrize(
    "url",
    ["https://example.org/a\nb", "https://example.org\r/", "http://[::1", "https://exa\tmple.org",
     "https://\udcff.org/", "https://xn--\x00.org", "mailto:a@b", "", "https://" + "a" * 300],
)  # fmt: skip
def test_no_url_ends_the_thread_that_sends_to_all(context, url, monkeypatch, vitals):
    """Rows of an earlier release may hold anything: each is an outcome, and others are sent."""
    monkeypatch.setattr(housekeeping, "EVERY_S", 0.01)
    good = due_job(context, "https://127.0.0.1:9/hook")
    bad = due_job(context, "https://127.0.0.1:9/hook")
    with context.database.write() as session:
        text = url.encode("utf-8", "replace").decode()
        session.execute(update(Delivery).where(Delivery.job_id == bad).values(url=text))
    stop = Stop()
    thread = vitals.thread("webhooks", lambda: send_webhooks(context, vitals, stop))

    def tried(job_id):
        with context.database.read() as session:
            return DeliveryRepository(session).get(job_id).tries > 0

    wait_until(lambda: tried(good) and tried(bad), 10)
    assert thread.is_alive()
    stop.wanted = True
    thread.join(10)
    assert not vitals.failures
    vitals.check()


def test_a_sweep_goes_on_behind_what_cannot_be_removed(context, vitals, monkeypatch):
    removed = []

    def remove(key):
        if key.endswith("0"):
            raise PermissionError(key)
        removed.append(key)

    monkeypatch.setattr(housekeeping, "orphans", lambda *_: iter(["datasets/0", "datasets/1"]))
    monkeypatch.setattr(type(context.artifacts), "remove", lambda _, key: remove(key))
    housekeeping.sweep(context, vitals)
    assert removed == ["datasets/1"]
    assert vitals.failures == {"housekeeping": 1}


def test_housekeeping_outlives_anything(context, vitals, monkeypatch):
    turns = []

    def broken(*_):
        turns.append(time.monotonic())
        raise RuntimeError("a mistake of ours")

    monkeypatch.setattr(housekeeping, "EVERY_S", 0.01)
    monkeypatch.setattr(housekeeping, "SWEEP_S", 0.0)
    monkeypatch.setattr(housekeeping, "orphans", broken)
    stop = Stop()
    thread = vitals.thread("housekeeping", lambda: keep_house(context, vitals, stop))
    wait_until(lambda: len(turns) > 2, 10)
    stop.wanted = True
    thread.join(10)
    assert vitals.failures["housekeeping"] >= 2
    vitals.check()


def test_a_dead_loop_shows_in_readiness_and_metrics(make_context, tmp_path):
    from fastapi.testclient import TestClient

    from falcon_svc.settings import Settings

    vitals = Vitals()
    app = create_app(Settings(data_dir=tmp_path / "data"), vitals=vitals)
    with TestClient(app, "http://127.0.0.1") as http:
        assert http.get("/health/ready").status_code == 200
        vitals.died("feed", "it returned")
        answer = http.get("/health/ready")
        assert (answer.status_code, answer.json()["code"]) == (503, "not_at_work")
        assert http.get("/health/live").status_code == 200
        assert 'falcon_loop_failures_total{loop="feed"} 1.0' in http.get("/metrics").text
