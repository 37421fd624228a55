"""`Falcon`: what the service can do, as methods; documents come back as dicts."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import IO, Any

import httpx

from falcon_svc.client.transport import ServiceError, Transport, checked

__all__ = ["Falcon", "ServiceError"]

Document = dict[str, Any]
PART_BYTES = 32 * 2**20
TERMINAL = ("succeeded", "failed", "canceled", "expired")


class Falcon:
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

    def close(self) -> None:
        """Close all connections."""
        self._transport.http.close()

    def upload(
        self,
        path: str | Path,
        *,
        options: Document | None = None,
        metadata: dict[str, str] | None = None,
        part_bytes: int = PART_BYTES,
    ) -> Document:
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
            Of one request; a part that fails is sent again alone.
        """
        path = Path(path)
        announced = {"name": path.name, "size_bytes": path.stat().st_size}
        upload = self._post("/v1/uploads", announced, again=False)
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
        return self._post(f"/v1/uploads/{upload['id']}:complete", end)

    def upload_with_labels(self, path: str | Path, labels: str | Path) -> Document:
        """Send a `.npy` file with the CSV of its labels."""
        with Path(path).open("rb") as file, Path(labels).open("rb") as beside:
            files: dict[str, tuple[str, IO[bytes]]] = {
                "file": (Path(path).name, file),
                "labels": (Path(labels).name, beside),
            }
            return _json(self._transport.send("POST", "/v1/datasets", again=False, files=files))

    def dataset(self, dataset_id: str) -> Document:
        """Return a data set."""
        return self._get(f"/v1/datasets/{dataset_id}")

    def delete_dataset(self, dataset_id: str) -> None:
        """Delete a data set with its jobs and results."""
        self._transport.send("DELETE", f"/v1/datasets/{dataset_id}")

    def submit(
        self,
        dataset_id: str,
        config: Document | None = None,
        *,
        metadata: dict[str, str] | None = None,
        webhook: str | None = None,
        key: str | None = None,
    ) -> Document:
        """Queue a job and return it; sent again after a failure, it is still one job."""
        body: Document = {"dataset_id": dataset_id, "config": config or {}}
        body["metadata"] = metadata or {}
        if webhook is not None:
            body["webhook"] = {"url": webhook}
        return self._post("/v1/jobs", body, key=key or uuid.uuid4().hex)

    def submit_batch(self, jobs: Sequence[Document], *, key: str | None = None) -> Document:
        """Queue jobs together; each is a dict with `custom_id`, `dataset_id`, `config`."""
        return self._post("/v1/batches", {"jobs": list(jobs)}, key=key or uuid.uuid4().hex)

    def batch(self, batch_id: str) -> Document:
        """Return a batch."""
        return self._get(f"/v1/batches/{batch_id}")

    def batch_results(self, batch_id: str, *, errors: bool = False) -> list[Document]:
        """Return what became of a batch's ended jobs: successes, or errors."""
        name = "errors" if errors else "results"
        answer = self._transport.send("GET", f"/v1/batches/{batch_id}/{name}")
        return [json.loads(line) for line in answer.text.splitlines()]

    def job(self, job_id: str) -> Document:
        """Return a job."""
        return self._get(f"/v1/jobs/{job_id}")

    def jobs(self, **filters: str) -> Iterator[Document]:
        """Give all jobs, newest first; filters: state, dataset_id, batch_id."""
        token: str | None = None
        while True:
            wanted = filters | ({"page_token": token} if token else {})
            page = self._get("/v1/jobs", params=wanted)
            yield from page["items"]
            token = page["next_page_token"]
            if token is None:
                return

    def cancel(self, job_id: str) -> Document:
        """Ask for a job's end."""
        return self._post(f"/v1/jobs/{job_id}:cancel")

    def delete_job(self, job_id: str) -> None:
        """Delete an ended job with its result."""
        self._transport.send("DELETE", f"/v1/jobs/{job_id}")

    def events(self, job_id: str, *, after: int = 0) -> Iterator[Document]:
        """Give a job's changes as they come, until it has ended; reconnects by itself."""
        failures = 0
        while True:
            try:
                for event in self._stream(job_id, after):
                    after, failures = event["seq"], 0
                    yield event
                    if event.get("state") in TERMINAL:
                        return
                if self.job(job_id)["state"] in TERMINAL:
                    return
            except httpx.TransportError:
                failures += 1
                if failures > 5:
                    raise

    def _stream(self, job_id: str, after: int) -> Iterator[Document]:
        headers = {"Last-Event-ID": str(after)}
        path = f"/v1/jobs/{job_id}/events"
        with self._transport.http.stream("GET", path, headers=headers) as answer:
            if answer.status_code >= 400:
                answer.read()
                checked(answer)
            fields: dict[str, str] = {}
            for line in answer.iter_lines():
                name, _, value = line.partition(": ")
                if line == "" and "data" in fields:
                    seq, kind = int(fields["id"]), fields["event"]
                    yield {"seq": seq, "kind": kind, **json.loads(fields["data"])}
                    fields = {}
                elif name:
                    fields[name] = value

    def wait(self, job_id: str) -> Document:
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
            error = job["error"] or {"code": job["state"], "detail": f"It is {job['state']}."}
            raise ServiceError(error["detail"], code=error["code"], status=200, document=error)
        return job

    def classes(self, job_id: str) -> list[Document]:
        """Return the fine classes."""
        found: list[Document] = self._result(job_id, "classes").json()
        return found

    def samples(self, job_id: str, class_id: int, kind: str = "medoid") -> list[Document]:
        """Return samples of a class: medoid, border or suspect."""
        name = f"classes/{class_id}/samples"
        found: list[Document] = self._result(job_id, name, params={"kind": kind}).json()
        return found

    def assignments(self, job_id: str) -> list[Document]:
        """Return every sample's fine class."""
        answer = self._result(job_id, "assignments", headers={"Accept": "application/x-ndjson"})
        return [json.loads(line) for line in answer.text.splitlines()]

    def graph(self, job_id: str, format: str = "json") -> bytes:
        """Return the coarse-fine graph as json, graphml or cytoscape."""
        return self._result(job_id, "graph", params={"format": format}).content

    def relation(self, job_id: str) -> list[Document]:
        """Return each label source's relation with its certificate."""
        found: list[Document] = self._result(job_id, "relation").json()
        return found

    def download(self, job_id: str, name: str, to: str | Path) -> Path:
        """Save `report` (HTML), `model` (zip) or `assignments` (Parquet) as a file."""
        headers = {"Accept": "application/vnd.apache.parquet, */*;q=0.5"}
        to = Path(to)
        with self._transport.http.stream(
            "GET", f"/v1/jobs/{job_id}/{name}", headers=headers
        ) as answer:
            if answer.status_code >= 400:
                answer.read()
            checked(answer)
            with to.open("wb") as file:
                for piece in answer.iter_bytes():
                    file.write(piece)
        return to

    def predict(
        self,
        job_id: str,
        vectors: Sequence[Sequence[float]],
        coarse: Sequence[str | None] | None = None,
        *,
        least_confidence: float = 0.0,
    ) -> list[Document]:
        """Return the fine class of new vectors by the model of a job."""
        body: Document = {"vectors": [list(map(float, row)) for row in vectors]}
        body |= {"coarse": coarse and list(coarse), "least_confidence": least_confidence}
        found: list[Document] = self._post(f"/v1/models/{job_id}:predict", body)["predictions"]
        return found

    def capabilities(self) -> Document:
        """Return what the service can do."""
        return self._get("/v1/capabilities")

    def _result(self, job_id: str, name: str, **given: Any) -> httpx.Response:
        return self._transport.send("GET", f"/v1/jobs/{job_id}/{name}", **given)

    def _get(self, path: str, **given: Any) -> Document:
        return _json(self._transport.send("GET", path, **given))

    def _post(
        self, path: str, body: Document | None = None, *, key: str | None = None, again: bool = True
    ) -> Document:
        headers = {} if key is None else {"Idempotency-Key": key}
        return _json(self._transport.send("POST", path, json=body, headers=headers, again=again))


def _json(answer: httpx.Response) -> Document:
    found: Document = answer.json()
    return found
