"""Cases of large bodies: uploads at once, downloads at once; the service keeps none in memory."""

from __future__ import annotations

import asyncio
import hashlib
import json
import random
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from benchmarks.service.drive import Enough, Tally, at_rate
from benchmarks.service.http import Connection, Request
from benchmarks.service.row import MIB, Row, Sizes
from benchmarks.service.site import Site
from falcon_svc.errors import FalconError
from falcon_svc.storage.datasets import file_key
from falcon_svc.storage.jobs import JobRepository, results_key

RSS_MIB, HEALTH_MS, HEALTH_PER_S = 400.0, 500.0, 20.0
FLAT_MIB = 50.0
PIECE_BYTES = 2**18
JSON = ("Content-Type", "application/json")
BYTES = ("Content-Type", "application/octet-stream")
SUMMARY = {"n_samples": 1, "n_fine": 1, "seconds": 0.0}
"""Of a made-up result."""


@dataclass(frozen=True)
class File:
    """A file that is made as it is sent: one random block over and over.

    Parameters
    ----------
    number
        Makes the block.
    size_bytes
        Bytes of the whole file.
    """

    number: int
    size_bytes: int

    def pieces(self, first: int = 0, n_bytes: int | None = None) -> Iterator[bytes]:
        """Give the bytes from a multiple of `PIECE_BYTES` on."""
        block = random.Random(self.number).randbytes(PIECE_BYTES)
        left = min(self.size_bytes - first, n_bytes or self.size_bytes)
        while left > 0:
            yield block[:left]
            left -= PIECE_BYTES

    def sha256(self) -> str:
        """Return the digest of the whole file, hex."""
        digest = hashlib.sha256()
        for piece in self.pieces():
            digest.update(piece)
        return digest.hexdigest()


def uploads(site: Site, sizes: Sizes) -> Iterator[Row]:
    """Send large files at once, half as forms and half in parts, and watch the service's health."""
    site.training()
    files = [File(i, sizes.upload_bytes) for i in range(sizes.uploads)]
    digests = [file.sha256() for file in files]
    with site.watch() as watch:
        made, health, seconds = asyncio.run(_send_all(site, files, digests, sizes))
    equal = sum(
        document.get("sha256") == digest == _stored_sha256(site, document)
        for document, digest in zip(made, digests, strict=True)
    )
    with site.client() as client:
        for document in made:
            client.delete_dataset(document["id"])
    rss_mib = watch.peak_rss_bytes / MIB
    mb_per_s = sizes.uploads * sizes.upload_bytes / seconds / 1e6
    yield Row(
        "uploads",
        f"{sizes.uploads} uploads of {sizes.upload_bytes / 1e6:.0f} MB at once, form and parts",
        f"API memory < {RSS_MIB:g} MiB, equal sha256, health p99 < {HEALTH_MS:g} ms",
        f"{rss_mib:.0f} MiB at most; {equal} of {len(files)} equal; health p99 "
        f"{health.ms(0.99):.0f} ms, {health.errors} errors; {mb_per_s:.0f} MB/s",
        rss_mib < RSS_MIB
        and equal == len(files)
        and health.ms(0.99) < HEALTH_MS
        and not health.errors,
        {
            "peak_rss_mib": rss_mib,
            "equal": equal,
            "health_p99_ms": health.ms(0.99),
            "mb_per_s": mb_per_s,
        },
        watch.circumstances,
    )


async def _send_all(
    site: Site, files: list[File], digests: list[str], sizes: Sizes
) -> tuple[list[dict[str, str]], Tally, float]:
    """Return the data sets, what became of the health checks, and the seconds."""
    began = asyncio.get_running_loop().time()
    sending = [
        asyncio.create_task(
            _send_form(site, file) if file.number % 2 else _send_parts(site, file, digest, sizes)
        )
        for file, digest in zip(files, digests, strict=True)
    ]
    health = asyncio.create_task(
        at_rate(
            site.port,
            site.key(),
            lambda _: Request("GET", "/health/live"),
            per_s=HEALTH_PER_S,
            seconds=3600,
            connections=int(HEALTH_PER_S),
            told=lambda _: _stop_when(all(task.done() for task in sending)),
        )
    )
    made = await asyncio.gather(*sending)
    seconds = asyncio.get_running_loop().time() - began
    return list(made), await health, seconds


def _stop_when(done: bool) -> None:
    if done:
        raise Enough


async def _send_form(site: Site, file: File) -> dict[str, str]:
    head = (
        b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.npz"\r\n'
        b"Content-Type: application/octet-stream\r\n\r\n"
    )
    tail = b"\r\n--b--\r\n"
    headers = (
        ("Content-Type", "multipart/form-data; boundary=b"),
        ("Content-Length", str(len(head) + file.size_bytes + len(tail))),
    )
    request = Request("POST", "/v1/datasets", headers=headers)
    with closing(Connection(site.port, site.key())) as connection:
        return await _made(connection, request, _framed(head, file.pieces(), tail))


async def _framed(head: bytes, pieces: Iterator[bytes], tail: bytes = b"") -> AsyncIterator[bytes]:
    yield head
    for piece in pieces:
        yield piece
    yield tail


async def _made(
    connection: Connection, request: Request, body: AsyncIterator[bytes] | None = None
) -> dict[str, str]:
    """Return the document of what a request made, or {} if it made nothing to speak of."""
    answer = await connection.ask(request, body)
    if answer.status not in (201, 204):
        found = answer.body[:300]
        raise FalconError(f"Expected status 201 or 204, found {answer.status}: {found!r}.")
    return dict(json.loads(answer.body)) if answer.body else {}


async def _send_parts(site: Site, file: File, digest: str, sizes: Sizes) -> dict[str, str]:
    announced = json.dumps({"name": "a.npz", "size_bytes": file.size_bytes}).encode()
    end = json.dumps({"sha256": digest}).encode()
    with closing(Connection(site.port, site.key())) as connection:
        upload = await _made(connection, Request("POST", "/v1/uploads", announced, (JSON,)))
        place = f"/v1/uploads/{upload['id']}"
        for number, first in enumerate(range(0, file.size_bytes, sizes.part_bytes), start=1):
            n_bytes = min(sizes.part_bytes, file.size_bytes - first)
            headers = (BYTES, ("Content-Length", str(n_bytes)))
            request = Request("PUT", f"{place}/parts/{number}", headers=headers)
            await _made(connection, request, _framed(b"", file.pieces(first, n_bytes)))
        return await _made(connection, Request("POST", f"{place}:complete", end, (JSON,)))


def _stored_sha256(site: Site, document: dict[str, str]) -> str:
    """Return the digest of the file that the service keeps."""
    path: Path = site.context.artifacts.local_path(file_key(document["id"], ".npz"))
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def downloads(site: Site, sizes: Sizes) -> Iterator[Row]:
    """Fetch one large result many times at once, each time in ranges, and compare every byte."""
    site.training()
    file = File(0, sizes.download_bytes)
    path = f"/v1/jobs/{_published(site, file)}/model"
    with site.watch() as watch:
        right, seconds = asyncio.run(_fetch_all(site, path, file, sizes))
    grown_mib = (watch.peak_rss_bytes - watch.first_rss_bytes) / MIB
    mb_per_s = sizes.downloads * sizes.download_bytes / seconds / 1e6
    yield Row(
        "downloads",
        f"{sizes.downloads} downloads of {sizes.download_bytes / MIB:,.0f} MiB at once, in ranges",
        f"equal bytes, API memory grows by < {FLAT_MIB:g} MiB",
        f"{right} of {sizes.downloads} equal; grew by {grown_mib:.0f} MiB; {mb_per_s:.0f} MB/s",
        right == sizes.downloads and grown_mib < FLAT_MIB,
        {"equal": right, "grown_mib": grown_mib, "mb_per_s": mb_per_s},
        watch.circumstances,
    )


def _published(site: Site, file: File) -> str:
    """Return a job whose result has that file as its model, as a worker publishes it."""
    with site.client() as client:
        job_id = str(client.submit(site.dataset())["id"])
    folder = site.folder / "result"
    folder.mkdir()
    with (folder / "model.zip").open("wb") as model:
        model.writelines(file.pieces())
    key = f"{results_key(job_id)}/1"
    site.context.artifacts.put_directory(folder, key, last="model.zip")
    (folder / "model.zip").unlink()
    with site.context.database.write() as session:
        jobs = JobRepository(session)
        claimed = jobs.claim("bench")
        assert claimed is not None and claimed.id == job_id, "somebody else claimed the job"
        jobs.succeed(job_id, 1, result_key=key, summary=SUMMARY, measured={}, keep_s=1e6)
    return job_id


async def _fetch_all(site: Site, path: str, file: File, sizes: Sizes) -> tuple[int, float]:
    """Return how many downloads were right, and the seconds."""
    began = asyncio.get_running_loop().time()
    fetches = [_fetch(site, path, file, sizes.range_bytes) for _ in range(sizes.downloads)]
    right = sum(await asyncio.gather(*fetches))
    return right, asyncio.get_running_loop().time() - began


async def _fetch(site: Site, path: str, file: File, range_bytes: int) -> bool:
    """Fetch a file range by range; return whether every byte was right."""
    with closing(Connection(site.port, site.key())) as connection:
        for first in range(0, file.size_bytes, range_bytes):
            last = min(first + range_bytes, file.size_bytes) - 1
            headers = (("Range", f"bytes={first}-{last}"),)
            await connection.send(Request("GET", path, headers=headers))
            if not await _is_right(connection, file, first, last):
                return False
    return True


async def _is_right(connection: Connection, file: File, first: int, last: int) -> bool:
    status, _ = await connection.head()
    twice = memoryview(next(file.pieces()) * 2)
    place, right = first, status == 206
    async for piece in connection.pieces():
        start = place % PIECE_BYTES
        right = right and twice[start : start + len(piece)] == piece
        place += len(piece)
    return right and place == last + 1
