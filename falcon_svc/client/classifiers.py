"""A trained hierarchical classifier on a service, as methods."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

from falcon_svc.client import documents as doc
from falcon_svc.client.parts import Rows, in_parts
from falcon_svc.client.transport import Transport, save


class Classifier:
    """The classifier of a job that has succeeded; `Falcon.classifier` makes it.

    Parameters
    ----------
    transport
        To the service.
    job_id
        Of the job.
    """

    def __init__(self, transport: Transport, job_id: str) -> None:
        self._transport, self._job_id = transport, job_id

    def card(self) -> doc.Card:
        """Return the model card: data, settings, figures on a held-out part."""
        answer = self._transport.send("GET", f"/v1/jobs/{self._job_id}/card")
        return cast(doc.Card, answer.json())

    def download(self, to: str | Path) -> Path:
        """Save the model file, for `falcon classify` and `HierarchicalClassifier.load`."""
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
            Least probability of a class, with the inference ``"threshold"``: the answer is as
            deep as it is sure.

        Returns
        -------
        Classified
            One record per vector, and the notes of all requests, each once.
        """
        asked: dict[str, Any] = {"columns": None if columns is None else list(columns)}
        asked |= {"inference": inference, "threshold": threshold}

        def ask(part: slice, rows: Rows) -> doc.Classified:
            path, body = f"/v1/models/{self._job_id}:classify", {**asked, "vectors": rows}
            return cast(doc.Classified, self._transport.send("POST", path, json=body).json())

        predictions, notes = in_parts(vectors, ask)
        return doc.Classified(predictions=predictions, notes=notes)
