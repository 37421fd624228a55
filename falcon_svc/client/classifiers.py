"""Hierarchical classifiers, advice and figures on a service."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

from falcon_svc.client import documents as doc
from falcon_svc.client.predicting import PREDICT_S, requests_of
from falcon_svc.client.transport import Transport, save

Paths = Sequence[Sequence[str]]


class Classifying:
    """The methods of `Falcon` for what jobs make of given labels."""

    _transport: Transport

    def classifier(self, job_id: str) -> Classifier:
        """Return the classifier of a job: its card, its file, classes of new vectors.

        Parameters
        ----------
        job_id
            Id of a job of the kind "classifier".

        Returns
        -------
        Classifier
            Its methods are requests about that job.
        """
        return Classifier(self._transport, job_id)

    def advice(self, job_id: str) -> doc.Advice:
        """Return the advice of a job on whether finer labels would improve coarse accuracy.

        Parameters
        ----------
        job_id
            Id of a job of the kind "advice".

        Returns
        -------
        Advice
            A verdict in words, and the figures that it rests on.
        """
        answer = self._transport.send("GET", f"/v1/jobs/{job_id}/advice")
        return cast(doc.Advice, answer.json())

    def job_metrics(self, job_id: str) -> doc.JobMetrics:
        """Return what a job has measured.

        Parameters
        ----------
        job_id
            Id of a job of the kind "metrics".

        Returns
        -------
        JobMetrics
            Hierarchical figures, and how many rows they rest on.
        """
        answer = self._transport.send("GET", f"/v1/jobs/{job_id}/metrics")
        return cast(doc.JobMetrics, answer.json())

    def metrics(
        self,
        tree: Paths,
        truth: Paths,
        *,
        predictions: Paths | None = None,
        scores: Sequence[Sequence[float]] | None = None,
    ) -> dict[str, float | None]:
        """Return hierarchical figures of predicted paths, or of probabilities, at once.

        Parameters
        ----------
        tree
            The path of every class, top first.
        truth
            (n,) true paths.
        predictions, scores
            One of the two: (n,) paths, or (n, nodes or leaves) probabilities.

        Returns
        -------
        dict
            Name of a figure -> its value; None where it is not defined.
        """
        body = {"tree": tree, "truth": truth, "predictions": predictions, "scores": scores}
        answer = self._transport.send("POST", "/v1/metrics", json=body)
        return cast(doc.Measured, answer.json())["figures"]


class Classifier:
    """The classifier of a job that has succeeded.

    Parameters
    ----------
    transport
        To the service.
    job_id
        Of the job.

    Examples
    --------
    Of a service at work; docs/client.md has one to run::

        classifier = falcon.classifier(job["id"])
        classifier.classify([[0.1, -0.4, 2.2, 0.9]])["predictions"][0]["path"]
    """

    def __init__(self, transport: Transport, job_id: str) -> None:
        self._transport, self._job_id = transport, job_id

    def card(self) -> doc.Card:
        """Return the model card: data, settings, figures on a held-out part.

        Returns
        -------
        Card
            What a user of the model has to know.
        """
        answer = self._transport.send("GET", f"/v1/jobs/{self._job_id}/card")
        return cast(doc.Card, answer.json())

    def download(self, to: str | Path) -> Path:
        """Save the model file, for `falcon classify` and `HierarchicalClassifier.load`.

        Parameters
        ----------
        to
            The file to write.

        Returns
        -------
        Path
            The file that was written.
        """
        path = f"/v1/jobs/{self._job_id}/model"
        return save(self._transport.http, path, "*/*", Path(to))

    def classify(
        self,
        vectors: Sequence[Sequence[float]],
        *,
        columns: Sequence[str] | None = None,
        inference: doc.Rule | None = None,
        threshold: float | None = None,
    ) -> doc.Classified:
        """Return the class of each vector; many go in several requests.

        Parameters
        ----------
        vectors
            (N, D), as the job's features.
        columns
            (D,) names of the vectors' columns in any order; None = they are in the job's order.
        inference
            How a class is chosen; None = as the job's settings say.
        threshold
            Least probability of a class, in [0, 1], with the inference ``"threshold"``: the
            answer is as deep as it is sure.

        Returns
        -------
        Classified
            One record per vector, and the notes of all requests, each once.
        """
        asked: dict[str, Any] = {"columns": None if columns is None else list(columns)}
        asked |= {"inference": inference, "threshold": threshold}
        found = doc.Classified(predictions=[], notes=[])
        for part in requests_of(vectors):
            rows = [list(map(float, row)) for row in vectors[part]]
            path, body = f"/v1/models/{self._job_id}:classify", {**asked, "vectors": rows}
            answer = cast(doc.Classified, self._transport.send("POST", path, json=body).json())
            found["predictions"] += answer["predictions"]
            found["notes"] += [note for note in answer["notes"] if note not in found["notes"]]
        return found

    def classify_texts(
        self,
        texts: Sequence[str],
        *,
        inference: doc.Rule | None = None,
        threshold: float | None = None,
    ) -> doc.Classified:
        """Return the class of each text, by a classifier whose samples were texts.

        Parameters
        ----------
        texts
            At most 10,000.
        inference, threshold
            As for `classify`: a name or None, and in [0, 1] or None.

        Returns
        -------
        Classified
            One record per text, and notes.
        """
        body = {"texts": list(texts), "inference": inference, "threshold": threshold}
        path = f"/v1/models/{self._job_id}:classifyTexts"
        answer = self._transport.send("POST", path, json=body, timeout=PREDICT_S)
        return cast(doc.Classified, answer.json())

    def classify_file(
        self,
        path: str | Path,
        *,
        options: dict[str, Any] | None = None,
        inference: doc.Rule | None = None,
        threshold: float | None = None,
    ) -> doc.Classified:
        """Return the class of each of a file's samples, with their ids; read as the job's were.

        Parameters
        ----------
        path
            A file of any format that a data set may have; a zip of images.
        options
            Reading options for this file, such as ``{"id_column": "name"}``.
        inference, threshold
            As for `classify`: a name or None, and in [0, 1] or None.

        Returns
        -------
        Classified
            One record per sample, and notes.
        """
        given = {"inference": inference, "threshold": threshold}
        sent = {name: str(value) for name, value in given.items() if value is not None}
        answer = self._transport.send(
            "POST",
            f"/v1/models/{self._job_id}:classifyFile",
            files={"file": (Path(path).name, Path(path).read_bytes())},
            data={"options": json.dumps(options or {}), **sent},
            timeout=PREDICT_S,
        )
        return cast(doc.Classified, answer.json())
