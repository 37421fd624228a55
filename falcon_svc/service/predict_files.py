"""Predictions of files and texts by the model of a discovery; see `sent_samples`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from falcon_svc.result.given_labels import Labels
from falcon_svc.result.surety import ANY, Demand
from falcon_svc.service import predictions, results
from falcon_svc.service.context import Context
from falcon_svc.service.keys import Caller
from falcon_svc.service.sent_samples import Sent, answered


@dataclass(frozen=True)
class Asked(Sent):
    """What is to be predicted.

    Parameters
    ----------
    coarse
        Coarse labels of texts, as `Predictor.predict` takes them.
    demand
        How sure a prediction has to be not to be marked as abstained.
    """

    coarse: Labels | Mapping[str, Labels] | None = None
    demand: Demand = ANY


def predict(context: Context, caller: Caller, job_id: str, asked: Asked) -> dict[str, Any]:
    """Return one record per sample by the model of a job, and notes.

    Raises
    ------
    RequestError, InputError
        No such model, or as `sent_samples.answered`.
    """
    _, directory = results.directory(context, caller, job_id)
    first = predictions.model_of(directory).sources[0][0]
    labels, demand = _columns(asked.coarse, first), asdict(asked.demand)
    wish = {"work": "predict", "labels": labels, "demand": demand}
    return answered(context, asked, directory, wish)


def _columns(coarse: Labels | Mapping[str, Labels] | None, first: str) -> dict[str, Labels]:
    """Return label columns by the names that reading knows them by."""
    if coarse is None:
        return {}
    tables = coarse if isinstance(coarse, Mapping) else {first: coarse}
    return {"coarse" if name == first else f"coarse_{name}": tables[name] for name in tables}
