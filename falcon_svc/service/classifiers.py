"""What came of jobs that train on given labels: cards, advice, and classes of new vectors."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from falcon_svc.errors import ConfigError, InputError
from falcon_svc.service import results
from falcon_svc.service.context import Context
from falcon_svc.service.keys import Caller
from falcon_svc.service.refusals import RequestError
from falcon_svc.storage.kinds import ADVICE, CLASSIFIER, METRICS
from falcon_svc.types import FloatArray

if TYPE_CHECKING:
    from falcon_svc.hierarchy.classifier import HierarchicalClassifier

KEPT = 8
CARD, ADVICE_FILE, METRICS_FILE = "card.json", "advice.json", "metrics.json"
SHOWN = 5
Record = dict[str, Any]


def card(context: Context, caller: Caller, job_id: str) -> Record:
    """Return the model card of a classifier."""
    return _json(results.directory(context, caller, job_id, CLASSIFIER)[1] / CARD)


def advice(context: Context, caller: Caller, job_id: str) -> Record:
    """Return the advice of a job."""
    return _json(results.directory(context, caller, job_id, ADVICE)[1] / ADVICE_FILE)


def metrics(context: Context, caller: Caller, job_id: str) -> Record:
    """Return what a job has measured."""
    return _json(results.directory(context, caller, job_id, METRICS)[1] / METRICS_FILE)


def _json(path: Path) -> Record:
    found: Record = results.whole_files(lambda file: json.loads(file.read_bytes()), path)
    return found


@dataclass(frozen=True)
class Wish:
    """What is to be classified.

    Parameters
    ----------
    vectors
        (N, D).
    columns
        (D,) names of the vectors' columns, in any order; None = they are in the model's.
    inference
        How a class is chosen; None = as the classifier was trained to.
    threshold
        Least probability of a class, with the inference ``threshold`` and no other.
    """

    vectors: FloatArray
    columns: Sequence[str] | None = None
    inference: str | None = None
    threshold: float | None = None


def classify(context: Context, caller: Caller, job_id: str, wish: Wish) -> Record:
    """Return one record per vector by the classifier of a job, and notes.

    Raises
    ------
    RequestError
        The job has no classifier, or this process lacks torch (code ``no_torch``).
    InputError, ConfigError
        The vectors do not fit the classifier; a threshold without its inference, or the reverse.
    """
    check_rule(wish.inference, wish.threshold)
    model = model_of(results.directory(context, caller, job_id, CLASSIFIER)[1])
    from falcon_svc.hierarchy.classifier.answers import answers  # loads torch, as the model has

    vectors, notes = _by_name(wish, model)
    _check_width(vectors, model)
    found = answers(model, vectors, wish.inference, wish.threshold)
    return {"predictions": found, "notes": notes}


def check_rule(inference: str | None, threshold: float | None) -> None:
    """Raise ConfigError for a threshold without its inference, or the reverse."""
    if (threshold is not None) != (inference == "threshold"):
        raise ConfigError(
            "Expected a threshold together with the inference threshold, found one of the two; "
            "give both.",
            code="bad_input",
        )


def model_of(directory: Path) -> HierarchicalClassifier:
    """Return the classifier of a result directory, loaded once.

    Raises
    ------
    RequestError
        This process lacks torch (code ``no_torch``).
    StorageError
        A file is gone or not as it was written (code ``artifact_missing``).
    """
    try:
        return results.whole_files(_load, directory / results.MODELS[CLASSIFIER])
    except ImportError as error:
        raise RequestError(
            "Expected PyTorch where the API runs, found an installation without it; download the "
            "model and run falcon classify.",
            code="no_torch",
        ) from error


@lru_cache(KEPT)
def _load(path: Path) -> HierarchicalClassifier:
    from falcon_svc.hierarchy.classifier import HierarchicalClassifier

    return HierarchicalClassifier.load(path)


def _by_name(wish: Wish, model: HierarchicalClassifier) -> tuple[FloatArray, list[Record]]:
    """Return the vectors' columns in the model's order, and what was left out."""
    known = model.card_["data_set"]["features"]
    if wish.columns is None or known is None:
        return wish.vectors, []
    given = list(wish.columns)
    if len(given) != wish.vectors.shape[1] or len(set(given)) < len(given):
        raise InputError(
            f"Expected a different name for each of the {wish.vectors.shape[1]} columns, found "
            f"{len(given)} names, {len(set(given))} of them different; name every column once."
        )
    missing = [name for name in known if name not in given]
    if missing:
        raise InputError(
            f"Expected the columns that trained the classifier, found {len(missing)} of them "
            f"missing ({', '.join(missing[:SHOWN])}); send them too."
        )
    more = [name for name in given if name not in known]
    text = f"Left out, as the classifier does not know them: {', '.join(more[:SHOWN])}."
    notes = [{"code": "columns_left_out", "text": text}] if more else []
    chosen = np.ascontiguousarray(wish.vectors[:, [given.index(name) for name in known]])
    return chosen, notes


def _check_width(vectors: FloatArray, model: HierarchicalClassifier) -> None:
    if vectors.ndim != 2 or vectors.shape[1] != model.n_features_in_:
        raise InputError(
            f"Expected vectors of {model.n_features_in_} numbers, as the classifier was trained "
            f"on, found shape {vectors.shape}; take the same features."
        )
