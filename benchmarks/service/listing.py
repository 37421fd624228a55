"""The case of a long listing: 100,000 jobs, page by page to the end, and with filters."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from contextlib import closing

from benchmarks.service.drive import percentile_ms
from benchmarks.service.http import Connection, Request
from benchmarks.service.jobs import add_dataset
from benchmarks.service.row import Row, Sizes
from benchmarks.service.site import N_FINE, Site
from falcon_svc.errors import FalconError
from falcon_svc.storage.batches import BatchRepository
from falcon_svc.storage.datasets import DatasetRepository
from falcon_svc.storage.jobs import JobRepository

PAGE_MS = 150.0
TENANT = "listing"
AT_ONCE = 1_000
JOBS_PER_DATASET = 100


def listing(site: Site, sizes: Sizes) -> Iterator[Row]:
    """List everything by large pages, then by filters that leave little of it."""
    site.training()
    filters = _fill(site, sizes.jobs_listed)
    waits: dict[str, list[float]] = {}
    with site.watch() as watch:
        for what, query in filters.items():
            waits[what] = asyncio.run(_walk(site, query, _expected(what, sizes.jobs_listed)))
    every = [wait for found in waits.values() for wait in found]
    by_kind = ", ".join(f"{what} {percentile_ms(found, 0.95):.0f}" for what, found in waits.items())
    yield Row(
        "listing",
        f"{sizes.jobs_listed:,} jobs listed to the end, {len(every):,} pages",
        f"page p95 < {PAGE_MS:g} ms",
        f"p95 {percentile_ms(every, 0.95):.0f} ms ({by_kind})",
        all(percentile_ms(found, 0.95) < PAGE_MS for found in waits.values()),
        {f"p95_ms_{what}": percentile_ms(found, 0.95) for what, found in waits.items()},
        watch.circumstances,
    )


def _fill(site: Site, n: int) -> dict[str, str]:
    """Queue `n` jobs, 1 % of them canceled; return queries by name."""
    datasets: list[str] = []
    batches: list[str] = []
    for begin in range(0, n, AT_ONCE):
        with site.context.database.write() as session:
            jobs = JobRepository(session)
            batches.append(BatchRepository(session).add(TENANT, {}).id)
            for number in range(begin, min(begin + AT_ONCE, n)):
                if number % JOBS_PER_DATASET == 0:
                    datasets.append(add_dataset(DatasetRepository(session), TENANT))
                config = {"counts": {"n_fine": N_FINE}, "seed": number}
                text = {"number": str(number)}
                job = jobs.add(TENANT, datasets[-1], config, text, batch_id=batches[-1])
                if number % JOBS_PER_DATASET == 0:
                    jobs.cancel(job.id, keep_s=1e6)
    return {
        "all": "page_size=200",
        "state": "page_size=50&state=canceled",
        "dataset": f"page_size=50&dataset_id={datasets[0]}",
        "batch": f"page_size=50&batch_id={batches[0]}",
    }


def _expected(what: str, n: int) -> int:
    of_dataset, of_batch = min(JOBS_PER_DATASET, n), min(AT_ONCE, n)
    canceled = -(-n // JOBS_PER_DATASET)
    return {"all": n, "state": canceled, "dataset": of_dataset, "batch": of_batch}[what]


async def _walk(site: Site, query: str, expected: int) -> list[float]:
    """Return the seconds of each page; every job must come once."""
    with closing(Connection(site.port, site.key(TENANT))) as connection:
        waits: list[float] = []
        seen: set[str] = set()
        more: str | None = ""
        while more is not None:
            began = time.perf_counter()
            answer = await connection.ask(Request("GET", f"/v1/jobs?{query}{more}"))
            waits.append(time.perf_counter() - began)
            page = json.loads(answer.body)
            seen |= {one["id"] for one in page["items"]}
            token = page["next_page_token"]
            more = None if token is None else f"&page_token={token}"
    if len(seen) != expected:
        raise FalconError(f"Expected {expected:,} jobs in {query}, found {len(seen):,}.")
    return waits
