"""Keeps the record and the processes in step: starts, watches, retries, cancels, sweeps.

Place: one per machine, beside the API or alone (`falcon worker`). It holds no state that matters:
killed at any moment, the next one finds everything in the database. An attempt proves that it is
alive by raising its `beat`; whoever sees the same beat for `lease_s` on its own monotonic clock
gives the attempt up, so no clock of day is compared with another and any may jump. Time in which
nobody looked, because the database was away or this process was stopped, is no silence. An
attempt of an earlier supervisor with the same name goes on if its engine still has it, and is
given up at once if not. Checks of data sets run beside the supervisor whatever runs the jobs: they
are short, and a stranger's bytes meet this machine's limits. What goes wrong with one job or data
set is told and leaves the others alone; only a database that is away holds up all.
"""

from __future__ import annotations

import fcntl
import logging
import os
import shutil
import signal
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from falcon_svc.engines import Ended, Engine, Task
from falcon_svc.errors import ConfigError
from falcon_svc.service.busy import is_busy
from falcon_svc.service.operations.vitals import Vitals
from falcon_svc.settings import Settings
from falcon_svc.storage import ArtifactStore, Changes, Database, DatabaseError
from falcon_svc.storage.datasets import DatasetRepository
from falcon_svc.storage.jobs import JobRepository, Problem, results_key
from falcon_svc.storage.kinds import device_of
from falcon_svc.storage.reviews import remove_review
from falcon_svc.storage.states import CANCELING, PREPARING
from falcon_svc.storage.tables import Attempt, Job
from falcon_svc.worker.failures import MEMORY_TRIES, NO_MEMORY, OUT_OF_MEMORY

POLL_S = 0.1
QUIET_S = 1.0
"""Longest pause between two looks at a record that tells of no change, where nothing is at work."""
SWEEP_S = 60.0
LOCK = "supervisor.lock"
AT_WORK_ALREADY = "taken"
_log = logging.getLogger(__name__)


class Supervisor:
    """Runs the jobs of a database on one engine.

    Parameters
    ----------
    settings, database, artifacts
        What it works with.
    engine
        Runs jobs; its name is on the attempts that are started here.
    checks
        Runs the checks of data sets.
    vitals
        Counts what goes wrong with single jobs.
    clock
        Monotonic seconds.
    """

    def __init__(
        self,
        settings: Settings,
        database: Database,
        artifacts: ArtifactStore,
        engine: Engine,
        checks: Engine,
        *,
        vitals: Vitals | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.settings, self.database, self.artifacts = settings, database, artifacts
        self.engine, self.checks, self.clock = engine, checks, clock
        self.vitals = vitals or Vitals()
        self.owner = engine.name
        self._seen: dict[Task, tuple[int, float]] = {}
        self._tries: dict[str, int] = {}
        self._looked, self._swept = clock(), -SWEEP_S
        self._devices = engine.devices()
        self._changes = Changes(database)
        self._unchecked, self._unstarted = False, False

    def step(self) -> None:
        """Do whatever is due now; takes milliseconds, and microseconds where nothing can be."""
        if self._is_quiet():
            return
        self.engine.make_way(needed=is_busy(self.settings))
        self._check()
        for ended in self.engine.ended():
            with self._apart(ended.task.id):
                self._after(ended)
        self._watch()
        self._start()
        if self.clock() - self._swept > SWEEP_S:
            self._swept = self.clock()
            self._devices = self.engine.devices()
            self._sweep()

    def _is_quiet(self) -> bool:
        """Whether nothing was at work or waiting at the last look, and nothing has come since."""
        changed = self._changes.seen()
        waiting = self._unchecked or self._unstarted
        at_work = self._seen or self.engine.tasks or self.checks.tasks
        return not (changed or waiting or at_work) and self.clock() - self._looked < QUIET_S

    def _apart(self, about: str) -> AbstractContextManager[None]:
        """What happens here to one job or data set is no other's trouble."""
        return self.vitals.turn("supervisor", about, but=(DatabaseError,))

    def _check(self) -> None:
        """Account for checks that have ended and start those that are due."""
        for ended in self.checks.ended():
            with self._apart(ended.task.id):
                self._checked(ended)
        with self.database.read() as session:
            waiting = [found.id for found in DatasetRepository(session).to_validate()]
        self._unchecked = bool(waiting)
        for task in (Task("check", dataset_id) for dataset_id in waiting):
            if self.checks.has_room(task.device) and self.checks.is_gone(task):
                with self._apart(task.id):
                    self.checks.start(task)

    def _checked(self, ended: Ended) -> None:
        """Account for a check's end: one that died without a word is made again, a few times."""
        dataset_id = ended.task.id
        tries = self._tries.pop(dataset_id, 0) + 1
        if ended.exit_code == 0:
            return
        _log.warning("%s: its check ended with exit code %s", dataset_id, ended.exit_code)
        if tries < self.settings.max_attempts:
            self._tries[dataset_id] = tries
            return
        with self.database.write() as session:
            DatasetRepository(session).validated(
                dataset_id, summary=None, error=_UNCHECKED, keep_s=self.settings.retention_s
            )

    def _after(self, ended: Ended) -> None:
        """Account for a process that has gone; a worker that did its duty left nothing to do."""
        with self.database.write() as session:
            jobs = JobRepository(session)
            for job, attempt in jobs.open_attempts():
                if (job.id, attempt.number) == (ended.task.id, ended.task.number):
                    self._account(jobs, job, ended)
        self._clean(ended.task.id)

    def _account(self, jobs: JobRepository, job: Job, ended: Ended) -> None:
        """Charge a job for an attempt, unless that found no room; without hope of any, fail."""
        keep_s = self.settings.retention_s
        if ended.began:
            self._retry(jobs, job, _lost(ended))
        elif device_of(job) in self._devices:
            jobs.release(job.id, job.attempt, keep_s=keep_s)
        else:
            jobs.fail(job.id, job.attempt, _NO_DEVICE, keep_s=keep_s)

    def _watch(self) -> None:
        """Stop what is to be canceled or is no longer current; give up what is gone or silent."""
        with self.database.read() as session:
            present = list(JobRepository(session).open_attempts())
        current = {Task("job", job.id, attempt.number) for job, attempt in present}
        for task in self.engine.tasks - current:
            with self._apart(task.id):
                self.engine.stop(task)
                self._clean(task.id)
        now = self.clock()
        passed_s, self._looked = min(now - self._looked, self.settings.beat_s), now
        for job, attempt in present:
            with self._apart(job.id):
                self._look_at(job, attempt, passed_s)
        self._seen = {task: seen for task, seen in self._seen.items() if task in current}

    def _look_at(self, job: Job, attempt: Attempt, passed_s: float) -> None:
        """Stop an attempt that is not wanted; give it up once it is gone, or after more silence."""
        task, own = Task("job", job.id, attempt.number), attempt.owner == self.owner
        silent_s, lease_s = self._silent_s(task, attempt.beat, passed_s), self._lease_s(job)
        silent, canceled = silent_s > lease_s, job.state == CANCELING
        if silent or (canceled and own):
            self.engine.stop(task)
        gone = self.engine.is_gone(task) or silent_s > 2 * lease_s
        if gone and (silent or own):
            why = _CANCELED if canceled else _SILENT if silent else _GONE
            with self.database.write() as session:
                self._retry(JobRepository(session), job, why)
            self._clean(job.id)

    def _silent_s(self, task: Task, beat: int, passed_s: float) -> float:
        """Return for how long nothing was heard that should have been."""
        last, silent_s = self._seen.get(task, (-1, 0.0))
        heard = beat != last or task in self.engine.waiting
        silent_s = 0.0 if heard else silent_s + passed_s
        self._seen[task] = (beat, silent_s)
        return silent_s

    def _lease_s(self, job: Job) -> float:
        """Return the silence that is borne: more of a process that is loading what it needs."""
        settings = self.settings
        loading = job.state == PREPARING
        return max(settings.lease_s, settings.start_s) if loading else settings.lease_s

    def _clean(self, job_id: str) -> None:
        """Delete an ended job's work, and what attempts left that did not become its result."""
        with self.database.read() as session:
            job = JobRepository(session).get(job_id)
        if job is not None and job.ended_at is None:
            return
        kept = job.result_key if job is not None else None
        every = results_key(job_id)
        left = [f"{every}/{number}" for number in self.artifacts.names(every)] if kept else [every]
        for key in left:
            if key != kept:
                self.artifacts.remove(key)
        shutil.rmtree(self._work / job_id, ignore_errors=True)  # last: the sweep goes by it

    def close(self) -> None:
        """Stop what ends with this process and queue it again; no job is charged for it."""
        mine = self.engine.tasks
        self._changes.close()
        self.engine.close()
        self.checks.close()
        with self.database.write() as session:
            jobs = JobRepository(session)
            for job, attempt in jobs.open_attempts():
                task = Task("job", job.id, attempt.number)
                if task in mine and self.engine.is_gone(task):
                    jobs.release(job.id, attempt.number, keep_s=self.settings.retention_s)

    def _retry(self, jobs: JobRepository, job: Job, problem: Problem) -> None:
        _log.warning("%s, attempt %d: %s", job.id, job.attempt, problem["detail"])
        most, keep_s = self.settings.max_attempts, self.settings.retention_s
        most = min(most, MEMORY_TRIES) if problem["code"] == OUT_OF_MEMORY else most
        jobs.retry(job.id, job.attempt, problem, most=most, keep_s=keep_s)

    def _start(self) -> None:
        """Start jobs while there is room for them."""
        while self.engine.has_room("auto"):
            with self.database.write() as session:
                job = JobRepository(session).claim(self.owner, cuda=self.engine.has_room("cuda"))
            self._unstarted = job is not None
            if job is None:
                return
            with self._apart(job.id):  # what did not start is gone, and tried again
                self.engine.start(Task("job", job.id, job.attempt, device_of(job)))
        self._unstarted = True

    def _sweep(self) -> None:
        """Delete results of expired jobs, and the work of jobs that ended without being seen."""
        with self.database.write() as session:
            gone = JobRepository(session).expire()
        for job_id in gone:
            with self._apart(job_id):
                self.artifacts.remove(results_key(job_id))
                remove_review(self.settings.data_dir, job_id)
        folders = [path.name for path in self._work.iterdir()] if self._work.is_dir() else []
        for job_id in folders:
            with self._apart(job_id):
                self._clean(job_id)

    @property
    def _work(self) -> Path:
        return self.settings.data_dir / "work"


def hold_lock(settings: Settings) -> int:
    """Take the lock of this data directory's supervisor; return its descriptor.

    Raises
    ------
    ConfigError
        Another supervisor has it (code ``taken``).
    """
    settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(settings.data_dir / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise ConfigError(
            f"Expected one supervisor per data directory, found another at work in "
            f"{settings.data_dir}; stop it first, or name another FALCON_DATA_DIR.",
            code=AT_WORK_ALREADY,
        ) from None
    return descriptor


def is_held(settings: Settings, descriptor: int) -> bool:
    """Return whether the lock that was taken is still the one that others would meet."""
    try:
        found = os.stat(settings.data_dir / LOCK)
    except FileNotFoundError:
        return False
    return os.path.samestat(found, os.fstat(descriptor))


def _problem(code: str, why: str) -> Problem:
    return {"code": code, "detail": f"The attempt ended early: {why}."}


_UNCHECKED = {
    "code": "unreadable",
    "detail": "Expected a file that can be checked, found that the process which does it is killed "
    "each time; write the file again.",
}
_CANCELED = _problem("canceled", "it was canceled")
_SILENT = _problem("worker_lost", "its process fell silent")
_GONE = _problem("worker_lost", "its supervisor or its machine stopped")
_NO_DEVICE = _problem("no_such_device", "no machine of the cluster has what it asks for")


def _lost(ended: Ended) -> Problem:
    if ended.out_of_memory:
        return {"code": OUT_OF_MEMORY, "detail": NO_MEMORY}
    if ended.exit_code is None:
        return _GONE
    if ended.exit_code == -signal.SIGKILL:
        return _problem("worker_killed", "its process was killed")
    return _problem("worker_lost", f"its process ended with exit code {ended.exit_code}")
