"""A real Ray cluster of one node on loopback, behind a token and a line that can be cut.

Ray takes several ports; all of them listen on 127.0.0.1 only. Its processes are found by their
session or a mark in their environment: `ray stop` would stop other clusters of this machine too.
"""

from __future__ import annotations

import os
import secrets
import select
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path

import httpx

from tests.api.running import free_port, wait_until

MARK = "FALCON_TEST_CLUSTER"
ON_LOOPBACK = """
from ray._private import ray_constants, services
from ray.scripts.scripts import main
ray_constants.ENABLE_RAY_CLUSTER = True  # or it refuses a second node
services.resolve_ip_for_localhost = lambda host: host  # or it takes another address
main()
"""
ROOT = Path(__file__).parents[2]
READY_S = 120.0
ROOM_S = 100
"""How long Ray lets a submission wait for room."""


class Cluster:
    """`ray start --head` with two processors and a small object store.

    Parameters
    ----------
    environment
        Of its processes and so of every job, besides this one's; with a token.
    """

    def __init__(self, **environment: str) -> None:
        self.token, self.mark = environment["RAY_AUTH_TOKEN"], secrets.token_hex(8)
        self.port, self.gcs_port = free_port(), free_port()
        self.folder = Path(tempfile.mkdtemp(prefix="ray"))  # sockets in it need a short path
        self.environment = {
            **os.environ,
            **environment,
            MARK: self.mark,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "OMP_NUM_THREADS": "1",
            "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # bind to 127.0.0.1 alone, on every system
            "RAY_USAGE_STATS_ENABLED": "0",
            "RAY_JOB_START_TIMEOUT_SECONDS": str(ROOM_S),
        }
        self.started: list[subprocess.Popen[bytes]] = []
        self.start()

    def start(self) -> None:
        self.head = self._run(
            "--head",
            f"--port={self.gcs_port}",
            f"--ray-client-server-port={free_port()}",
            "--dashboard-host=127.0.0.1",
            f"--dashboard-port={self.port}",
            "--num-cpus=2",
            f"--temp-dir={self.folder}",
            "--include-log-monitor=false",
        )
        wait_until(self._answers, seconds=READY_S, every=0.2)

    def add_node(self, cpus: int) -> subprocess.Popen[bytes]:
        """Start one more node; it takes a while until the cluster knows it."""
        address = f"--address=127.0.0.1:{self.gcs_port}"
        return self._run(address, f"--num-cpus={cpus}")

    def _run(self, *flags: str) -> subprocess.Popen[bytes]:
        common = [
            "--block",
            "--node-ip-address=127.0.0.1",
            f"--dashboard-agent-listen-port={free_port()}",
            "--min-worker-port=0",  # any
            "--max-worker-port=0",
            "--num-gpus=0",
            "--object-store-memory=83886080",
            "--disable-usage-stats",
        ]
        with (self.folder / "ray.log").open("ab") as log:
            started = subprocess.Popen(
                [sys.executable, "-c", ON_LOOPBACK, "start", *common, *flags],
                env=self.environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.started.append(started)
        return started

    def _answers(self) -> bool:
        assert self.head.poll() is None, (self.folder / "ray.log").read_text()[-3000:]
        with suppress(httpx.TransportError):
            return self.get("/api/jobs/").status_code == 200
        return False

    def get(self, path: str, token: str | None = None) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.token if token is None else token}"}
        return httpx.get(f"http://127.0.0.1:{self.port}{path}", headers=headers, timeout=10)

    def submissions(self) -> dict[str, dict]:
        """Id -> what Ray knows of a submission; nothing while it is starting."""
        answer = self.get("/api/jobs/")
        jobs = answer.json() if answer.status_code == 200 else []
        return {job["submission_id"]: job for job in jobs}

    def kill(self) -> None:
        """Kill the head and all nodes, and wait for the processes of their jobs."""
        for one in self.started:
            if one.poll() is None:
                os.killpg(one.pid, 9)
                one.wait()
        wait_until(lambda: not self.processes(), seconds=30, every=0.2)
        self.started.clear()

    def processes(self) -> list[int]:
        """Process ids of the cluster and of all jobs on it, by session or by the mark."""
        import psutil

        sessions, found = {one.pid for one in self.started}, []
        for process in psutil.process_iter():
            with suppress(psutil.Error, ProcessLookupError):
                ours = os.getsid(process.pid) in sessions or (
                    process.environ().get(MARK) == self.mark
                )
                if ours and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process.pid)
        return found

    def close(self) -> None:
        """Leave no process and no file."""
        with suppress(AssertionError):
            self.kill()
        for pid in self.processes():
            with suppress(ProcessLookupError):
                os.kill(pid, 9)
        shutil.rmtree(self.folder, ignore_errors=True)


class Line:
    """A TCP line to a port of this machine that can be cut, so that nobody is told of it.

    While it is `cut` nothing passes; answers to requests that begin with `loses` are kept back.
    """

    def __init__(self, port: int) -> None:
        self._target = port
        self.cut = False
        self.loses: bytes | None = None
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                threading.Thread(target=self._carry, args=(near,), daemon=True).start()

    def _carry(self, near: socket.socket) -> None:
        lost = False
        with near, suppress(OSError), socket.create_connection(("127.0.0.1", self._target)) as far:
            while True:
                ready, _, _ = select.select([near, far], [], [], 0.1)
                if self.cut:
                    time.sleep(0.1)
                    continue
                for end in ready:
                    piece = end.recv(65_536)
                    if not piece:
                        return
                    if end is near:
                        lost |= self.loses is not None and piece.startswith(self.loses)
                        far.sendall(piece)
                    elif not lost:
                        near.sendall(piece)

    def close(self) -> None:
        self._listener.close()
