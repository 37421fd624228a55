"""Jobs in SQL: every change is one conditional UPDATE that also writes an event.

Place: the only code that changes rows of `jobs`, `attempts` and `events`. A method that returns
False or None changed nothing: the job was in another state, or the attempt was not the current
one any more. Callers hold the transaction (`Database.write`).
"""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, delete, func, insert, select, update
from sqlalchemy.orm import Session

from falcon_svc.storage.ids import new_id
from falcon_svc.storage.kinds import DISCOVERY
from falcon_svc.storage.measures import MeasureRepository
from falcon_svc.storage.queue import next_ready
from falcon_svc.storage.states import (
    ACTIVE,
    CANCELED,
    CANCELING,
    EXPIRED,
    FAILED,
    FINISHED,
    OPEN,
    PREPARING,
    QUEUED,
    RUNNING,
    SUCCEEDED,
)
from falcon_svc.storage.tables import Attempt, Event, Job

Problem = dict[str, Any]
LOST = ("worker_lost", "worker_killed")
"""Codes of attempts that went away without a word."""

RELEASED = "released"
AGAIN: dict[str, Any] = {"state": QUEUED, "stage": None, "eta_s": None, "error": None}
_OPEN_ATTEMPTS = select(Job, Attempt).where(
    Job.state.in_(ACTIVE), Attempt.job_id == Job.id, Attempt.number == Job.attempt
)


def results_key(job_id: str) -> str:
    """Return the artifact key of all results of a job, one below it per attempt."""
    return f"results/{job_id}"


@dataclass(frozen=True)
class Page:
    """Jobs in order of their ids, newest first, and whether more follow."""

    jobs: Sequence[Job]
    more: bool


class JobRepository:
    """Jobs as a session sees them.

    Parameters
    ----------
    session
        Session of `Database.read` or, for what changes, `Database.write`.
    """

    def __init__(self, session: Session) -> None:
        self.session = session

    def add(
        self,
        tenant: str,
        dataset_id: str,
        config: dict[str, Any],
        metadata: dict[str, Any],
        *,
        kind: str = DISCOVERY,
        batch_id: str | None = None,
        custom_id: str | None = None,
    ) -> Job:
        """Insert a queued job with its first event."""
        now = time.time()
        job = Job(
            id=new_id("job"),
            tenant=tenant,
            dataset_id=dataset_id,
            batch_id=batch_id,
            custom_id=custom_id,
            kind=kind,
            config=config,
            user_metadata=metadata,
            state=QUEUED,
            version=1,
            attempt=0,
            done=0,
            total=0,
            created_at=now,
        )
        self.session.add(job)
        self.session.flush()
        self._tell(job.id, 1, "state", {"state": QUEUED}, now)
        return job

    def get(self, job_id: str, tenant: str | None = None) -> Job | None:
        """Return a job; None if there is none, or it is another tenant's."""
        job = self.session.get(Job, job_id)
        return job if job is not None and tenant in (None, job.tenant) else None

    def those(self, job_ids: Collection[str]) -> Sequence[Job]:
        """Return the jobs with these ids that exist."""
        return self.session.scalars(select(Job).where(Job.id.in_(job_ids))).all()

    def page(
        self,
        tenant: str,
        *,
        size: int,
        before: str | None = None,
        kind: str | None = None,
        state: str | None = None,
        dataset_id: str | None = None,
        batch_id: str | None = None,
    ) -> Page:
        """Return up to `size` jobs with ids below `before`, newest first."""
        query = select(Job).where(Job.tenant == tenant).order_by(Job.id.desc()).limit(size + 1)
        for column, value in (
            (Job.kind, kind),
            (Job.state, state),
            (Job.dataset_id, dataset_id),
            (Job.batch_id, batch_id),
        ):
            if value is not None:
                query = query.where(column == value)
        if before is not None:
            query = query.where(Job.id < before)
        found = self.session.scalars(query).all()
        return Page(found[:size], len(found) > size)

    def ends(self) -> dict[str, tuple[str | None, float | None]]:
        """Return id -> artifact key of the result and time of the end, of all jobs."""
        rows = self.session.execute(select(Job.id, Job.result_key, Job.ended_at))
        return {row.id: (row.result_key, row.ended_at) for row in rows}

    def count_open(self, tenant: str) -> int:
        """Return how many of a tenant's jobs have not ended."""
        query = select(func.count()).where(Job.tenant == tenant, Job.state.in_(OPEN))
        return self.session.scalar(query) or 0

    def counts_of_batches(self, batch_ids: Sequence[str]) -> dict[str, dict[str, int]]:
        """Return batch -> state -> number of jobs; empty where a batch has none."""
        query = (
            select(Job.batch_id, Job.state, func.count().label("number"))
            .where(Job.batch_id.in_(batch_ids))
            .group_by(Job.batch_id, Job.state)
        )
        found: dict[str, dict[str, int]] = {batch_id: {} for batch_id in batch_ids}
        for row in self.session.execute(query):
            found[row.batch_id][row.state] = row.number
        return found

    def counts_by_state(self, *where: ColumnElement[bool]) -> dict[str, int]:
        """Return state -> number of jobs."""
        query = select(Job.state, func.count().label("number")).where(*where).group_by(Job.state)
        return {row.state: row.number for row in self.session.execute(query)}

    def events_after(self, job_id: str, seq: int, *, most: int = 500) -> Sequence[Event]:
        """Return a job's events with larger numbers, in order."""
        query = select(Event).where(Event.job_id == job_id, Event.seq > seq)
        return self.session.scalars(query.order_by(Event.seq).limit(most)).all()

    def claim(self, owner: str, *, cuda: bool = True) -> Job | None:
        """Start an attempt at the job whose turn it is, if any is queued.

        Whose turn it is: `falcon_svc.storage.queue`. Jobs that insist on a GPU are left out unless
        `cuda`.
        """
        found = next_ready(self.session, cuda=cuda)
        if found is None:
            return None
        job_id, last = found
        now, number = time.time(), last + 1
        values = {"state": PREPARING, "attempt": number, "preparing_at": now, "stage": None}
        if not self._change(job_id, values, Job.state == QUEUED, Job.attempt == last):
            return None
        attempt = {"job_id": job_id, "number": number, "owner": owner, "beat": 0, "started_at": now}
        self.session.execute(insert(Attempt).values(attempt))
        return self.session.get(Job, job_id, populate_existing=True)

    def refuse(self, dataset_id: str, problem: Problem, *, keep_s: float) -> None:
        """End the jobs that wait for a data set that turned out to be invalid."""
        now = time.time()
        values = {"state": FAILED, "error": problem, "ended_at": now, "expires_at": now + keep_s}
        waiting = select(Job.id).where(Job.dataset_id == dataset_id, Job.state == QUEUED)
        for job_id in list(self.session.scalars(waiting)):
            self._change(job_id, values, Job.state == QUEUED)

    def beat(self, job_id: str, number: int) -> bool:
        """Tell that an attempt is alive; False if it is not wanted any more."""
        done = self.session.execute(
            update(Attempt)
            .where(
                Attempt.job_id == job_id,
                Attempt.number == number,
                Attempt.ended_at.is_(None),
            )
            .values(beat=Attempt.beat + 1)
        )
        return bool(done.rowcount)  # type: ignore[attr-defined]

    def run(self, job_id: str, number: int) -> bool:
        """Tell that an attempt has its data set and begins to work."""
        values = {"state": RUNNING, "running_at": time.time()}
        return self._change(job_id, values, *_current(number), Job.state == PREPARING)

    def progress(
        self, job_id: str, number: int, *, stage: str, done: int, total: int, eta_s: float | None
    ) -> bool:
        """Record how far an attempt is."""
        values = {"stage": stage, "done": done, "total": total, "eta_s": eta_s}
        return self._change(job_id, values, *_current(number), kind="progress")

    def succeed(
        self,
        job_id: str,
        number: int,
        *,
        result_key: str,
        summary: dict[str, Any],
        measured: Mapping[tuple[str, str], float],
        keep_s: float,
    ) -> bool:
        """Publish an attempt's result: it is the job's from this statement on.

        `measured` maps (kind, label) to a figure that is added to the measures of all jobs.
        """
        values = {"state": SUCCEEDED, "result_key": result_key, "summary": summary, "eta_s": None}
        if not self._finish(job_id, number, values, "succeeded", keep_s, *_current(number)):
            return False
        for (kind, label), value in measured.items():
            MeasureRepository(self.session).add(kind, label, value)
        return True

    def versions(self, job_ids: Collection[str]) -> dict[str, int]:
        """Return id -> version of those jobs that exist."""
        query = select(Job.id, Job.version).where(Job.id.in_(job_ids))
        return {row.id: row.version for row in self.session.execute(query)}

    def fail(self, job_id: str, number: int, problem: Problem, *, keep_s: float) -> bool:
        """End a job with an error that another attempt would not mend."""
        values = {"state": FAILED, "error": problem, "eta_s": None}
        outcome = str(problem["code"])[:40]
        return self._finish(job_id, number, values, outcome, keep_s, *_current(number))

    def retry(
        self, job_id: str, number: int, problem: Problem, *, most: int, keep_s: float
    ) -> bool:
        """Queue a job again after a lost attempt, or end it after `most` of them.

        It then fails with the problem's own code if that says what is wrong with the job, and with
        ``max_attempts`` if all that is known is that its processes went away.
        """
        self._close(job_id, number, str(problem["code"])[:40])
        if self.cancel_done(job_id, number, keep_s=keep_s):
            return True
        tries = self._tries(job_id)
        if tries < most:
            return self._change(job_id, AGAIN, *_current(number), told={"error": problem})
        detail = f"{tries} attempts were made; the last one ended so: {problem['detail']}"
        code = "max_attempts" if problem["code"] in LOST else problem["code"]
        error = {**problem, "code": code, "detail": detail, "cause": problem["code"]}
        values = {"state": FAILED, "error": error, "eta_s": None}
        return self._finish(job_id, number, values, code, keep_s, *_current(number))

    def release(self, job_id: str, number: int, *, keep_s: float) -> bool:
        """Queue a job again whose attempt was stopped for the service's sake; it is no try."""
        if self.cancel_done(job_id, number, keep_s=keep_s):
            return True
        self._close(job_id, number, RELEASED)
        return self._change(job_id, AGAIN, *_current(number))

    def outcomes(self, job_id: str) -> Sequence[str | None]:
        """Return how a job's attempts ended, in order; None = it has not."""
        query = select(Attempt.outcome).where(Attempt.job_id == job_id)
        return self.session.scalars(query.order_by(Attempt.number)).all()

    def _tries(self, job_id: str) -> int:
        return sum(outcome != RELEASED for outcome in self.outcomes(job_id))

    def cancel(self, job_id: str, *, keep_s: float) -> bool:
        """Ask for a job's end: at once if it is queued, else by its supervisor."""
        now = time.time()
        values: dict[str, Any] = {"state": CANCELED, "cancel_requested_at": now}
        values |= {"ended_at": now, "expires_at": now + keep_s}
        if self._change(job_id, values, Job.state == QUEUED):
            return True
        values = {"state": CANCELING, "cancel_requested_at": now}
        return self._change(job_id, values, Job.state.in_((PREPARING, RUNNING)))

    def cancel_done(self, job_id: str, number: int, *, keep_s: float) -> bool:
        """Tell that the attempt at a job that is to be canceled is gone."""
        condition = (Job.attempt == number, Job.state == CANCELING)
        return self._finish(job_id, number, {"state": CANCELED}, "canceled", keep_s, *condition)

    def open_attempts(self) -> Sequence[tuple[Job, Attempt]]:
        """Return the jobs at work with their current attempts."""
        return [(job, attempt) for job, attempt in self.session.execute(_OPEN_ATTEMPTS)]

    def expire(self, *, most: int = 100) -> list[str]:
        """Let finished jobs whose time is over expire; return their ids."""
        query = select(Job.id).where(Job.state.in_(FINISHED), Job.expires_at < time.time())
        gone = list(self.session.scalars(query.limit(most)))
        for job_id in gone:
            self._change(job_id, {"state": EXPIRED, "result_key": None}, Job.state.in_(FINISHED))
        return gone

    def delete(self, job_id: str) -> bool:
        """Remove an ended job with its attempts and events."""
        done = self.session.execute(
            delete(Job).where(Job.id == job_id, Job.state.in_((*FINISHED, EXPIRED)))
        )
        return bool(done.rowcount)  # type: ignore[attr-defined]

    def _finish(
        self,
        job_id: str,
        number: int,
        values: dict[str, Any],
        outcome: str,
        keep_s: float,
        *condition: ColumnElement[bool],
    ) -> bool:
        now = time.time()
        if not self._change(
            job_id, {**values, "ended_at": now, "expires_at": now + keep_s}, *condition
        ):
            return False
        self._close(job_id, number, outcome)
        return True

    def _close(self, job_id: str, number: int, outcome: str) -> None:
        self.session.execute(
            update(Attempt)
            .where(Attempt.job_id == job_id, Attempt.number == number, Attempt.ended_at.is_(None))
            .values(ended_at=time.time(), outcome=outcome)
        )

    def _change(
        self,
        job_id: str,
        values: dict[str, Any],
        *condition: ColumnElement[bool],
        kind: str = "state",
        told: Mapping[str, Any] | None = None,
    ) -> bool:
        """Change a job where the condition holds, raise its version, and write the event.

        `told` is said in the event beside what changes.
        """
        version = self.session.scalar(
            update(Job)
            .where(Job.id == job_id, *condition)
            .values(version=Job.version + 1, **values)
            .returning(Job.version)
        )
        if version is None:
            return False
        shown = {k: v for k, v in values.items() if k in EVENT_FIELDS} | dict(told or {})
        self._tell(job_id, version, kind, shown, time.time())
        return True

    def _tell(self, job_id: str, seq: int, kind: str, data: dict[str, Any], at: float) -> None:
        row = {"job_id": job_id, "seq": seq, "kind": kind, "data": data, "at": at}
        self.session.execute(insert(Event).values(row))


EVENT_FIELDS = ("state", "attempt", "stage", "done", "total", "eta_s", "error")


def _current(number: int) -> tuple[ColumnElement[bool], ...]:
    return (Job.attempt == number, Job.state.in_(ACTIVE))
