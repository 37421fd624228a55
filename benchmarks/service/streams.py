"""The case of event streams: every event once, in order, across reconnects."""

from __future__ import annotations

import asyncio
import json
import random
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime

from benchmarks.service.drive import percentile_ms
from benchmarks.service.http import Connection, Request
from benchmarks.service.processes import open_files, rss_bytes
from benchmarks.service.row import MIB, Row, Sizes
from benchmarks.service.site import Site
from falcon_svc.storage.jobs import JobRepository
from falcon_svc.storage.states import TERMINAL

BEAT_S = 5.0
END_S = 60.0


@dataclass
class Stream:
    """A client that follows a job, and what it has received.

    Parameters
    ----------
    job_id
        Which.
    began
        When it was made; older events have waited for it.
    seqs
        Numbers of the events received, in order.
    delays_s
        From each later event's time to its arrival.
    reconnects
        How often it came back.
    """

    job_id: str
    began: float = field(default_factory=time.time)
    seqs: list[int] = field(default_factory=list)
    delays_s: list[float] = field(default_factory=list)
    reconnects: int = -1
    ended: bool = False

    async def follow(self, site: Site, mean_life_s: float) -> None:
        """Receive until the job has ended, leaving and coming back at random moments."""
        while not self.ended:
            self.reconnects += 1
            try:
                async with asyncio.timeout(random.expovariate(1 / mean_life_s)):
                    await self._connect(site)
            except (TimeoutError, OSError):
                continue

    async def _connect(self, site: Site) -> None:
        last = str(self.seqs[-1] if self.seqs else 0)
        headers = (("Last-Event-ID", last), ("Accept", "text/event-stream"))
        request = Request("GET", f"/v1/jobs/{self.job_id}/events", headers=headers)
        with closing(Connection(site.port, site.key())) as connection:
            await connection.send(request)
            status, _ = await connection.head()
            rest = b""
            async for piece in connection.pieces():
                *whole, rest = (rest + piece).split(b"\n\n")
                for text in whole:
                    self._take(text.decode())
            self.ended = self.ended or status == 204

    def _take(self, text: str) -> None:
        lines = dict(line.partition(": ")[::2] for line in text.splitlines())
        if "id" not in lines:
            return
        data = json.loads(lines["data"])
        self.seqs.append(int(lines["id"]))
        written = datetime.fromisoformat(data["at"]).timestamp()
        if written > self.began:
            self.delays_s.append(time.time() - written)
        self.ended = data.get("state") in TERMINAL


class Writer:
    """Does to the record what the workers of some jobs do: progress, beats, an end.

    Parameters
    ----------
    site
        Whose record.
    job_ids
        Job ids of queued jobs that are claimed here, before any supervisor has a free slot.
    per_s
        Events of each job.
    """

    def __init__(self, site: Site, job_ids: list[str], per_s: float) -> None:
        self._site, self._job_ids, self._per_s = site, job_ids, per_s
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)

    def __enter__(self) -> Writer:
        with self._site.context.database.write() as session:
            jobs = JobRepository(session)
            claimed = [job.id for _ in self._job_ids if (job := jobs.claim("bench")) is not None]
            assert set(claimed) == set(self._job_ids), "somebody else claimed a job"
            for job_id in self._job_ids:
                jobs.run(job_id, 1)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        problem = {"code": "bench", "detail": "The benchmark has ended."}
        with self._site.context.database.write() as session:
            for job_id in self._job_ids:
                JobRepository(session).fail(job_id, 1, problem, keep_s=1e6)

    def _work(self) -> None:
        """Write one event after another, in a round, each in a transaction of its own."""
        done, beaten = 0, time.monotonic()
        while not self._stop.wait(1 / (self._per_s * len(self._job_ids))):
            job_id = self._job_ids[done % len(self._job_ids)]
            done += 1
            with self._site.context.database.write() as session:
                jobs = JobRepository(session)
                jobs.progress(job_id, 1, stage="head", done=done, total=0, eta_s=None)
                if time.monotonic() - beaten > BEAT_S:
                    beaten = time.monotonic()
                    for other in self._job_ids:
                        jobs.beat(other, 1)


def streams(site: Site, sizes: Sizes) -> Iterator[Row]:
    """Follow jobs on many streams at once while a training job writes events too."""
    job = site.training()
    with site.client() as client:
        for one in list(client.jobs()):  # what other cases left behind
            if one["state"] == "queued":
                client.cancel(one["id"])
        others = [str(client.submit(site.dataset())["id"]) for _ in range(sizes.stream_jobs - 1)]
    followed = [Stream([job, *others][i % sizes.stream_jobs]) for i in range(sizes.streams)]
    pid = site.process.pid
    with site.watch() as watch:
        grown, drained = asyncio.run(_follow(site, followed, others, job, sizes, pid))
    wrong = sum(_is_wrong(site, stream) for stream in followed)
    delays = [delay for stream in followed for delay in stream.delays_s]
    received = sum(len(stream.seqs) for stream in followed)
    returns = sum(stream.reconnects for stream in followed)
    yield Row(
        "streams",
        f"{sizes.streams} event streams of {sizes.stream_jobs} jobs for {sizes.soak_s:g} s",
        "no event lost or twice, across reconnects",
        f"{received:,} events, {returns:,} reconnects, {wrong} streams wrong; delay p50 "
        f"{percentile_ms(delays, 0.5):.0f} ms, p99 {percentile_ms(delays, 0.99):.0f} ms; "
        f"API grew by {grown['rss_mib']:.0f} MiB, {grown['files']:.0f} files",
        wrong == 0 and drained,
        {
            "events": received,
            "reconnects": returns,
            "wrong_streams": wrong,
            "delay_p50_ms": percentile_ms(delays, 0.5),
            "delay_p99_ms": percentile_ms(delays, 0.99),
            **{f"grown_{name}": value for name, value in grown.items()},
        },
        watch.circumstances,
    )


async def _follow(
    site: Site,
    followed: list[Stream],
    others: list[str],
    training: str,
    sizes: Sizes,
    pid: int,
) -> tuple[dict[str, float], bool]:
    """Return how the API's process grew, from full load on, and whether all streams ended."""
    with Writer(site, others, sizes.events_per_s):
        tasks = [asyncio.create_task(one.follow(site, sizes.reconnect_s)) for one in followed]
        await asyncio.sleep(sizes.soak_s / 4)
        before = rss_bytes(pid) / MIB, open_files(pid)
        await asyncio.sleep(sizes.soak_s * 3 / 4)
        grown = {
            "rss_mib": rss_bytes(pid) / MIB - before[0],
            "files": open_files(pid) - before[1],
        }
    with site.client() as client:
        await asyncio.to_thread(client.cancel, training)
    _, open_still = await asyncio.wait(tasks, timeout=END_S)
    for task in open_still:
        task.cancel()
    return grown, not open_still


def _is_wrong(site: Site, stream: Stream) -> bool:
    """Whether a stream differs from the record: something lost, twice, or out of order."""
    with site.context.database.read() as session:
        written = JobRepository(session).events_after(stream.job_id, 0, most=10**7)
    return stream.seqs != [event.seq for event in written]
