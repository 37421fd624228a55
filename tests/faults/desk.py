"""Attempts without a service: each in a copy of this process, which has loaded all it needs.

What a test patches beforehand holds in the copy too; a kill there kills the copy alone.
"""

from __future__ import annotations

import multiprocessing
import os
import warnings
from contextlib import contextmanager
from pathlib import Path

from falcon_svc.checkpoint import CheckpointStore
from falcon_svc.service import datasets, jobs, uploads
from falcon_svc.service.context import Context
from falcon_svc.service.keys import ANONYMOUS, SCOPES, Caller
from falcon_svc.settings import Settings
from falcon_svc.storage import Database
from falcon_svc.storage.datasets import DatasetRepository
from falcon_svc.storage.jobs import JobRepository
from falcon_svc.storage.tables import Job
from falcon_svc.worker.main import AttemptWorker
from tests.api.running import npz_bytes
from tests.faults.jobs import TRAIN

CALLER = Caller(ANONYMOUS, frozenset(SCOPES))
KEEP_S = 1000.0


class Desk:
    """A record, a store, and attempts one after another.

    `folder` and `settings` are as a service has them, so that its history can be checked.
    """

    def __init__(self, folder: Path, **settings: object) -> None:
        self.folder = folder
        self.settings: dict[str, object] = {"worker_nice": 0, **settings}
        self.whole = Settings(data_dir=folder, **self.settings)

    @contextmanager
    def context(self):
        """Give a context whose connections are closed afterwards: none may outlive a fork."""
        made = Context.make(self.whole)
        try:
            yield made
        finally:
            made.close()

    def add_dataset(self, content: bytes | None = None) -> str:
        content = npz_bytes(200) if content is None else content
        with self.context() as context:
            arrival = uploads.Arrival(context.staging.new_file())
            arrival.write(content)
            whole = arrival.whole("planted.npz")
            dataset, _ = datasets.add(context, CALLER, whole, {}, {}, key=None)
            with context.database.write() as session:
                DatasetRepository(session).validated(
                    dataset.id, summary={}, error=None, keep_s=KEEP_S
                )
        return dataset.id

    def submit(self, dataset_id: str, config: dict | None = None) -> str:
        with self.context() as context:
            return jobs.submit(context, CALLER, dataset_id, config or TRAIN, {}, key=None)[0].id

    def attempt(self, job_id: str) -> int:
        """Claim the job, work on it in a copy of this process, and return the exit code."""
        with self.context() as context, context.database.write() as session:
            job = JobRepository(session).claim("desk")
        assert job is not None and job.id == job_id
        code = apart(lambda: AttemptWorker(self.whole, job_id, job.attempt).work())
        if code != 0:
            self._lose(job_id, job.attempt)
        return code

    def _lose(self, job_id: str, number: int) -> None:
        """Do what a supervisor does about a worker that was killed."""
        problem = {"code": "worker_killed", "detail": "It was killed."}
        with self.context() as context, context.database.write() as session:
            most = self.whole.max_attempts
            JobRepository(session).retry(job_id, number, problem, most=most, keep_s=KEEP_S)

    def until_ended(self, job_id: str) -> Job:
        """Make attempts until the job has ended."""
        while (job := self.job(job_id)).ended_at is None:
            self.attempt(job_id)
        return job

    def job(self, job_id: str) -> Job:
        database = Database(self.whole.database)
        with database.read() as session:
            job = JobRepository(session).get(job_id)
        database.close()
        assert job is not None
        return job

    def result(self, job: Job, name: str) -> bytes:
        """Return the content of a file of a job's result."""
        return (self.folder / "artifacts" / str(job.result_key) / name).read_bytes()

    def outcomes(self, job_id: str) -> list[str | None]:
        database = Database(self.whole.database)
        with database.read() as session:
            found = list(JobRepository(session).outcomes(job_id))
        database.close()
        return found


def apart(work) -> int:
    """Return the exit code of a copy of this process that does the work."""

    def run() -> None:
        os._exit(work())

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # threads of others do not matter here
        child = multiprocessing.get_context("fork").Process(target=run)
        child.start()
    child.join()
    assert child.exitcode is not None
    return child.exitcode


def resumed_epochs(folder, monkeypatch):
    """Let attempts write down at which epoch they begin."""
    load = CheckpointStore.load

    def noted(self, run, *, like=None):
        saved = load(self, run, like=like)
        with (folder / "epochs").open("a") as file:
            file.write(f"{saved.numbers['epoch'] if saved else 0} ")
        return saved

    monkeypatch.setattr(CheckpointStore, "load", noted)
    return lambda: list(map(int, (folder / "epochs").read_text().split()))
