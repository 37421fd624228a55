"""What must be true after any fault: the history of every acknowledged job, and nothing left."""

from __future__ import annotations

from falcon_svc.settings import Settings
from falcon_svc.storage import ArtifactStore, Database
from falcon_svc.storage.datasets import DatasetRepository
from falcon_svc.storage.jobs import JobRepository
from falcon_svc.storage.states import FINISHED
from tests.api.running import wait_until


def open_record(running) -> tuple[Settings, Database]:
    url = running.settings.get("database_url")
    settings = Settings(data_dir=running.folder, database_url=url)
    return settings, Database(settings.database)


def check_history(running, acknowledged: list[str]) -> dict[str, str]:
    """Every acknowledged job ended once, as it says, by an attempt that was the current one.

    Returns job id -> state.
    """
    settings, database = open_record(running)
    store = ArtifactStore(settings.artifacts, settings.data_dir / "cache")
    ended = {}
    with database.read() as session:
        jobs = JobRepository(session)
        for job_id in acknowledged:
            job = jobs.get(job_id)
            assert job is not None, f"{job_id} was acknowledged and is lost"
            events = jobs.events_after(job_id, 0, most=100_000)
            _check_events(job, events)
            _check_result(job, store)
            ended[job_id] = job.state
        assert not jobs.open_attempts()
    database.close()
    return ended


def _check_events(job, events) -> None:
    assert [event.seq for event in events] == list(range(1, job.version + 1))
    states = [event.data["state"] for event in events if event.kind == "state"]
    terminal = [state for state in states if state in FINISHED]
    assert terminal == [job.state] == states[-1:], (job.id, states)
    assert events[-1].data.get("state") == job.state, "something was written after the end"


def _check_result(job, store) -> None:
    succeeded = job.state == "succeeded"
    assert job.result_key == (f"results/{job.id}/{job.attempt}" if succeeded else None)
    kept = [str(job.attempt)] if succeeded else []
    wait_until(lambda: store.names(f"results/{job.id}") == kept)
    assert not succeeded or "discovery.json" in store.names(job.result_key)


def check_nothing_left(running, *, workers: int = 0) -> None:
    """No worker process, work folder, staged file, file without a row, or lock that is held."""
    wait_until(lambda: len(_workers(running)) == workers)
    work = running.folder / "work"
    wait_until(lambda: not work.is_dir() or not list(work.iterdir()))
    assert not [path for path in (running.folder / "staging").rglob("*") if path.is_file()]
    settings, database = open_record(running)
    store = ArtifactStore(settings.artifacts, settings.data_dir / "cache")
    with database.write() as session:  # waits for the lock, if somebody has it
        kept = {key for key, _ in JobRepository(session).ends().values()}
        datasets = DatasetRepository(session).files()
    assert set(store.names("datasets")) == set(datasets)
    for job_id in store.names("results"):
        assert {f"results/{job_id}/{n}" for n in store.names(f"results/{job_id}")} <= kept
    database.close()


def _workers(running) -> list[int]:
    import psutil

    found = []
    for pid in running.descendants():
        try:
            if "falcon_svc.worker.main" in " ".join(psutil.Process(pid).cmdline()):
                found.append(pid)
        except psutil.Error:
            continue
    return found


def worker_of(running, job_id: str) -> int | None:
    """Process id of the worker of a job, if one runs."""
    import psutil

    for pid in _workers(running):
        try:
            if job_id in " ".join(psutil.Process(pid).cmdline()):
                return pid
        except psutil.Error:
            continue
    return None


def supervisor_of(running) -> int | None:
    """Process id of the supervisor."""
    import psutil

    for pid in running.descendants():
        try:
            if "falcon_svc.service.operations.supervise" in psutil.Process(pid).cmdline():
                return pid
        except psutil.Error:
            continue
    return None
