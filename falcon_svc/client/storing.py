"""Data sets of a service: sent, listed, deleted. A part of `Falcon`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import IO, cast

from falcon_svc.client import documents as doc
from falcon_svc.client.asking import Asking, Document

PART_BYTES = 32 * 2**20


class Storing(Asking):
    """The methods on data sets."""

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
            Words of yours that stay with it.
        part_bytes
            Bytes of one request, >= 1; a part that fails is sent again alone.

        Returns
        -------
        Dataset
            The data set; `state` says whether its check has ended.
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
        """Send a `.npy` file with the CSV of its labels, in one request.

        Parameters
        ----------
        path, labels
            The file, and the table of its labels.
        options
            Reading options, such as ``{"coarse_column": "kind"}``.

        Returns
        -------
        Dataset
            The data set; `state` says whether its check has ended.
        """
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
        """Give all data sets, newest first.

        Returns
        -------
        iterator of Dataset
            Pages are asked for as it goes on.
        """
        return self._pages(doc.Dataset, "/v1/datasets", {})

    def dataset(self, dataset_id: str) -> doc.Dataset:
        """Return a data set.

        Parameters
        ----------
        dataset_id
            Id of the data set, such as "ds_01...".

        Returns
        -------
        Dataset
            State, summary, notes, and what is wrong with it, if anything is.
        """
        return self._get(doc.Dataset, f"/v1/datasets/{dataset_id}")

    def delete_dataset(self, dataset_id: str) -> None:
        """Delete a data set with its jobs and results.

        Parameters
        ----------
        dataset_id
            Id of the data set, such as "ds_01...".
        """
        self._transport.send("DELETE", f"/v1/datasets/{dataset_id}")
