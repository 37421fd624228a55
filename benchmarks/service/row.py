"""A line of the load table, and how much of everything is asked for."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from benchmarks.service.processes import Circumstances

MIB = 2**20


@dataclass(frozen=True)
class Row:
    """A target and what was measured.

    Parameters
    ----------
    case, what
        The case's name, and what was asked for.
    target, measured
        For people.
    passed
        Whether the target was reached.
    figures
        For programs, with units in their names.
    during
        What else the machine did; None where nothing was timed.
    """

    case: str
    what: str
    target: str
    measured: str
    passed: bool
    figures: dict[str, float] = field(default_factory=dict)
    during: Circumstances | None = None


@dataclass(frozen=True)
class Sizes:
    """How much of everything; the defaults are those of the targets.

    Parameters
    ----------
    model_samples, model_fine, dim
        Planted data of the model that predicts.
    job_samples
        Planted data of the discoveries that train meanwhile.
    jobs
        Discoveries that train at once, one thread each.
    seconds
        Seconds of a stretch of status reads, submits or overload.
    connections
        That read at once.
    status_per_s, submits_per_s
        Offered rates, above the targets of 300 and 50.
    kills
        How often the API is killed.
    uploads, upload_bytes, part_bytes
        Files that are sent at once; half of them in parts.
    soak_s, streams, stream_jobs, events_per_s, reconnect_s
        Seconds of event streams, their number, the jobs that they follow, each job's events, a
        stream's mean life.
    predictions
        Requests of 1,000 vectors.
    sockets
        Slow clients, of each of two kinds.
    overload
        Connections per request that the service works on at once.
    downloads, download_bytes, range_bytes
        Downloads at once, of one file in ranges.
    cancels
        Jobs that are canceled.
    small_jobs
        Requests for a small job, each time.
    jobs_listed, queued_fair
        Rows of the listing, and jobs that five tenants wait for.
    """

    model_samples: int = 3_000
    model_fine: int = 150
    dim: int = 384
    job_samples: int = 1_000
    jobs: int = field(default_factory=lambda: os.cpu_count() or 1)
    seconds: float = 10.0
    connections: int = 16
    status_per_s: float = 400.0
    submits_per_s: float = 55.0
    kills: int = 3
    uploads: int = 20
    upload_bytes: int = 200 * 10**6
    part_bytes: int = 32 * MIB
    soak_s: float = 60.0
    streams: int = 200
    stream_jobs: int = 20
    events_per_s: float = 2.0
    reconnect_s: float = 10.0
    predictions: int = 30
    sockets: int = 200
    overload: int = 4
    downloads: int = 10
    download_bytes: int = 2**30
    range_bytes: int = 64 * MIB
    cancels: int = 3
    small_jobs: int = 5
    jobs_listed: int = 100_000
    queued_fair: int = 1_000


QUICK = Sizes(
    seconds=4.0,
    kills=1,
    upload_bytes=20 * 10**6,
    part_bytes=4 * MIB,
    predictions=10,
    download_bytes=100 * MIB,
    range_bytes=16 * MIB,
    cancels=1,
    small_jobs=2,
    jobs_listed=10_000,
    queued_fair=200,
)
"""A tenth of the bytes and rows: whether it works, not whether it holds."""
