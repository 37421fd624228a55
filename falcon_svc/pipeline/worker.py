"""The process of one attempt at a job, or of the check of a data set.

    python -m falcon_svc.pipeline.worker job JOB_ID ATTEMPT SUPERVISOR_PID
    python -m falcon_svc.pipeline.worker check DATASET_ID 0 SUPERVISOR_PID

Place: started by an engine, below nobody; settings come from the environment, everything else
from the database and the artifacts. What it writes carries its attempt's number, so that a
worker that was given up, and goes on, changes nothing. A killed attempt's checkpoints lie in the
job's work folder, where the next attempt goes on from them.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from falcon_svc.errors import FalconError
from falcon_svc.pipeline.encoder_files import resolve
from falcon_svc.pipeline.failures import (
    NO_MEMORY,
    OUT_OF_MEMORY,
    Failure,
    failure_of,
    with_smaller_batches,
)
from falcon_svc.pipeline.limits import limit_self
from falcon_svc.settings import Settings
from falcon_svc.storage import ArtifactStore, Conflict, Database, DatabaseError
from falcon_svc.storage.datasets import DatasetRepository, folder_key
from falcon_svc.storage.jobs import JobRepository, results_key
from falcon_svc.storage.tables import Dataset, Job

if TYPE_CHECKING:
    from falcon_svc.discovery.result import Discovery

GONE = 3  # exit code of an attempt that is not the current one
PROGRESS_S = 0.5
AGAIN_S = 1.0
LISTED_ROWS = 100
MODEL_FILES = ("model.json", "model.safetensors", "encoder.json", "encoder.safetensors")
_log = logging.getLogger(__name__)


class AttemptWorker:
    """One attempt, seen from its process.

    Parameters
    ----------
    settings
        Of the service.
    job_id, number
        Which attempt at which job.
    """

    def __init__(self, settings: Settings, job_id: str, number: int) -> None:
        self.settings, self.job_id, self.number = settings, job_id, number
        self.database = Database(settings.database)
        self.artifacts = artifacts_of(settings)

    def work(self) -> int:
        """Run the attempt to its end and return the exit code."""
        threading.Thread(target=self._beat, daemon=True).start()
        try:
            found, key = self._discover()
        except Exception as error:
            failure = failure_of(error)
            if failure is None:
                raise
            return self._fail(failure)
        return self._try(
            lambda jobs: jobs.succeed(
                self.job_id,
                self.number,
                result_key=key,
                summary=_summary(found),
                measured=_measured(found),
                keep_s=self.settings.retention_s,
            )
        )

    def _discover(self) -> tuple[Discovery, str]:
        from falcon_svc.config import make_config
        from falcon_svc.data import load_dataset
        from falcon_svc.pipeline.discover import discover_to

        job, dataset, earlier = self._read()
        tables = resolve(merged(job.config, dataset.options), self.settings)
        config = with_smaller_batches(make_config(tables), earlier.count(OUT_OF_MEMORY))
        path = local_file(self.artifacts, dataset)
        data = load_dataset(path, config.data)
        if not self._write(lambda jobs: jobs.run(self.job_id, self.number)):
            sys.exit(GONE)
        folder = self.settings.data_dir / "work" / self.job_id
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        found = discover_to(
            folder / "result",
            data,
            config,
            resume=earlier[-1:] != [OUT_OF_MEMORY],  # checkpoints are of the larger batches
            progress=AttemptProgress(self),
        )
        pack_model(folder / "result")
        key = f"{results_key(self.job_id)}/{self.number}"
        self.artifacts.put_directory(folder / "result", key, last="discovery.json")
        return found, key

    def _read(self) -> tuple[Job, Dataset, list[str | None]]:
        """Return job and data set, and how the attempts before this one ended."""
        with self.database.read() as session:
            job = JobRepository(session).get(self.job_id)
            dataset = DatasetRepository(session).get(job.dataset_id) if job else None
            earlier = list(JobRepository(session).outcomes(self.job_id))[: self.number - 1]
        if job is None or dataset is None or job.attempt != self.number:
            sys.exit(GONE)
        return job, dataset, earlier

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
        _log.warning("%s, attempt %d: %s", self.job_id, self.number, failure.detail)
        problem = {"code": failure.code, "detail": failure.detail}
        keep_s, most = self.settings.retention_s, self.settings.max_attempts
        if failure.most == 1:
            return self._try(lambda j: j.fail(self.job_id, self.number, problem, keep_s=keep_s))
        most = min(most, failure.most or most)
        return self._try(
            lambda j: j.retry(self.job_id, self.number, problem, most=most, keep_s=keep_s)
        )

    def _beat(self) -> None:
        """Tell every so often that this process is alive, from a thread of its own."""
        while True:
            time.sleep(self.settings.lease_s / 6)
            if not self._write(lambda jobs: jobs.beat(self.job_id, self.number)):
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


def pack_model(result: Path) -> None:
    """Put what `falcon predict` needs of a result directory into its `model.zip`."""
    with zipfile.ZipFile(result / "model.zip", "w") as archive:
        for name in ("discovery.json", *MODEL_FILES):
            if (result / name).exists():
                archive.write(result / name, name)


def _summary(found: Discovery) -> dict[str, Any]:
    seconds = sum(stage.seconds for stage in found.stages)
    return {"n_samples": len(found.ids), "n_fine": found.n_fine, "seconds": seconds}


def _measured(found: Discovery) -> dict[tuple[str, str], float]:
    stages = {("stage_seconds", stage.name[:40]): stage.seconds for stage in found.stages}
    first = found.relations[0]
    return {**stages, ("solve_seconds", "final"): first.seconds, ("solve_gap", "final"): first.gap}


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
        left = (now - self._began) / done * (self._total - done) if self._total and done else None
        self._attempt.tell(self._stage, done, self._total, left)


def check(settings: Settings, dataset_id: str) -> int:
    """Read a new data set row by row and record what is in it and what is wrong with it."""
    from falcon_svc.config import make_config
    from falcon_svc.data import inspect_dataset

    database = Database(settings.database)
    with database.read() as session:
        dataset = DatasetRepository(session).get(dataset_id)
    if dataset is None:
        return GONE
    summary: dict[str, Any] | None = None
    error: dict[str, Any] | None = None
    try:
        path = local_file(artifacts_of(settings), dataset)
        found = inspect_dataset(path, make_config({"data": dataset.options}).data)
        summary = {"n_samples": found.n_samples, "n_dims": found.n_dims, "kind": found.kind}
        summary["classes"] = {s.name: dict(s.classes) for s in found.sources}
        if not found.ok:
            errors = [asdict(p) for p in found.problems if p.severity == "error"]
            error = _row_errors(errors, found.n_errors)
    except FalconError as refused:
        error = {"code": refused.code, "detail": str(refused)}
    except MemoryError:
        error = {"code": "too_large", "detail": NO_MEMORY}
    with database.write() as session:
        DatasetRepository(session).validated(dataset_id, summary=summary, error=error)
    return 0


def _row_errors(errors: list[dict[str, Any]], in_all: int) -> dict[str, Any]:
    return {
        "code": "bad_rows",
        "detail": f"Expected rows without errors, found {in_all:,} with one; mend those listed.",
        "errors": errors[:LISTED_ROWS],
    }


def merged(config: dict[str, Any], options: dict[str, Any]) -> dict[str, Any]:
    """Return a job's configuration with its data set's reading options underneath."""
    return {**config, "data": {**options, **config.get("data", {})}}


def local_file(artifacts: ArtifactStore, dataset: Dataset) -> Path:
    """Return a path to a data set's main file, with its labels beside it if it has some."""
    return artifacts.local_path(folder_key(dataset.id)) / f"data{dataset.suffix}"


def artifacts_of(settings: Settings) -> ArtifactStore:
    """Return the artifact store of these settings."""
    return ArtifactStore(settings.artifacts, settings.data_dir / "cache")


def main(arguments: list[str]) -> int:
    """Do one task; see this module's docstring for the arguments."""
    kind, identity, number, supervisor = arguments
    settings = Settings()
    limit_self(settings, kind, int(supervisor))
    if kind == "check":
        return check(settings, identity)
    return AttemptWorker(settings, identity, int(number)).work()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
