"""Predictions over a service: vectors, texts, files. A part of `Falcon`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from falcon_svc.client import documents as doc
from falcon_svc.client.transport import Transport

Document = dict[str, Any]
NUMBERS = 1_000_000  # of one request: about 20 MB of JSON
MOST_ROWS = 10_000  # of one request, as the service takes them
PREDICT_S = 150.0  # the service gives up sooner


class Predicting:
    """The methods that predict by the model of a job."""

    _transport: Transport

    def predict(
        self,
        job_id: str,
        vectors: Sequence[Sequence[float]],
        coarse: Sequence[str | None] | Mapping[str, Sequence[str | None]] | None = None,
        *,
        columns: Sequence[str] | None = None,
        least_confidence: float = 0.0,
        precision: float | None = None,
    ) -> doc.Predictions:
        """Return the fine class of new vectors by the model of a job; many go in several requests.

        Parameters
        ----------
        job_id
            Id of the job, such as "job_01...".
        vectors
            (N, D), as the job's features.
        coarse
            N names of the first label source, or such names per label source; None where unknown.
        columns
            (D,) names of the vectors' columns in any order; None = they are in the job's order.
        least_confidence
            Below it, in [0, 1], `abstained` is true.
        precision
            Wanted share in (0, 1) of right classes among those with `abstained` false, estimated
            on the job's own assignments; None = any.

        Returns
        -------
        Predictions
            One record per vector, and the notes of all requests, each once.
        """
        found = doc.Predictions(predictions=[], notes=[])
        for part in requests_of(vectors):
            body: Document = {"vectors": [list(map(float, row)) for row in vectors[part]]}
            body["coarse"] = _sliced(coarse, part)
            body["columns"] = None if columns is None else list(columns)
            body |= {"least_confidence": least_confidence, "precision": precision}
            sent = self._transport.send("POST", f"/v1/models/{job_id}:predict", json=body)
            answer = cast(doc.Predictions, sent.json())
            found["predictions"] += answer["predictions"]
            found["notes"] += [note for note in answer["notes"] if note not in found["notes"]]
        return found

    def predict_texts(
        self,
        job_id: str,
        texts: Sequence[str],
        coarse: Sequence[str | None] | Mapping[str, Sequence[str | None]] | None = None,
        *,
        least_confidence: float = 0.0,
        precision: float | None = None,
    ) -> doc.Predictions:
        """Return the fine class of new texts by the model of a job whose samples were texts.

        Parameters
        ----------
        job_id
            Id of the job, such as "job_01...".
        texts
            At most 10,000.
        coarse, least_confidence, precision
            As for `predict`: labels, in [0, 1], and in (0, 1) or None.

        Returns
        -------
        Predictions
            One record per text, and notes.
        """
        body: Document = {"texts": list(texts), "coarse": _sliced(coarse, slice(None))}
        body |= {"least_confidence": least_confidence, "precision": precision}
        path = f"/v1/models/{job_id}:predictTexts"
        answer = self._transport.send("POST", path, json=body, timeout=PREDICT_S)
        return cast(doc.Predictions, answer.json())

    def predict_file(
        self,
        job_id: str,
        path: str | Path,
        *,
        labels: str | Path | None = None,
        options: Document | None = None,
        least_confidence: float = 0.0,
        precision: float | None = None,
    ) -> doc.Predictions:
        """Return the fine class of a file's samples, with their ids; read as the job's data were.

        Parameters
        ----------
        job_id
            Id of the job, such as "job_01...".
        path
            A file of any format that a data set may have; a zip of images.
        labels
            The CSV beside a `.npy` file.
        options
            Reading options for this file, such as ``{"coarse_column": "kind"}``.
        least_confidence, precision
            As for `predict`: in [0, 1], and in (0, 1) or None.

        Returns
        -------
        Predictions
            One record per sample, with its id, and notes.
        """
        sent = {"options": json.dumps(options or {}), "least_confidence": str(least_confidence)}
        sent |= {} if precision is None else {"precision": str(precision)}
        there = {"file": Path(path)} | ({} if labels is None else {"labels": Path(labels)})
        files = {name: (one.name, one.read_bytes()) for name, one in there.items()}
        answer = self._transport.send(
            "POST", f"/v1/models/{job_id}:predictFile", files=files, data=sent, timeout=PREDICT_S
        )
        return cast(doc.Predictions, answer.json())


def requests_of(vectors: Sequence[Sequence[float]]) -> Iterator[slice]:
    """Give the rows of each request that vectors are sent in."""
    wide = max(1, len(vectors[0])) if len(vectors) else 1
    at_once = min(MOST_ROWS, max(1, NUMBERS // wide))
    for start in range(0, len(vectors), at_once):
        yield slice(start, start + at_once)


def _sliced(
    coarse: Sequence[str | None] | Mapping[str, Sequence[str | None]] | None, part: slice
) -> Any:
    """Return the labels of some samples."""
    if isinstance(coarse, Mapping):
        return {name: list(labels[part]) for name, labels in coarse.items()}
    return None if coarse is None else list(coarse[part])
