"""When a model answers at all: from a confidence on, or as sure as a wanted precision needs.

A precision can only be estimated here. What a discovery's own samples tell is measured once, when
the model is made: of the samples that are at least so confident, the mean probability of the class
that the model names, and 0 where that is not the class which the discovery assigned. It rests on
those assignments; classes that do not match the truth are as wrong as before.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from falcon_svc.errors import ConfigError, InputError
from falcon_svc.types import BoolArray, FloatArray, Note

LEVELS = 256
"""Most confidences that a curve holds."""

LABELLED, UNLABELLED = "surety.labelled", "surety.unlabelled"


@dataclass(frozen=True)
class Demand:
    """How sure a prediction has to be; a model abstains from all others.

    Parameters
    ----------
    confidence
        Least confidence in [0, 1].
    precision
        Wanted share in (0, 1) of right ones among the predictions that are given; None = any.

    Raises
    ------
    ConfigError
        A number outside its range.
    """

    confidence: float = 0.0
    precision: float | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.confidence <= 1:
            raise ConfigError(
                f"Expected a least confidence between 0 and 1, found {self.confidence:g}; "
                "choose one."
            )
        if self.precision is not None and not 0 < self.precision < 1:
            raise ConfigError(
                f"Expected a precision above 0 and below 1, found {self.precision:g}; choose one, "
                "such as 0.95."
            )


ANY = Demand()


@dataclass(frozen=True)
class Surety:
    r"""Estimated precision of what is given, over the least confidence that it has.

    Of own samples with probability :math:`p_i` of the class :math:`f_i` that the model names, and
    the class :math:`a_i` that the discovery assigned, precision at :math:`t` is the mean of
    :math:`p_i [f_i = a_i]` over :math:`p_i \ge t`.

    Parameters
    ----------
    labelled, unlabelled
        (2, L) float32 of samples that come with their coarse label and of those without:
        confidences, falling, and the precision from each of them on.
    """

    labelled: FloatArray
    unlabelled: FloatArray

    def least(self, precision: float) -> tuple[float, float]:
        """Return the least confidence with a label and without; infinite = none reaches it."""
        return _least(self.labelled, precision), _least(self.unlabelled, precision)

    def note(self, precision: float) -> Note:
        """Return what is to be known of a precision that was asked for."""
        known, unknown = (_words(least) for least in self.least(precision))
        return Note(
            "estimated_precision",
            f"For a precision of {precision:g} the model gives classes of samples with a coarse "
            f"label {known}, and of others {unknown}. That is estimated on the discovery's own "
            "assignments: where its classes differ from the truth, fewer are right.",
        )

    def tensors(self) -> dict[str, NDArray[Any]]:
        """Return the numbers by name, as a model file holds them."""
        return {LABELLED: self.labelled, UNLABELLED: self.unlabelled}

    @classmethod
    def stored(cls, tensors: Mapping[str, NDArray[Any]]) -> Surety | None:
        """Return the surety of a model's tensors; None in models that were made without."""
        there = LABELLED in tensors
        return cls(tensors[LABELLED], tensors[UNLABELLED]) if there else None


def abstains(
    surety: Surety | None, demand: Demand, confidence: FloatArray, labelled: BoolArray
) -> tuple[BoolArray, tuple[Note, ...]]:
    """Return which predictions are less sure than is demanded, and what to know of that.

    Parameters
    ----------
    surety
        The model's; None = it was made without.
    demand
        How sure predictions have to be.
    confidence, labelled
        (N,) of the samples: the class's probability in [0, 1], and whether they have a label.

    Raises
    ------
    InputError
        A precision is wanted of a model that was made before it was measured.
    """
    if demand.precision is None:
        return np.asarray(confidence < demand.confidence), ()
    if surety is None:
        raise InputError(
            "Expected a model that knows how precise it is, found one of an earlier version; run "
            "the discovery again, or give a least confidence instead of a precision."
        )
    least = np.where(labelled, *surety.least(demand.precision))
    under = confidence < np.maximum(least, demand.confidence)
    return np.asarray(under), (surety.note(demand.precision),)


def curve(confidence: FloatArray, right: BoolArray) -> FloatArray:
    """Return (2, L) falling confidences and the precision from each of them on, see `Surety`.

    Parameters
    ----------
    confidence, right
        (n,) of own samples: the probability in [0, 1] of the class that is named, and whether it
        is the one that was assigned.
    """
    order = np.argsort(-confidence, kind="stable")
    sure = np.asarray(confidence, np.float32)[order]
    total = np.cumsum(np.where(right[order], sure, 0.0), dtype=np.float64)
    precision = total / np.arange(1, len(sure) + 1)
    ends = np.flatnonzero(np.append(sure[1:] < sure[:-1], len(sure) > 0))  # of equal ones the last
    chosen = (
        ends[np.unique(np.linspace(0, len(ends) - 1, LEVELS).astype(int))] if len(ends) else ends
    )
    return np.stack([sure[chosen], precision[chosen]]).astype(np.float32)


def _least(known: FloatArray, precision: float) -> float:
    reached = np.flatnonzero(known[1] >= precision)
    return float(known[0, reached[-1]]) if len(reached) else np.inf


def _words(least: float) -> str:
    return "never" if np.isinf(least) else f"from confidence {least:.2f} on"
