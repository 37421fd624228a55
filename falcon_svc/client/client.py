"""`Falcon`: what the service can do, as methods; documents come back as typed dicts."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import IO, Any, TypeVar, cast

import httpx

from falcon_svc.client import documents as doc
from falcon_svc.client.classifiers import Classifying
from falcon_svc.client.events import read_events
from falcon_svc.client.lines import Event, Outcome
from falcon_svc.client.predicting import Predicting
from falcon_svc.client.reviews import Review
from falcon_svc.client.transport import AGAIN, TIMEOUT_S, ServiceError, Transport, pause, save

__all__ = ["Falcon", "ServiceError"]

Document = dict[str, Any]
Kind = TypeVar("Kind")
PART_BYTES = 32 * 2**20
LONGEST_WAIT_S = 60
RECONNECTS = 5
TERMINAL = ("succeeded", "failed", "canceled", "expired")


class Falcon(Classifying, Predicting):
    """A service.

    Parameters
    ----------
    url
        Such as ``http://127.0.0.1:8000``.
    key
        API key, where the service wants one.
    """

    def __init__(self, url: str = "http://127.0.0.1:8000", key: str | None = None) -> None:
        self._transport = Transport(url, key)

    def __enter__(self) -> Falcon:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def http(self) -> httpx.Client:
        """The connection, with address and key, for requests that no method makes."""
        return self._transport.http

    def close(self) -> None:
        """Close all connections."""
        self.http.close()

    def capabilities(self) -> doc.Capabilities:
        """Return what the service can do."""
        return self._get(doc.Capabilities, "/v1/capabilities")

    # Data sets

    def upload(
        self,
        path: str | Path,
        *,
        options: Document | None = None,
        metadata: dict[str, str] | None = None,
        part_bytes: int = PART_BYTES,
    ) -> doc.Dataset:
        """Send a data set in parts and return it, checked or about to be.

        Parameters
        ----------
        path
            One file; see docs/input-formats.md.
        options
            Reading options, such as ``{"coarse_column": "kind"}``.
        metadata
            Yours.
        part_bytes
            Bytes of one request, >= 1; a part that fails is sent again alone.
        """
        path = Path(path)
        announced = {"name": path.name, "size_bytes": path.stat().st_size}
        upload = self._post(doc.Upload, "/v1/uploads", announced)
        digest = sha256()
        with path.open("rb") as file:
            for number, part in enumerate(iter(lambda: file.read(part_bytes), b""), start=1):
                digest.update(part)
                self._transport.send(
                    "PUT",
                    f"/v1/uploads/{upload['id']}/parts/{number}",
                    content=part,
                    headers={"Content-Type": "application/octet-stream"},
                )
        end = {"sha256": digest.hexdigest(), "options": options or {}, "metadata": metadata or {}}
        return self._post(doc.Dataset, f"/v1/uploads/{upload['id']}:complete", end)

    def upload_with_labels(
        self, path: str | Path, labels: str | Path, *, options: Document | None = None
    ) -> doc.Dataset:
        """Send a `.npy` file with the CSV of its labels, in one request."""
        sent = {"options": json.dumps(options or {})}
        with Path(path).open("rb") as file, Path(labels).open("rb") as beside:
            files: dict[str, tuple[str, IO[bytes]]] = {
                "file": (Path(path).name, file),
                "labels": (Path(labels).name, beside),
            }
            answer = self._transport.send(
                "POST", "/v1/datasets", again=False, files=files, data=sent
            )
        return cast(doc.Dataset, answer.json())

    def datasets(self) -> Iterator[doc.Dataset]:
        """Give all data sets, newest first."""
        return self._pages(doc.Dataset, "/v1/datasets", {})

    def dataset(self, dataset_id: str) -> doc.Dataset:
        """Return a data set."""
        return self._get(doc.Dataset, f"/v1/datasets/{dataset_id}")

    def delete_dataset(self, dataset_id: str) -> None:
        """Delete a data set with its jobs and results."""
        self._transport.send("DELETE", f"/v1/datasets/{dataset_id}")

    # Jobs

    def discover(
        self, path: str | Path, config: Document | None = None, *, options: Document | None = None
    ) -> doc.Discovered:
        """Send a data set and return its fine classes, all in one document.

        Raises
        ------
        ServiceError
            Refused or failed; or not ended in time: then `document` is the job, for `wait`.
        """
        sent = {"config": json.dumps(config or {}), "options": json.dumps(options or {})}
        headers = {"Prefer": f"wait={LONGEST_WAIT_S}"}
        with Path(path).open("rb") as file:
            files = {"file": (Path(path).name, file)}
            answer = self._transport.send(
                "POST", "/v1/discover", again=False, files=files, data=sent, headers=headers,
                timeout=LONGEST_WAIT_S + TIMEOUT_S,
            )  # fmt: skip
        if answer.status_code == httpx.codes.ACCEPTED:
            detail = f"Expected an end within {LONGEST_WAIT_S} s, found none; wait for the job."
            raise ServiceError(detail, code="not_finished", status=202, document=answer.json())
        return cast(doc.Discovered, answer.json())

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
            What it works on.
        config
            Settings of its kind.
        kind
            ``"discovery"``, ``"classifier"`` or ``"advice"``.
        metadata
            Yours.
        webhook
            URL that is told of its end.
        key
            Idempotency key, for a program that may start again.
        """
        body: Document = {"dataset_id": dataset_id, "kind": kind, "config": config or {}}
        body["metadata"] = metadata or {}
        if webhook is not None:
            body["webhook"] = {"url": webhook}
        return self._post(doc.Job, "/v1/jobs", body, key=key or uuid.uuid4().hex)

    def job(self, job_id: str) -> doc.Job:
        """Return a job."""
        return self._get(doc.Job, f"/v1/jobs/{job_id}")

    def jobs(self, **filters: str) -> Iterator[doc.Job]:
        """Give all jobs, newest first; filters: kind, state, dataset_id, batch_id."""
        return self._pages(doc.Job, "/v1/jobs", filters)

    def cancel(self, job_id: str) -> doc.Job:
        """Ask for a job's end."""
        return self._post(doc.Job, f"/v1/jobs/{job_id}:cancel")

    def delete_job(self, job_id: str) -> None:
        """Delete an ended job with its result."""
        self._transport.send("DELETE", f"/v1/jobs/{job_id}")

    def events(self, job_id: str, *, after: int = 0) -> Iterator[Event]:
        """Give a job's changes as they come, until it has ended; reconnects by itself."""
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

    # Batches

    def submit_batch(self, jobs: Sequence[doc.Order], *, key: str | None = None) -> doc.Batch:
        """Queue jobs together: all of them, or none."""
        return self._post(doc.Batch, "/v1/batches", {"jobs": jobs}, key=key or uuid.uuid4().hex)

    def batch(self, batch_id: str) -> doc.Batch:
        """Return a batch."""
        return self._get(doc.Batch, f"/v1/batches/{batch_id}")

    def batches(self) -> Iterator[doc.Batch]:
        """Give all batches, newest first."""
        return self._pages(doc.Batch, "/v1/batches", {})

    def cancel_batch(self, batch_id: str) -> doc.Batch:
        """Ask for the end of all jobs of a batch."""
        return self._post(doc.Batch, f"/v1/batches/{batch_id}:cancel")

    def batch_results(self, batch_id: str, *, errors: bool = False) -> list[Outcome]:
        """Return what became of a batch's ended jobs: successes, or errors."""
        name = "errors" if errors else "results"
        answer = self._transport.send("GET", f"/v1/batches/{batch_id}/{name}")
        return [json.loads(line) for line in answer.text.splitlines()]

    # Results

    def classes(self, job_id: str) -> list[doc.FineClass]:
        """Return the fine classes."""
        return self._get(list[doc.FineClass], f"/v1/jobs/{job_id}/classes")

    def samples(
        self, job_id: str, class_id: int, kind: doc.Kind = "medoid", *, limit: int = 50
    ) -> list[doc.Sample]:
        """Return samples of a class: typical, near its border, or strange."""
        path = f"/v1/jobs/{job_id}/classes/{class_id}/samples"
        return self._get(list[doc.Sample], path, params={"kind": kind, "limit": limit})

    def assignments(self, job_id: str) -> list[doc.Sample]:
        """Return every sample's fine class."""
        return self._get(list[doc.Sample], f"/v1/jobs/{job_id}/assignments")

    def graph(self, job_id: str, format: doc.GraphFormat = "json") -> bytes:
        """Return the coarse-fine graph."""
        path = f"/v1/jobs/{job_id}/graph"
        return self._transport.send("GET", path, params={"format": format}).content

    def counts(self, job_id: str) -> list[doc.Count]:
        """Return how many fine classes each coarse class holds, and how that came about."""
        return self._get(list[doc.Count], f"/v1/jobs/{job_id}/counts")

    def verification(self, job_id: str) -> doc.Verification:
        """Return whether a result is what it says: files, proofs, assignments."""
        return self._get(doc.Verification, f"/v1/jobs/{job_id}/verification")

    def relation(self, job_id: str) -> list[doc.Relation]:
        """Return each label source's relation with its certificate."""
        return self._get(list[doc.Relation], f"/v1/jobs/{job_id}/relation")

    def download(self, job_id: str, name: str, to: str | Path) -> Path:
        """Save `report` (HTML), `model` (zip) or `assignments` (Parquet) as a file."""
        accept = "application/vnd.apache.parquet, */*;q=0.5"
        return save(self._transport.http, f"/v1/jobs/{job_id}/{name}", accept, Path(to))

    def review(self, job_id: str) -> Review:
        """Return the review of a job's result: look, correct, solve again, take away."""
        return Review(self._transport, job_id)

    def _pages(self, kind: type[Kind], path: str, wanted: dict[str, str]) -> Iterator[Kind]:
        while True:
            page = self._get(Document, path, params=wanted)
            yield from cast(list[Kind], page["items"])
            if page["next_page_token"] is None:
                return
            wanted = wanted | {"page_token": page["next_page_token"]}

    def _get(self, kind: type[Kind], path: str, **given: Any) -> Kind:
        return cast(Kind, self._transport.send("GET", path, **given).json())

    def _post(
        self,
        kind: type[Kind],
        path: str,
        body: Document | None = None,
        *,
        key: str | None = None,
    ) -> Kind:
        headers = {} if key is None else {"Idempotency-Key": key}
        return cast(Kind, self._transport.send("POST", path, json=body, headers=headers).json())
