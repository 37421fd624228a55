"""The service that is measured: `falcon serve` in a process of its own, in a folder of its own.

All cases share one service and one data directory, as in real life: with keys, the default
settings, a finished job whose model predicts, and discoveries that train meanwhile, one for each
core, at the default niceness. It is reached over loopback; the record is also opened directly, for
what only a worker does.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TypeVar

import httpx

from benchmarks.service.http import HOST
from benchmarks.service.processes import Watch, children, command, descendants
from benchmarks.service.row import Sizes
from falcon_svc.bench.planted import Planted
from falcon_svc.client import Falcon
from falcon_svc.errors import FalconError
from falcon_svc.service.context import Context
from falcon_svc.settings import Settings
from falcon_svc.storage.states import OPEN

READY_S = 60.0
JOB_S = 600.0
STOP_S = 20.0
TENANT = "bench"
N_FINE = 12
ENDLESS = {
    "epochs": 10_000,
    "most_sample_steps": None,
    "fresh_neighbors": True,
    "sampled_neighbors": 20,
    "batch_size": 32,
}
"""Training that goes on for longer than any case lasts."""
Found = TypeVar("Found")


class Site:
    """A service with its client.

    Parameters
    ----------
    folder
        Empty folder for everything.
    sizes
        Sizes of the planted data, and the number of jobs.
    """

    def __init__(self, folder: Path, sizes: Sizes) -> None:
        self.folder, self.sizes = folder, sizes
        self.port = _free_port()
        self._own = {
            "data_dir": folder / "data",
            "port": self.port,
            "keys_required": True,
            "slots": sizes.jobs,
        }
        self._keys: dict[str, str] = {}
        self._dataset: str | None = None
        self._jobs: list[str] = []
        self._model: str | None = None

    def __enter__(self) -> Site:
        # Settings of this machine's own service, if it has one, are not for this one.
        settings = Settings(_env_prefix="FALCON_BENCH_SERVICE_", **self._own)  # type: ignore[arg-type]
        self.context = Context.make(settings)
        self._spawn()
        try:
            self._wait_ready()
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._close()

    def _close(self) -> None:
        self.context.close()
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(STOP_S)
        finally:
            self.process.kill()
            self.process.wait()

    def _spawn(self) -> None:
        clean = {k: v for k, v in os.environ.items() if not k.startswith("FALCON_")}
        own = {f"FALCON_{name.upper()}": str(value) for name, value in self._own.items()}
        with (self.folder / "service.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "falcon_svc.cli.main", "serve"],
                env={**clean, **own},
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for the benchmark, which then stops it
            )

    def _wait_ready(self) -> None:
        until(self._is_ready, READY_S, "the service is ready")

    def _is_ready(self) -> bool:
        if self.process.poll() is not None:
            tail = (self.folder / "service.log").read_text("utf-8")[-2000:]
            raise FalconError(f"Expected a service that starts, found that it ended: {tail}")
        try:
            return httpx.get(f"http://{HOST}:{self.port}/health/ready").status_code == 200
        except httpx.TransportError:
            return False

    def kill(self) -> None:
        """End the API at once, as a crash would; its supervisor and jobs go with it."""
        self.process.kill()

    def restart(self) -> None:
        """Start the service again after `kill`."""
        self.process.wait()
        self._spawn()
        self._wait_ready()

    def key(self, tenant: str = TENANT) -> str:
        """Return an API key of a tenant."""
        if tenant not in self._keys:
            scopes = frozenset({"read", "write"})
            self._keys[tenant] = self.context.keyring.make(tenant, scopes, name="bench")
        return self._keys[tenant]

    def client(self, tenant: str = TENANT) -> Falcon:
        """Return the project's own client, for what is not measured."""
        return Falcon(f"http://{HOST}:{self.port}", self.key(tenant))

    def dataset(self) -> str:
        """Return the id of the small data set that jobs are queued on."""
        if self._dataset is None:
            planted = Planted(32, 3, N_FINE, fine_spread=1.0)
            self._dataset = self._send(planted, self.sizes.job_samples)
        return self._dataset

    def model(self) -> str:
        """Return the id of a job that has succeeded."""
        if self._model is None:
            sizes = self.sizes
            planted = Planted(sizes.dim, 10, sizes.model_fine, fine_spread=1.0)
            dataset = self._send(planted, sizes.model_samples)
            quick = {"counts": {"n_fine": sizes.model_fine}, "train": {"epochs": 2}}
            with self.client() as client:
                self._model = str(client.wait(client.submit(dataset, quick)["id"])["id"])
        return self._model

    def training(self) -> str:
        """Return the id of a discovery that trains now, the last of one for each slot."""
        with self.client() as client:
            states = {one: client.job(one)["state"] for one in self._jobs}
            self._jobs = [one for one, state in states.items() if state in OPEN]
            while len(self._jobs) < self.sizes.jobs:
                config = {"counts": {"n_fine": N_FINE}, "train": ENDLESS}
                self._jobs.append(str(client.submit(self.dataset(), config)["id"]))
            for one in self._jobs:
                until(partial(self._trains, client, one), JOB_S, f"{one} trains")
        return self._jobs[-1]

    def quiet(self) -> None:
        """Cancel the discoveries that train, and wait until their processes are gone."""
        with self.client() as client:
            for job in self._jobs:
                if client.job(job)["state"] in OPEN:
                    client.cancel(job)
            for job in self._jobs:
                until(partial(self._has_ended, client, job), JOB_S, f"{job} ends")

    def _has_ended(self, client: Falcon, job_id: str) -> bool:
        return client.job(job_id)["state"] not in OPEN

    def _trains(self, client: Falcon, job_id: str) -> bool:
        job = client.job(job_id)
        if job["state"] not in OPEN:
            raise FalconError(f"Expected a job that trains, found it {job['state']}.")
        return job["stage"] == "head" and self.worker(job_id) is not None

    def _send(self, planted: Planted, n_samples: int) -> str:
        path = planted.write(self.folder, n_samples, seed=0)
        with self.client() as client:
            made = client.upload_with_labels(path, path.with_suffix(".csv"))
        return str(made["id"])

    @property
    def supervisor(self) -> int:
        """Process id of the API's supervisor."""
        return next(p for p in children(self.process.pid) if "operations.supervise" in command(p))

    def worker(self, job_id: str) -> int | None:
        """Return the process id of a job's worker, if it has one."""
        found = (p for p in descendants(self.supervisor) if job_id in command(p))
        return next(found, None)

    def watch(self) -> Watch:
        """Return an observer of the API, with its supervisor's memory, and of the workers."""
        api, supervisor = self.process.pid, self.supervisor
        return Watch(api, descendants(supervisor), [api, supervisor])


def until(condition: Callable[[], Found | None], seconds: float, what: str) -> Found:
    """Return what a condition gives once it is true.

    Raises
    ------
    FalconError
        It did not become true in time.
    """
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := condition():
            return found
        time.sleep(0.05)
    raise FalconError(
        f"Expected that {what} within {seconds:g} s, found that it is not; the machine may be too "
        "busy, so run the benchmark again."
    )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
