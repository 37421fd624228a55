"""Keeps the record and the processes in step: starts, watches, retries, cancels, sweeps.

Place: one per machine, beside the API or alone (`falcon worker`). It holds no state that matters:
killed at any moment, the next one finds everything in the database. An attempt proves that it is
alive by raising its `beat`; whoever sees the same beat for `lease_s` on its own monotonic clock
gives the attempt up, so no clock of day is compared with another and none may jump. Attempts of
an earlier supervisor with the same name are given up at once: its children died with it.
"""

from __future__ import annotations

import fcntl
import logging
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from falcon_svc.engines import Ended, Engine, Task
from falcon_svc.errors import ConfigError
from falcon_svc.settings import Settings
from falcon_svc.storage import ArtifactStore, Database
from falcon_svc.storage.datasets import DatasetRepository
from falcon_svc.storage.jobs import JobRepository, Problem, results_key
from falcon_svc.storage.states import CANCELING
from falcon_svc.storage.tables import Job

POLL_S = 0.2
SWEEP_S = 60.0
_log = logging.getLogger(__name__)


class Supervisor:
    """Runs the jobs of a database on one engine.

    Parameters
    ----------
    settings, database, artifacts, engine
        What it works with.
    owner
        Name under which it starts attempts; the same after a restart.
    clock
        Monotonic seconds.
    """

    def __init__(
        self,
        settings: Settings,
        database: Database,
        artifacts: ArtifactStore,
        engine: Engine,
        *,
        owner: str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.settings, self.database, self.artifacts = settings, database, artifacts
        self.engine, self.owner, self.clock = engine, owner, clock
        self._seen: dict[tuple[str, int], tuple[int, float]] = {}
        self._swept = -SWEEP_S

    def take_over(self) -> None:
        """Give up the attempts of an earlier supervisor of this name."""
        with self.database.write() as session:
            jobs = JobRepository(session)
            for job, attempt in jobs.open_attempts():
                if attempt.owner == self.owner:
                    self._retry(jobs, job, _problem("worker_lost", "its supervisor stopped"))

    def step(self) -> None:
        """Do whatever is due now; takes milliseconds."""
        for ended in self.engine.ended():
            self._after(ended)
        self._watch()
        self._start()
        if self.clock() - self._swept > SWEEP_S:
            self._swept = self.clock()
            self._sweep()

    def _after(self, ended: Ended) -> None:
        """Account for a process that has gone; a worker that did its duty left nothing to do."""
        if ended.task.kind == "check":
            return self._checked(ended)
        with self.database.write() as session:
            jobs = JobRepository(session)
            for job, attempt in jobs.open_attempts():
                if (job.id, attempt.number) == (ended.task.id, ended.task.number):
                    self._retry(jobs, job, _lost(ended.exit_code))
        return self._clean(ended.task.id)

    def _checked(self, ended: Ended) -> None:
        """A checker that died without a word could not stand the file."""
        error = _problem("unreadable", "the process that read it was killed; repair the file")
        with self.database.write() as session:
            DatasetRepository(session).validated(ended.task.id, summary=None, error=error)

    def _watch(self) -> None:
        """Stop what is to be canceled or is no longer current; give up what is silent."""
        with self.database.read() as session:
            present = list(JobRepository(session).open_attempts())
        current = {Task("job", job.id, attempt.number) for job, attempt in present}
        for task in self.engine.tasks:
            if task.kind == "job" and task not in current:
                self.engine.stop(task)
                self._clean(task.id)
        for job, attempt in present:
            task = Task("job", job.id, attempt.number)
            silent = self._is_silent(job.id, attempt.number, attempt.beat)
            if job.state == CANCELING and (attempt.owner == self.owner or silent):
                self._give_up(task, job, _problem("canceled", "it was canceled"))
            elif silent:
                self._give_up(task, job, _problem("worker_lost", "its process fell silent"))
        self._seen = {key: seen for key, seen in self._seen.items() if Task("job", *key) in current}

    def _is_silent(self, job_id: str, number: int, beat: int) -> bool:
        now = self.clock()
        last, since = self._seen.get((job_id, number), (-1, now))
        if beat != last:
            since = now
        self._seen[job_id, number] = (beat, since)
        return now - since > self.settings.lease_s

    def _give_up(self, task: Task, job: Job, problem: Problem) -> None:
        self.engine.stop(task)
        with self.database.write() as session:
            self._retry(JobRepository(session), job, problem)
        self._clean(job.id)

    def _clean(self, job_id: str) -> None:
        """Delete an ended job's work, and what attempts left that did not become its result."""
        with self.database.read() as session:
            job = JobRepository(session).get(job_id)
        if job is not None and job.ended_at is None:
            return
        shutil.rmtree(self._work / job_id, ignore_errors=True)
        kept = job.result_key if job is not None else None
        for number in self.artifacts.names(results_key(job_id)):
            if f"{results_key(job_id)}/{number}" != kept:
                self.artifacts.remove(f"{results_key(job_id)}/{number}")

    def _retry(self, jobs: JobRepository, job: Job, problem: Problem) -> None:
        jobs.retry(
            job.id,
            job.attempt,
            problem,
            most=self.settings.max_attempts,
            keep_s=self.settings.retention_s,
        )

    def _start(self) -> None:
        """Fill the free slots: checks of data sets first, they are short."""
        with self.database.read() as session:
            waiting = [found.id for found in DatasetRepository(session).to_validate()]
        for dataset_id in waiting:
            if self.engine.free > 0 and Task("check", dataset_id) not in self.engine.tasks:
                self.engine.start(Task("check", dataset_id))
        while self.engine.free > 0:
            with self.database.write() as session:
                job = JobRepository(session).claim(self.owner)
            if job is None:
                return
            self.engine.start(Task("job", job.id, job.attempt))

    def _sweep(self) -> None:
        """Delete results of expired jobs, and the work of jobs that ended without being seen."""
        with self.database.write() as session:
            gone = JobRepository(session).expire()
        for job_id in gone:
            self.artifacts.remove(results_key(job_id))
        folders = [path.name for path in self._work.iterdir()] if self._work.is_dir() else []
        for job_id in folders:
            self._clean(job_id)

    @property
    def _work(self) -> Path:
        return self.settings.data_dir / "work"


def hold_lock(settings: Settings) -> int:
    """Take the lock of this data directory's supervisor; return its descriptor.

    Raises
    ------
    ConfigError
        Another supervisor has it.
    """
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(settings.data_dir / "supervisor.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise ConfigError(
            f"Expected one supervisor per data directory, found another at work in "
            f"{settings.data_dir}; stop it first, or name another FALCON_DATA_DIR."
        ) from None
    return descriptor


def _problem(code: str, why: str) -> dict[str, Any]:
    return {"code": code, "detail": f"The attempt ended early: {why}."}


def _lost(exit_code: int) -> dict[str, Any]:
    if exit_code == -9:
        return _problem("worker_killed", "its process was killed, perhaps for lack of memory")
    return _problem("worker_lost", f"its process ended with exit code {exit_code}")
