"""Cases that read: status of a job under load, overload, slow clients, predictions, listings."""

from __future__ import annotations

import asyncio
import io
import json
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace

import numpy as np

from benchmarks.service.drive import Tally, at_rate, hammer, percentile_ms
from benchmarks.service.http import HOST, Answer, Connection, Request
from benchmarks.service.row import Row, Sizes
from benchmarks.service.site import Site
from falcon_svc.settings import Settings

STATUS_PER_S, STATUS_MS = 300.0, 250.0
ACCEPTED_MS, RECOVERY_S = 2_000.0, 10.0
PREDICT_MS, PREDICT_ROWS = 50.0, 1_000


def status(site: Site, sizes: Sizes) -> Iterator[Row]:
    """Read a job's status while it trains: at a fixed rate, then as fast as it goes."""
    job = site.training()
    ask = Request("GET", f"/v1/jobs/{job}")
    with site.watch() as watch:
        tally = asyncio.run(_steady(site, ask, sizes))
    most = asyncio.run(_flat_out(site, ask, sizes, sizes.seconds / 2))
    measured = (
        f"{tally.per_s:.0f}/s: p50 {tally.ms(0.5):.1f} ms, p99 {tally.ms(0.99):.1f} ms, "
        f"{tally.errors} errors; at most {most.per_s:.0f}/s"
    )
    passed = tally.per_s >= STATUS_PER_S and tally.ms(0.99) < STATUS_MS
    yield Row(
        "status",
        f"status reads, {sizes.status_per_s:g}/s offered",
        f">= {STATUS_PER_S:g}/s, p99 < {STATUS_MS:g} ms, 0 errors",
        measured,
        passed and not tally.errors and not tally.refused,
        {
            "per_s": tally.per_s,
            "p50_ms": tally.ms(0.5),
            "p99_ms": tally.ms(0.99),
            "errors": tally.errors,
            "most_per_s": most.per_s,
        },
        watch.circumstances,
    )


async def _steady(site: Site, ask: Request, sizes: Sizes) -> Tally:
    return await at_rate(
        site.port,
        site.key(),
        lambda _: ask,
        per_s=sizes.status_per_s,
        seconds=sizes.seconds,
        connections=sizes.connections,
    )


async def _flat_out(site: Site, ask: Request, sizes: Sizes, seconds: float) -> Tally:
    return await hammer(
        site.port, site.key(), lambda _: ask, connections=sizes.connections, seconds=seconds
    )


def overload(site: Site, sizes: Sizes) -> Iterator[Row]:
    """Ask on many more connections than are worked on at once, again at once when refused."""
    job = site.training()
    ask = Request("GET", f"/v1/jobs/{job}")
    connections = sizes.overload * Settings.model_fields["max_requests"].default
    before = asyncio.run(_flat_out(site, ask, sizes, sizes.seconds / 2))
    many = replace(sizes, connections=connections)
    with site.watch() as watch:
        tally = asyncio.run(_flat_out(site, ask, many, sizes.seconds))
    recovery_s = _recovery_s(site, ask, sizes, 1.5 * before.ms(0.99) + 50)
    measured = (
        f"{len(tally.waits_s):,} accepted, p99 {tally.ms(0.99):.0f} ms; {tally.refused:,} refused, "
        f"{tally.bare_refusals} without Retry-After; {tally.errors} errors; baseline after "
        f"{recovery_s:.1f} s"
    )
    fine = not tally.errors and not tally.bare_refusals and tally.refused > 0
    yield Row(
        "overload",
        f"{connections} connections at once, {sizes.overload} x what is worked on",
        f"429/503 with Retry-After, accepted p99 < {ACCEPTED_MS:g} ms, "
        f"baseline within {RECOVERY_S:g} s",
        measured,
        fine and tally.ms(0.99) < ACCEPTED_MS and recovery_s < RECOVERY_S,
        {
            "accepted": len(tally.waits_s),
            "p99_ms": tally.ms(0.99),
            "refused": tally.refused,
            "errors": tally.errors,
            "recovery_s": recovery_s,
        },
        watch.circumstances,
    )


def _recovery_s(site: Site, ask: Request, sizes: Sizes, most_ms: float) -> float:
    """Return the seconds until reads are as quick as before, in windows of half a second."""
    began = time.perf_counter()
    while (passed := time.perf_counter() - began) < RECOVERY_S:
        tally = asyncio.run(_flat_out(site, ask, sizes, 0.5))
        if tally.ms(0.99) <= most_ms and not tally.errors and not tally.refused:
            return passed
    return passed


def slow_clients(site: Site, sizes: Sizes) -> Iterator[Row]:
    """Let clients send a byte a second, of their headers or of a body, while others read."""
    job = site.training()
    ask = Request("GET", f"/v1/jobs/{job}")

    async def beside() -> Tally:
        slow = [
            asyncio.create_task(_dribble(site, kind))
            for kind in ("headers", "body")
            for _ in range(sizes.sockets)
        ]
        await asyncio.sleep(1.0)
        tally = await _steady(site, ask, sizes)
        for task in slow:
            task.cancel()
        await asyncio.gather(*slow, return_exceptions=True)
        return tally

    with site.watch() as watch:
        tally = asyncio.run(beside())
    yield Row(
        "slow_clients",
        f"{sizes.sockets} sockets that dribble headers and {sizes.sockets} that dribble a body",
        f"other tenants' reads >= {STATUS_PER_S:g}/s, p99 < {STATUS_MS:g} ms, 0 errors",
        f"{tally.per_s:.0f}/s, p99 {tally.ms(0.99):.1f} ms, {tally.errors + tally.refused} errors",
        tally.per_s >= STATUS_PER_S
        and tally.ms(0.99) < STATUS_MS
        and not tally.errors + tally.refused,
        {
            "per_s": tally.per_s,
            "p99_ms": tally.ms(0.99),
            "errors": tally.errors,
            "refused": tally.refused,
        },
        watch.circumstances,
    )


async def _dribble(site: Site, kind: str) -> None:
    """Send a request a byte a second, for ever; begin again when the service has had enough."""
    head = f"POST /v1/jobs HTTP/1.1\r\nHost: {HOST}:{site.port}\r\n"
    if kind == "body":
        head += f"Authorization: Bearer {site.key('slow')}\r\nContent-Type: application/json\r\n"
        head += "Content-Length: 100000\r\n\r\n"
    while True:
        writer = None
        try:
            _, writer = await asyncio.open_connection(HOST, site.port)
            writer.write(head.encode())
            while True:
                writer.write(b"X")
                await writer.drain()
                await asyncio.sleep(1.0)
        except OSError:
            await asyncio.sleep(1.0)
        finally:
            if writer is not None:
                writer.transport.abort()


def predict(site: Site, sizes: Sizes) -> Iterator[Row]:
    """Predict 1,000 vectors at a time by a finished job's model, while another job trains."""
    path = f"/v1/models/{site.model()}:predict"
    site.training()
    vectors = np.random.default_rng(0).standard_normal((PREDICT_ROWS, sizes.dim), np.float32)
    buffer = io.BytesIO()
    np.save(buffer, vectors)
    text = json.dumps({"vectors": vectors.tolist()}).encode()
    for kind, media, body in (
        ("JSON", "application/json", text),
        ("npy", "application/octet-stream", buffer.getvalue()),
    ):
        ask = Request("POST", path, body, (("Content-Type", media),))
        with site.watch() as watch:
            answers = asyncio.run(_one_by_one(site, ask, sizes.predictions))
        spent = [server_ms(answer) / 1e3 for answer in answers]
        p50, p95 = percentile_ms(spent, 0.5), percentile_ms(spent, 0.95)
        yield Row(
            "predict",
            f"predict {PREDICT_ROWS:,} x {sizes.dim}, {kind} ({len(body) / 1e6:.1f} MB)",
            f"p50 <= {PREDICT_MS:g} ms in the service",
            f"p50 {p50:.1f} ms, p95 {p95:.1f} ms",
            p50 <= PREDICT_MS and all(answer.status == 200 for answer in answers),
            {"p50_ms": p50, "p95_ms": p95, "body_bytes": len(body)},
            watch.circumstances,
        )


async def _one_by_one(site: Site, ask: Request, n: int) -> list[Answer]:
    """Return `n` answers in a row, after one that loads the model."""
    with closing(Connection(site.port, site.key())) as connection:
        answers = [await connection.ask(ask) for _ in range(1 + n)]
    return answers[1:]


def server_ms(answer: Answer) -> float:
    """Return the milliseconds that the service says it took, of its `Server-Timing` header."""
    return float(answer.headers["server-timing"].partition("app;dur=")[2])
