"""Classes of files and texts by the classifier of a job; see `sent_samples`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from falcon_svc.service import classifiers, results
from falcon_svc.service.context import Context
from falcon_svc.service.keys import Caller
from falcon_svc.service.sent_samples import Sent, answered
from falcon_svc.storage.kinds import CLASSIFIER


@dataclass(frozen=True)
class Asked(Sent):
    """What is to be classified.

    Parameters
    ----------
    inference
        How a class is chosen; None = as the classifier was trained to.
    threshold
        Least probability of a class, in [0, 1], with the inference ``threshold`` and no other.
    """

    inference: str | None = None
    threshold: float | None = None


def classify(context: Context, caller: Caller, job_id: str, asked: Asked) -> dict[str, Any]:
    """Return one record per sample by the classifier of a job, and notes.

    Raises
    ------
    RequestError, InputError, ConfigError
        No such classifier, or as `sent_samples.answered`; a threshold without its inference.
    """
    classifiers.check_rule(asked.inference, asked.threshold)
    _, directory = results.directory(context, caller, job_id, CLASSIFIER)
    classifiers.model_of(directory)
    wish = {"work": "classify", "inference": asked.inference, "threshold": asked.threshold}
    return answered(context, asked, directory, wish)
