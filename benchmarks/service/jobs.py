"""Cases of jobs: submits that survive a killed API, cancels, turns of tenants, long listings."""

from __future__ import annotations

import asyncio
import json
import random
import tempfile
import time
from collections import Counter, deque
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from benchmarks.service.drive import Enough, Tally, at_rate, percentile_ms
from benchmarks.service.http import Answer, Request
from benchmarks.service.processes import is_there
from benchmarks.service.row import Row, Sizes
from benchmarks.service.site import N_FINE, Site, until
from falcon_svc.client import Falcon
from falcon_svc.storage import Database
from falcon_svc.storage.datasets import DatasetRepository
from falcon_svc.storage.ids import new_id
from falcon_svc.storage.jobs import JobRepository

SUBMITS_PER_S = 50.0
CANCEL_S = 1.0
SLOTS = 4
SHARES = (0.6, 0.2, 0.1, 0.06, 0.04)
"""Of the queue, by tenant; the first comes long before the others."""
MOST_SHARE = 2.0
JSON = ("Content-Type", "application/json")


def submits(site: Site, sizes: Sizes) -> Iterator[Row]:
    """Submit jobs at a fixed rate, kill the API the moment it has acknowledged one, look again."""
    acknowledged: list[str] = []
    rounds: list[Tally] = []
    for _ in range(sizes.kills):
        site.training()
        with site.watch() as watch:
            rounds.append(asyncio.run(_submit_until_killed(site, sizes, acknowledged)))
        site.restart()
    with site.client() as client:
        there = {str(one["id"]): one["state"] for one in client.jobs()}
    lost = len(set(acknowledged) - set(there))
    # also those whose answer was lost with the process that gave it
    _cancel_all(site, [job_id for job_id, state in there.items() if state == "queued"])
    waits = Tally([wait for tally in rounds for wait in tally.waits_s])
    per_s = len(waits.waits_s) / sum(tally.elapsed_s for tally in rounds)
    yield Row(
        "submits",
        f"submits, {sizes.submits_per_s:g}/s offered, {sizes.kills} x kill -9 at an answer",
        f">= {SUBMITS_PER_S:g}/s, 0 lost",
        f"{per_s:.1f}/s, p99 {waits.ms(0.99):.0f} ms; {len(acknowledged):,} acknowledged, "
        f"{lost} lost",
        per_s >= SUBMITS_PER_S and lost == 0,
        {
            "per_s": per_s,
            "p99_ms": waits.ms(0.99),
            "acknowledged": len(acknowledged),
            "lost": lost,
        },
        watch.circumstances,
    )


async def _submit_until_killed(site: Site, sizes: Sizes, acknowledged: list[str]) -> Tally:
    """Submit until the API is killed, in the last fifth of the time, at the moment of an answer."""
    planned = sizes.submits_per_s * sizes.seconds / 2
    fatal = len(acknowledged) + max(1, int(planned * random.uniform(0.8, 1.0)))
    body = json.dumps({"dataset_id": site.dataset(), "config": {"counts": {"n_fine": N_FINE}}})

    def told(answer: Answer) -> None:
        if answer.status == 202:
            acknowledged.append(json.loads(answer.body)["id"])
        if len(acknowledged) >= fatal:
            site.kill()
            raise Enough

    return await at_rate(
        site.port,
        site.key(),
        lambda _: Request("POST", "/v1/jobs", body.encode(), (JSON,)),
        per_s=sizes.submits_per_s,
        seconds=sizes.seconds,
        connections=sizes.connections,
        told=told,
    )


def _cancel_all(site: Site, job_ids: list[str]) -> None:
    """Empty the queue; through the record, as this is not measured."""
    with site.context.database.write() as session:
        for job_id in job_ids:
            JobRepository(session).cancel(job_id, keep_s=1e6)


def cancel(site: Site, sizes: Sizes) -> Iterator[Row]:
    """Cancel jobs that train, and take the time until their processes are gone."""
    seconds = []
    with site.client() as client:
        for _ in range(sizes.cancels):
            job = site.training()
            worker = until(partial(site.worker, job), 10, "a job has a process")
            began = time.perf_counter()
            client.cancel(job)
            while is_there(worker) and time.perf_counter() - began < 10 * CANCEL_S:
                time.sleep(0.002)
            seconds.append(time.perf_counter() - began)
            until(partial(_is_canceled, client, job), 10, "a job is canceled")
    yield Row(
        "cancel",
        f"{sizes.cancels} cancels of a job at work",
        f"process gone within {CANCEL_S:g} s",
        f"at most {max(seconds):.2f} s",
        max(seconds) < CANCEL_S,
        {"most_s": max(seconds)},
    )


def _is_canceled(client: Falcon, job_id: str) -> bool:
    return client.job(job_id)["state"] == "canceled"


def fairness(_: Site, sizes: Sizes) -> Iterator[Row]:
    """Let five tenants with queues of very unequal length wait for four slots, in a record alone.

    While k tenants wait, each start is a k-th of one for each of them. Measured is the most that
    came together for a tenant before it had a start of its own: 1 would be exact turns.
    """
    with tempfile.TemporaryDirectory(prefix="falcon-bench-") as folder:
        database = Database(f"sqlite:///{Path(folder) / 'fair.db'}")
        database.migrate()
        left = _queue_up(database, sizes.queued_fair)
        n = sum(left.values())
        worst, claims_s = _serve(database, left)
        database.close()
    yield Row(
        "fairness",
        f"{n:,} jobs of {len(SHARES)} tenants wait for {SLOTS} slots",
        f"no tenant waits > {MOST_SHARE:g} x its fair share",
        f"{worst:.2f} x; a start takes p99 {percentile_ms(claims_s, 0.99):.1f} ms",
        worst <= MOST_SHARE,
        {"worst_share": worst, "claim_p99_ms": percentile_ms(claims_s, 0.99)},
    )


def _queue_up(database: Database, n: int) -> Counter[str]:
    """Queue the jobs, those of the largest tenant first; return their numbers by tenant."""
    queued: Counter[str] = Counter()
    with database.write() as session:
        for number, share in enumerate(SHARES):
            tenant = f"tenant{number}"
            dataset = add_dataset(DatasetRepository(session), tenant)
            for _ in range(max(1, round(share * n))):
                JobRepository(session).add(tenant, dataset, {}, {})
                queued[tenant] += 1
    return queued


def add_dataset(datasets: DatasetRepository, tenant: str) -> str:
    """Insert a data set that has been checked already; it has no file."""
    made = datasets.add(
        new_id("ds"),
        tenant,
        name="bench.npz",
        suffix=".npz",
        size_bytes=1,
        sha256="0" * 64,
        options={},
        metadata={},
    )
    datasets.validated(made.id, summary={}, error=None)
    return made.id


def _serve(database: Database, left: Counter[str]) -> tuple[float, list[float]]:
    """Start and end all jobs; return the longest wait in fair shares, and seconds per start."""
    owed = dict.fromkeys(left, 0.0)
    at_work: deque[str] = deque()
    worst, claims_s = 0.0, []
    while waiting := [tenant for tenant, n in left.items() if n]:
        if len(at_work) == SLOTS:
            with database.write() as session:
                problem = {"code": "bench", "detail": "Its time was over."}
                JobRepository(session).fail(at_work.popleft(), 1, problem, keep_s=1e6)
        began = time.perf_counter()
        with database.write() as session:
            job = JobRepository(session).claim("bench")
        claims_s.append(time.perf_counter() - began)
        assert job is not None, "a job waits and none is started"
        for tenant in waiting:
            owed[tenant] += 1 / len(waiting)
        worst = max(worst, *owed.values())
        owed[job.tenant] = 0.0
        left[job.tenant] -= 1
        at_work.append(job.id)
    return worst, claims_s
