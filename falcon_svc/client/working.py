"""Jobs and batches of a service: queued, followed, ended. A part of `Falcon`."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Sequence
from typing import cast

from falcon_svc.client import documents as doc
from falcon_svc.client.asking import Asking, Document
from falcon_svc.client.events import read_events
from falcon_svc.client.lines import Event, Outcome
from falcon_svc.client.transport import AGAIN, ServiceError, pause

RECONNECTS = 5
TERMINAL = ("succeeded", "failed", "canceled", "expired")


class Working(Asking):
    """The methods on jobs and batches."""

    def submit(
        self,
        dataset_id: str,
        config: Document | None = None,
        *,
        kind: doc.JobKind = "discovery",
        metadata: dict[str, str] | None = None,
        webhook: str | None = None,
        key: str | None = None,
    ) -> doc.Job:
        """Queue a job and return it; sent again after a failure, it is still one job.

        Parameters
        ----------
        dataset_id
            Id of the data set that it works on.
        config
            Settings of its kind.
        kind
            ``"discovery"``, ``"classifier"``, ``"advice"`` or ``"metrics"``.
        metadata
            Words of yours that stay with it.
        webhook
            URL that is told of its end.
        key
            Idempotency key, for a program that may start again.

        Returns
        -------
        Job
            The job as it was queued.
        """
        body: Document = {"dataset_id": dataset_id, "kind": kind, "config": config or {}}
        body["metadata"] = metadata or {}
        if webhook is not None:
            body["webhook"] = {"url": webhook}
        return self._post(doc.Job, "/v1/jobs", body, key=key or uuid.uuid4().hex)

    def job(self, job_id: str) -> doc.Job:
        """Return a job.

        Parameters
        ----------
        job_id
            Id of the job, such as "job_01...".

        Returns
        -------
        Job
            State, progress, and its summary once it has succeeded.
        """
        return self._get(doc.Job, f"/v1/jobs/{job_id}")

    def jobs(self, **filters: str) -> Iterator[doc.Job]:
        """Give all jobs, newest first.

        Parameters
        ----------
        **filters
            `kind`, `state`, `dataset_id` or `batch_id` of the jobs that are wanted.

        Returns
        -------
        iterator of Job
            Pages are asked for as it goes on.
        """
        return self._pages(doc.Job, "/v1/jobs", filters)

    def cancel(self, job_id: str) -> doc.Job:
        """Ask for a job's end.

        Parameters
        ----------
        job_id
            Id of the job, such as "job_01...".

        Returns
        -------
        Job
            The job, which ends soon, if it has not yet.
        """
        return self._post(doc.Job, f"/v1/jobs/{job_id}:cancel")

    def delete_job(self, job_id: str) -> None:
        """Delete an ended job with its result.

        Parameters
        ----------
        job_id
            Id of the job, such as "job_01...".
        """
        self._transport.send("DELETE", f"/v1/jobs/{job_id}")

    def events(self, job_id: str, *, after: int = 0) -> Iterator[Event]:
        """Give a job's changes as they come, until it has ended; reconnects by itself.

        Parameters
        ----------
        job_id
            Id of the job, such as "job_01...".
        after
            Number of the last change that is known already, >= 0.

        Yields
        ------
        Event
            A change of state or of progress, with its number.

        Raises
        ------
        ServiceError
            Refused, or the connection fails again and again.
        """
        failures = 0
        while True:
            try:
                for event in read_events(self._transport.http, job_id, after):
                    after, failures = event["seq"], 0
                    yield event
                    if event.get("state") in TERMINAL:
                        return
                if self.job(job_id)["state"] in TERMINAL:
                    return
            except ServiceError as error:
                failures += 1
                if failures > RECONNECTS or error.status not in (0, *AGAIN):
                    raise
                pause(failures, None)

    def wait(self, job_id: str) -> doc.Job:
        """Return a job once it has ended.

        Parameters
        ----------
        job_id
            Id of the job, such as "job_01...".

        Returns
        -------
        Job
            The job, which has succeeded.

        Raises
        ------
        ServiceError
            It did not succeed; `document` is its error.
        """
        for _ in self.events(job_id):
            pass
        job = self.job(job_id)
        if job["state"] != "succeeded":
            ended = {"code": job["state"], "detail": f"The job is {job['state']}."}
            error = cast(Document, job["error"] or ended)
            raise ServiceError(error["detail"], code=error["code"], status=200, document=error)
        return job

    def submit_batch(self, jobs: Sequence[doc.Order], *, key: str | None = None) -> doc.Batch:
        """Queue jobs together: all of them, or none.

        Parameters
        ----------
        jobs
            Orders, each with a `custom_id` of yours.
        key
            Idempotency key, for a program that may start again.

        Returns
        -------
        Batch
            The batch with its number of jobs by state.
        """
        return self._post(doc.Batch, "/v1/batches", {"jobs": jobs}, key=key or uuid.uuid4().hex)

    def batch(self, batch_id: str) -> doc.Batch:
        """Return a batch.

        Parameters
        ----------
        batch_id
            Id of the batch, such as "batch_01...".

        Returns
        -------
        Batch
            How many of its jobs are in which state.
        """
        return self._get(doc.Batch, f"/v1/batches/{batch_id}")

    def batches(self) -> Iterator[doc.Batch]:
        """Give all batches, newest first.

        Returns
        -------
        iterator of Batch
            Pages are asked for as it goes on.
        """
        return self._pages(doc.Batch, "/v1/batches", {})

    def cancel_batch(self, batch_id: str) -> doc.Batch:
        """Ask for the end of all jobs of a batch.

        Parameters
        ----------
        batch_id
            Id of the batch, such as "batch_01...".

        Returns
        -------
        Batch
            The batch, whose jobs end soon.
        """
        return self._post(doc.Batch, f"/v1/batches/{batch_id}:cancel")

    def batch_results(self, batch_id: str, *, errors: bool = False) -> list[Outcome]:
        """Return what became of a batch's ended jobs: successes, or errors.

        Parameters
        ----------
        batch_id
            Id of the batch, such as "batch_01...".
        errors
            Whether the jobs that failed are wanted, instead of those that succeeded.

        Returns
        -------
        list of Outcome
            One per ended job, with its `custom_id`.
        """
        name = "errors" if errors else "results"
        answer = self._transport.send("GET", f"/v1/batches/{batch_id}/{name}")
        return [json.loads(line) for line in answer.text.splitlines()]
