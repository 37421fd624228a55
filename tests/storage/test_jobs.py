"""The record of jobs: one current attempt, one end, an event for every change."""

from __future__ import annotations

import threading

import pytest

from falcon_svc.storage.datasets import DatasetRepository
from falcon_svc.storage.jobs import JobRepository
from falcon_svc.storage.states import TERMINAL
from falcon_svc.storage.tables import Attempt
from tests.storage.records import KEEP_S, add_dataset, add_job, claimed, do, job_of

PROBLEM = {"code": "worker_lost", "detail": "gone"}
DONE = {"result_key": "results/j/1", "summary": {"n_fine": 3}, "measured": {}, "keep_s": KEEP_S}


def test_a_job_runs_from_queued_to_succeeded_and_tells_every_step(database):
    job_id = add_job(database)
    job = claimed(database)
    assert (job.id, job.state, job.attempt) == (job_id, "preparing", 1)
    assert do(database, "run", job_id, 1)
    assert do(database, "progress", job_id, 1, stage="head", done=2, total=9, eta_s=1.5)
    assert do(database, "succeed", job_id, 1, **DONE)
    job = job_of(database, job_id)
    assert (job.state, job.result_key, job.summary) == ("succeeded", "results/j/1", {"n_fine": 3})
    assert job.created_at <= job.preparing_at <= job.running_at <= job.ended_at < job.expires_at
    with database.read() as session:
        events = JobRepository(session).events_after(job_id, 0)
        attempt = session.get(Attempt, (job_id, 1))
    assert [e.seq for e in events] == list(range(1, job.version + 1))
    assert [e.data.get("state") for e in events] == [
        "queued",
        "preparing",
        "running",
        None,
        "succeeded",
    ]
    assert attempt.outcome == "succeeded"


def test_what_a_lost_attempt_writes_is_refused(database):
    job_id = add_job(database)
    claimed(database)
    assert do(database, "retry", job_id, 1, PROBLEM, most=4, keep_s=KEEP_S)
    assert claimed(database).attempt == 2
    before = job_of(database, job_id).version
    assert not do(database, "beat", job_id, 1)
    assert not do(database, "run", job_id, 1)
    assert not do(database, "progress", job_id, 1, stage="s", done=1, total=2, eta_s=None)
    assert not do(database, "succeed", job_id, 1, **DONE)
    assert not do(database, "fail", job_id, 1, PROBLEM, keep_s=KEEP_S)
    assert not do(database, "retry", job_id, 1, PROBLEM, most=4, keep_s=KEEP_S)
    assert job_of(database, job_id).version == before
    assert do(database, "beat", job_id, 2)
    assert do(database, "succeed", job_id, 2, **DONE)


@pytest.mark.parametrize("error", [None, {"code": "empty", "detail": "Nothing."}])
def test_jobs_wait_for_the_check_of_their_data_set(database, error):
    dataset = add_dataset(database, checked=False)
    job_id, other = add_job(database, "a", dataset.id), add_job(database, "b")
    assert claimed(database).id == other
    assert do(database, "claim", "s") is None
    with database.write() as session:
        datasets = DatasetRepository(session)
        assert datasets.validated(dataset.id, summary=None, error=error, keep_s=KEEP_S)
        assert not datasets.validated(dataset.id, summary={}, error=None)
    if error is None:
        assert claimed(database).id == job_id
        return
    job = job_of(database, job_id)
    assert (job.state, job.error, job.attempt) == ("failed", error, 0)
    assert job.expires_at - job.ended_at == pytest.approx(KEEP_S)
    assert do(database, "claim", "s") is None
    assert job_of(database, other).state == "preparing"


def test_a_job_ends_once(database):
    job_id = add_job(database)
    claimed(database)
    assert do(database, "succeed", job_id, 1, **DONE)
    assert not do(database, "succeed", job_id, 1, **DONE)
    assert not do(database, "fail", job_id, 1, PROBLEM, keep_s=KEEP_S)
    assert not do(database, "cancel", job_id, keep_s=KEEP_S)
    assert job_of(database, job_id).state == "succeeded"


def test_a_poisonous_job_fails_after_the_last_attempt_and_the_queue_goes_on(database):
    poison, other = add_job(database), add_job(database)
    for number in (1, 2, 3, 4):
        job = claimed(database)
        assert (job.id, job.attempt) == (poison, number)
        do(database, "retry", poison, number, PROBLEM, most=4, keep_s=KEEP_S)
    job = job_of(database, poison)
    assert (job.state, job.error["code"], job.error["cause"]) == (
        "failed",
        "max_attempts",
        "worker_lost",
    )
    assert claimed(database).id == other


def test_a_job_that_fails_for_a_reason_of_its_own_keeps_its_code(database):
    job_id, problem = add_job(database), {"code": "out_of_memory", "detail": "too large."}
    for number in (1, 2):
        claimed(database)
        assert do(database, "retry", job_id, number, problem, most=2, keep_s=KEEP_S)
    job = job_of(database, job_id)
    assert (job.error["code"], job.error["cause"]) == ("out_of_memory", "out_of_memory")
    assert job.error["detail"].startswith("2 attempts")


def test_a_retry_tells_why(database):
    job_id = add_job(database)
    claimed(database)
    do(database, "retry", job_id, 1, PROBLEM, most=4, keep_s=KEEP_S)
    with database.read() as session:
        last = JobRepository(session).events_after(job_id, 0)[-1]
    assert (last.data["state"], last.data["error"]) == ("queued", PROBLEM)
    assert job_of(database, job_id).error is None


def test_a_released_attempt_is_no_try(database):
    job_id = add_job(database)
    for number in (1, 2, 3):
        claimed(database)
        assert do(database, "release", job_id, number, keep_s=KEEP_S)
        assert not do(database, "beat", job_id, number)
    claimed(database)
    assert do(database, "retry", job_id, 4, PROBLEM, most=2, keep_s=KEEP_S)
    assert job_of(database, job_id).state == "queued"
    claimed(database)
    assert do(database, "retry", job_id, 5, PROBLEM, most=2, keep_s=KEEP_S)
    job = job_of(database, job_id)
    assert (job.state, job.error["code"]) == ("failed", "max_attempts")
    assert not do(database, "release", job_id, 5, keep_s=KEEP_S)


def test_a_job_that_is_to_be_canceled_is_not_released(database):
    job_id = add_job(database)
    claimed(database)
    do(database, "cancel", job_id, keep_s=KEEP_S)
    assert do(database, "release", job_id, 1, keep_s=KEEP_S)
    assert job_of(database, job_id).state == "canceled"


def test_a_queued_job_is_canceled_at_once_and_a_running_one_by_its_supervisor(database):
    first, second = add_job(database), add_job(database)
    assert claimed(database).id == first
    for job_id in (first, second):
        assert do(database, "cancel", job_id, keep_s=KEEP_S)
    assert job_of(database, second).state == "canceled"
    assert job_of(database, first).state == "canceling"
    assert do(database, "retry", first, 1, PROBLEM, most=4, keep_s=KEEP_S)
    assert job_of(database, first).state == "canceled"
    assert do(database, "claim", "s") is None


def test_a_job_that_finishes_while_it_is_canceled_has_succeeded(database):
    job_id = add_job(database)
    claimed(database)
    do(database, "cancel", job_id, keep_s=KEEP_S)
    assert do(database, "succeed", job_id, 1, **DONE)
    assert job_of(database, job_id).state == "succeeded"


def test_tenants_take_turns(database):
    for tenant in "aaaabbc":
        add_job(database, tenant)
    order = []
    for _ in range(7):
        job = claimed(database)
        order.append(job.tenant)
        do(database, "succeed", job.id, 1, **DONE)
    assert sorted(order[:3]) == ["a", "b", "c"]
    assert sorted(order[3:5]) == ["a", "b"]


def test_a_tenant_with_work_at_hand_waits_for_one_without(database):
    for tenant in "aab":
        add_job(database, tenant)
    assert [claimed(database).tenant for _ in range(3)] == ["a", "b", "a"]


def test_a_tenant_whose_jobs_cannot_start_yet_lets_the_others_pass(database):
    unchecked = add_dataset(database, "a", checked=False)
    add_job(database, "a", unchecked.id)
    other = add_job(database, "b")
    assert claimed(database).id == other
    assert do(database, "claim", "s") is None


def test_a_job_is_claimed_by_one_of_many(database):
    for _ in range(5):
        add_job(database)
    taken, lock = [], threading.Lock()

    def take(owner: str) -> None:
        while (job := do(database, "claim", owner)) is not None:
            with lock:
                taken.append(job.id)

    threads = [threading.Thread(target=take, args=(f"s{i}",)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(taken) >= 1
    assert len(taken) == len(set(taken))


def test_pages_hold_every_job_once_newest_first(database):
    dataset = add_dataset(database)
    made = [add_job(database, dataset_id=dataset.id) for _ in range(7)]
    add_job(database, "other")
    seen, before = [], None
    while True:
        with database.read() as session:
            page = JobRepository(session).page("a", size=3, before=before)
        seen += [job.id for job in page.jobs]
        if not page.more:
            break
        before = seen[-1]
    assert sorted(seen, reverse=True) == seen
    assert set(seen) == set(made)


def test_other_tenants_jobs_are_not_there(database):
    job_id = add_job(database, "a")
    with database.read() as session:
        assert JobRepository(session).get(job_id, "b") is None
        assert JobRepository(session).get(job_id, "a") is not None


def test_finished_jobs_expire_and_give_their_files_back(database):
    job_id, open_job = add_job(database), add_job(database)
    claimed(database)
    do(database, "succeed", job_id, 1, **(DONE | {"keep_s": -1.0}))
    assert do(database, "expire") == [job_id]
    assert do(database, "expire") == []
    assert job_of(database, job_id).state == "expired"
    assert job_of(database, open_job).state not in TERMINAL


@pytest.mark.parametrize("state", ["queued", "preparing"])
def test_an_open_job_is_not_deleted(database, state):
    job_id = add_job(database)
    if state == "preparing":
        claimed(database)
    assert not do(database, "delete", job_id)
    do(database, "cancel", job_id, keep_s=KEEP_S)
    do(database, "cancel_done", job_id, 1, keep_s=KEEP_S)
    assert do(database, "delete", job_id)
    with database.read() as session:
        assert JobRepository(session).events_after(job_id, 0) == []
