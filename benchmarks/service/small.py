"""The case of a small job: one request from a table of 240 x 4 to its fine classes.

It is asked for on a machine with nothing else to do, and again while every core computes at an
equal right for somebody else.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.service.row import Row, Sizes
from benchmarks.service.site import JOB_S, Site
from falcon_svc.bench.planted import Planted
from falcon_svc.errors import FalconError

SAMPLES, DIMS, COARSE, FINE = 240, 4, 2, 6
QUIET_S, BUSY_S = 3.0, 15.0
SPIN = "while True: pass"


def small_jobs(site: Site, sizes: Sizes) -> Iterator[Row]:
    """Measure the request's seconds, quiet and busy; the slowest of a few."""
    site.quiet()
    path = Planted(DIMS, COARSE, FINE, fine_spread=6.0).write(site.folder, SAMPLES, seed=1)
    files = {"file": path.read_bytes(), "labels": path.with_suffix(".csv").read_bytes()}
    _once(site, files)  # the process that stands by may be loading still
    yield _row("a machine with nothing else to do", QUIET_S, _seconds(site, files, sizes))
    with _all_cores_busy():
        yield _row(f"{os.cpu_count()} other busy processes", BUSY_S, _seconds(site, files, sizes))


def _seconds(site: Site, files: dict[str, bytes], sizes: Sizes) -> list[float]:
    return [_once(site, files) for _ in range(sizes.small_jobs)]


def _once(site: Site, files: dict[str, bytes]) -> float:
    began = time.perf_counter()
    with site.client() as client:
        answer = client.http.post(
            "/v1/discover",
            headers={"Prefer": "wait=60"},
            files={"file": ("few.npy", files["file"]), "labels": ("few.csv", files["labels"])},
            data={"config": json.dumps({"counts": {"n_fine": FINE}})},
            timeout=JOB_S,
        )
        if answer.status_code == 202:  # it takes longer than a request may wait
            client.wait(answer.json()["id"])
            return time.perf_counter() - began
    if answer.status_code != 200:
        raise FalconError(f"Expected fine classes, found {answer.status_code}: {answer.text[:200]}")
    return time.perf_counter() - began


@contextmanager
def _all_cores_busy() -> Iterator[None]:
    command = [sys.executable, "-S", "-c", SPIN]
    others = [subprocess.Popen(command) for _ in range(os.cpu_count() or 1)]
    try:
        yield
    finally:
        for other in others:
            other.kill()
            other.wait()


def _row(what: str, most_s: float, seconds: list[float]) -> Row:
    return Row(
        "small_jobs",
        f"{len(seconds)} x {SAMPLES} x {DIMS} numbers in one request, {what}",
        f"answer within {most_s:g} s",
        f"at most {max(seconds):.1f} s",
        max(seconds) <= most_s,
        {"most_s": max(seconds), "least_s": min(seconds)},
    )
