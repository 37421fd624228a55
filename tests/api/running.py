"""A service in a process of its own, on a socket, as users start it."""

from __future__ import annotations

import io
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import numpy as np
import psutil

from falcon_svc.client import Falcon

READY_S = STOP_S = 120.0


class Running:
    """`falcon serve` on a free port of this machine.

    Parameters
    ----------
    folder
        Data directory; a second service on it goes on where the first stopped.
    settings
        FALCON_* settings by their lower-case names.
    """

    def __init__(self, folder: Path, *flags: str, **settings: object) -> None:
        self.folder, self.flags = folder, flags
        self.settings = settings
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = folder.with_suffix(".log")
        self.start()

    def start(self) -> None:
        own = {f"FALCON_{name.upper()}": str(value) for name, value in self.settings.items()}
        environment = {**os.environ, **own, "OMP_NUM_THREADS": "1"}
        command = [sys.executable, "-m", "falcon_svc.cli.main", "serve"]
        command += ["--data-dir", str(self.folder), "--port", str(self.port), *self.flags]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        self.http = httpx.Client(base_url=self.url, timeout=60)
        self._wait_ready()

    def _wait_ready(self) -> None:
        deadline = time.monotonic() + READY_S
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                break
            try:
                if self.http.get("/health/ready").status_code == 200:
                    return
            except httpx.TransportError:
                time.sleep(0.05)
        self.kill()
        raise AssertionError(f"the service did not start:\n{self.log.read_text()[-3000:]}")

    def until_stands_by(self) -> None:
        """Wait for the process whose copies do checks and jobs; before, checks load all anew."""
        served = psutil.Process(self.process.pid)

        def stands_by() -> bool:
            return any("stands by" in _title(p) for p in served.children(recursive=True))

        wait_until(stands_by, seconds=300)

    def client(self, key: str | None = None) -> Falcon:
        return Falcon(self.url, key)

    def kill(self) -> None:
        self.http.close()
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        self.http.close()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(STOP_S)
        finally:
            self.process.kill()

    def descendants(self) -> list[int]:
        """Process ids of the supervisor and all workers, also of an earlier service here."""
        mark = str(self.folder)
        found = []
        for process in psutil.process_iter(["cmdline"]):
            words = " ".join(process.info["cmdline"] or [])
            if "falcon_svc." in words and "cli.main serve" not in words:
                try:
                    if process.environ().get("FALCON_DATA_DIR") == mark:
                        found.append(process.pid)
                except psutil.Error:
                    continue
        return found


def _title(process: psutil.Process) -> str:
    with suppress(psutil.Error):
        return " ".join(process.cmdline())
    return ""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def planted(n: int = 400, dims: int = 8, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Vectors of 6 well separated fine classes in 2 coarse ones, and the coarse labels."""
    rng = np.random.default_rng(seed)
    fine = np.arange(n) % 6
    centers = rng.normal(size=(6, dims)) * 6
    return (centers[fine] + rng.normal(size=(n, dims))).astype(np.float32), fine // 3


def npz_bytes(n: int = 400, dims: int = 8, seed: int = 0) -> bytes:
    x, coarse = planted(n, dims, seed)
    buffer = io.BytesIO()
    np.savez(buffer, x=x, coarse=np.array(["land", "water"])[coarse])
    return buffer.getvalue()


@contextmanager
def cheap(service: Running, most_s: float = 1.0) -> Iterator[None]:
    """Check that what happens inside costs the service at most so many seconds of a processor."""
    process = psutil.Process(service.process.pid)

    def spent() -> float:
        times = process.cpu_times()
        return times.user + times.system

    before = spent()
    yield
    assert spent() - before < most_s


def wait_until(condition, seconds: float = 60.0, every: float = 0.1):
    """Return what `condition` gives once it is true."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = condition()
        if found:
            return found
        time.sleep(every)
    raise AssertionError("it did not become true in time")
