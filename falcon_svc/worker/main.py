"""The process of one attempt at a job, or of the check of a data set.

    python -m falcon_svc.worker.main job JOB_ID ATTEMPT SUPERVISOR_PID
    python -m falcon_svc.worker.main check DATASET_ID 0 SUPERVISOR_PID

Place: started by an engine, below nobody; settings come from the environment, everything else
from the database and the artifacts. What it writes carries its attempt's number, so that a
worker that was given up, and goes on, changes nothing. A killed attempt's checkpoints lie in the
job's work folder; the next attempt takes them over.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from falcon_svc.errors import InputError
from falcon_svc.progress import seconds_left
from falcon_svc.settings import Settings
from falcon_svc.storage import Conflict, Database, DatabaseError, Session
from falcon_svc.storage.datasets import DatasetRepository, folder_key
from falcon_svc.storage.jobs import JobRepository, results_key
from falcon_svc.storage.kinds import BESIDE, named_job
from falcon_svc.storage.tables import Dataset, Job
from falcon_svc.worker.check import check
from falcon_svc.worker.failures import Failure, failure_of
from falcon_svc.worker.isolation import confine_job
from falcon_svc.worker.kinds import Beside, Made, Order, make
from falcon_svc.worker.limits import limit_self
from falcon_svc.worker.stored_files import artifacts_of, local_file
from falcon_svc.worker.work_folder import take_over

GONE = 3  # exit code of an attempt that is not the current one
PROGRESS_S = 0.5
AGAIN_S = 1.0
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Found:
    """What the record says of an attempt.

    Parameters
    ----------
    job, dataset
        As they are stored.
    earlier
        How the attempts before this one ended.
    source
        The job whose result this one works with, if it names one.
    beside
        The data set beside its own, if it names one.
    """

    job: Job
    dataset: Dataset
    earlier: list[str | None]
    source: Job | None
    beside: Dataset | None


class AttemptWorker:
    """One attempt, seen from its process.

    Parameters
    ----------
    settings
        Settings of the service.
    job_id, number
        Which attempt at which job.
    """

    def __init__(self, settings: Settings, job_id: str, number: int) -> None:
        self.settings, self.job_id, self.number = settings, job_id, number
        self.database = Database(settings.database)
        self.artifacts = artifacts_of(settings)

    def work(self) -> int:
        """Run the attempt to its end and return the exit code."""
        try:
            found = self._read()
            self._confine(found)
            threading.Thread(target=self._beat, daemon=True).start()
            made = make(found.job.kind, self._order(found))
            key = self._publish(made)
        except Exception as error:
            failure = failure_of(error)
            if failure is None:
                raise
            _log.warning("%s, attempt %d: %s", self.job_id, self.number, error)
            return self._fail(failure)
        return self._try(
            lambda jobs: jobs.succeed(
                self.job_id,
                self.number,
                result_key=key,
                summary=made.summary,
                measured=made.measured,
                keep_s=self.settings.retention_s,
            )
        )

    def _confine(self, found: Found) -> None:
        """Give up what is other jobs' and other tenants', before anything is read."""
        settings, artifacts = self.settings, self.artifacts
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        # where torch was not loaded beforehand, it makes this folder, and may do so here only
        os.environ["TORCHINDUCTOR_CACHE_DIR"] = str(self.folder / "torch")
        shown, own, data = [], [self.folder], [settings.data_dir]
        if artifacts.is_local:
            data.append(Path(artifacts.root))
            shown.append(artifacts.local_path(folder_key(found.dataset.id)))
            if found.beside is not None:
                shown.append(artifacts.local_path(folder_key(found.beside.id)))
            if found.source is not None:
                shown.append(artifacts.local_path(_result_of(found.source)))
            own.append(artifacts.make_folder(results_key(self.job_id)))
        else:  # local copies, of this machine's jobs
            artifacts.cache.mkdir(exist_ok=True, mode=0o700)
            own.append(artifacts.cache)
        if settings.encoder_files is not None:
            shown.append(settings.encoder_files)
        confine_job(data, shown=shown, own=own, database=self.database.file)

    @property
    def folder(self) -> Path:
        """Where the job works; kept from attempt to attempt."""
        return self.settings.data_dir / "work" / self.job_id

    def _order(self, found: Found) -> Order:
        source, other = found.source, found.beside
        return Order(
            self.settings,
            found.job.config,
            found.dataset.options,
            local_file(self.artifacts, found.dataset),
            found.dataset.name,
            None if source is None else self.artifacts.local_path(_result_of(source)),
            {} if source is None else source.config.get("data", {}),
            found.earlier,
            self._begin,
            AttemptProgress(self),
            None if other is None else self._beside(other),
        )

    def _beside(self, other: Dataset) -> Beside:
        return Beside(local_file(self.artifacts, other), other.name, other.options)

    def _begin(self) -> Path:
        if not self._write(lambda jobs: jobs.run(self.job_id, self.number)):
            sys.exit(GONE)
        return take_over(self.folder, self.number)

    def _publish(self, made: Made) -> str:
        """Store a result; return its key."""
        key = f"{results_key(self.job_id)}/{self.number}"
        for path in made.beside:
            self.artifacts.put_file(path, f"{key}/{path.name}")
        self.artifacts.put_directory(made.folder, key, last=made.last)
        return key

    def _read(self) -> Found:
        with self.database.read() as session:
            jobs = JobRepository(session)
            job = jobs.get(self.job_id)
            dataset = DatasetRepository(session).get(job.dataset_id) if job else None
            if job is None or dataset is None or job.attempt != self.number:
                sys.exit(GONE)
            earlier = list(jobs.outcomes(self.job_id))[: self.number - 1]
            source, beside = _named(session, job)
        return Found(job, dataset, earlier, source, beside)

    def tell(self, stage: str, done: int, total: int, eta_s: float | None) -> None:
        """Record progress; ends the process if the attempt is not wanted any more."""
        told = self._write(
            lambda jobs: jobs.progress(
                self.job_id, self.number, stage=stage, done=done, total=total, eta_s=eta_s
            )
        )
        if not told:
            sys.exit(GONE)

    def _fail(self, failure: Failure) -> int:
        problem = {"code": failure.code, "detail": failure.detail}
        keep_s, most = self.settings.retention_s, self.settings.max_attempts
        if failure.most == 1:
            return self._try(lambda j: j.fail(self.job_id, self.number, problem, keep_s=keep_s))
        most = min(most, failure.most or most)
        return self._try(
            lambda j: j.retry(self.job_id, self.number, problem, most=most, keep_s=keep_s)
        )

    def _beat(self) -> None:
        """Tell every so often that this process is alive, from a thread of its own.

        Whoever cannot tell for as long as a lease has been given up, and ends.
        """
        try:
            while self._write(lambda jobs: jobs.beat(self.job_id, self.number)):
                time.sleep(self.settings.beat_s)
        except Exception:
            _log.exception("%s, attempt %d: it cannot tell that it lives", self.job_id, self.number)
        os._exit(GONE)

    def _try(self, change: Callable[[JobRepository], bool]) -> int:
        return 0 if self._write(change) else GONE

    def _write(self, change: Callable[[JobRepository], bool]) -> bool:
        """Write to the record; a database that is away for a while is asked again.

        If the answer to a commit was lost, the next try finds the attempt ended and returns False.
        """
        deadline = time.monotonic() + self.settings.lease_s
        while True:
            try:
                with self.database.write() as session:
                    return change(JobRepository(session))
            except (DatabaseError, Conflict):
                if time.monotonic() > deadline:
                    raise
                time.sleep(AGAIN_S)


def _named(session: Session, job: Job) -> tuple[Job | None, Dataset | None]:
    """Return the job and the data set that a job's settings name, if they do.

    Raises
    ------
    InputError
        It is gone since the job was submitted (code ``no_result``).
    """
    source, beside = named_job(job.config), job.config.get(BESIDE)
    found = None if source is None else JobRepository(session).get(source, job.tenant)
    other = None if beside is None else DatasetRepository(session).get(beside, job.tenant)
    if source is not None and (found is None or found.result_key is None):
        raise _gone(f"the result of {source}", "run that job")
    if beside is not None and other is None:
        raise _gone(f"the data set {beside}", "send it")
    return found, other


def _gone(what: str, remedy: str) -> InputError:
    return InputError(
        f"Expected {what}, found that it was deleted; {remedy} again, then submit this job with "
        "the new id.",
        code="no_result",
    )


def _result_of(source: Job) -> str:
    assert source.result_key is not None  # `_source` has looked
    return source.result_key


class AttemptProgress:
    """Passes a run's progress on to the record, at most twice a second."""

    def __init__(self, attempt: AttemptWorker) -> None:
        self._attempt = attempt
        self._stage, self._total, self._began, self._told = "", 0, 0.0, 0.0

    def stage(self, name: str, total: int) -> None:
        """A stage begins."""
        self._stage, self._total, self._began = name, total, time.monotonic()
        self._told = self._began
        self._attempt.tell(name, 0, total, None)

    def advance(self, done: int, metrics: Mapping[str, float]) -> None:
        """Some of it is done."""
        now = time.monotonic()
        if now - self._told < PROGRESS_S:
            return
        self._told = now
        left = seconds_left(now - self._began, done, self._total, metrics)
        self._attempt.tell(self._stage, done, self._total, left)


def main(arguments: list[str]) -> int:
    """Do one task; see this module's docstring for the arguments."""
    kind, identity, number, supervisor = arguments
    settings = Settings()
    limit_self(settings, kind, int(supervisor))
    if kind == "check":
        return 0 if check(settings, identity) else GONE
    return AttemptWorker(settings, identity, int(number)).work()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
