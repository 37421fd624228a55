r"""From evidence for splits to a distribution of the number of fine classes.

A split is a border between fine classes with probability ``sigmoid(l + shift)``. The logit l is the
mean of a linear and a hinge regression on `split_evidence.NAMES`, fitted once, on data sets whose
fine classes are known, by `falcon_svc.bench.fit_splits`; constants in ``split_model.json`` name
these sets. At use no fine label is needed.

Given that its ancestors are split, a node of K leaves below it is split with probability p, so its
number of fine classes n has an exact distribution, from the leaves up:

.. math:: P(n = 1) = 1 - p, \quad P(n = k) = p \sum_i P_A(n = i) P_B(n = k - i)

The shift belongs to the whole data set: what one set calls a fine class, another calls two. Its
prior is part of the fit; `count_posterior` weighs it by what the data say.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from falcon_svc.discovery.counts.split_evidence import NAMES, SplitTree

SHIPPED = Path(__file__).with_name("split_model.json")
Float = NDArray[np.float64]

_path: ContextVar[Path] = ContextVar("split_model", default=SHIPPED)


@dataclass(frozen=True)
class Regression:
    """A logistic regression on standardised columns.

    Parameters
    ----------
    mean, scale, weight
        (P,) each.
    intercept
        Logit at the mean.
    """

    mean: Float
    scale: Float
    weight: Float
    intercept: float

    def logit(self, columns: Float) -> Float:
        """Return (S,) logits of (S, P) columns."""
        return np.asarray((columns - self.mean) / self.scale @ self.weight + self.intercept)


@dataclass(frozen=True)
class SplitModel:
    """The fitted constants.

    Parameters
    ----------
    low, high
        (P,) evidence is clipped to this range, that of the fit.
    knots
        (2, P) where the hinges begin.
    linear, hinged
        On the evidence, and on the evidence with its hinges.
    shift
        Weights of the shift's prior and of what the data say of it: ``square``, ``linear``,
        ``stability``, ``stability_drop``; see `count_posterior`.
    """

    low: Float
    high: Float
    knots: Float
    linear: Regression
    hinged: Regression
    shift: Mapping[str, float]

    def logits(self, evidence: Float) -> Float:
        """Return (S,) logits of (S, P) evidence."""
        clipped = np.clip(evidence, self.low, self.high)
        return (self.linear.logit(clipped) + self.hinged.logit(hinges(clipped, self.knots))) / 2

    def document(self) -> dict[str, Any]:
        """Return the constants JSON-ready; `from_document` reads them."""
        return {
            "names": list(NAMES),
            **{name: getattr(self, name).tolist() for name in ("low", "high", "knots")},
            **{name: _regression_document(getattr(self, name)) for name in ("linear", "hinged")},
            "shift": dict(self.shift),
        }

    @classmethod
    def from_document(cls, record: Mapping[str, Any]) -> SplitModel:
        """Return the model of a document; its evidence must be what this version measures."""
        assert tuple(record["names"]) == NAMES, record["names"]
        low, high, knots = (np.array(record[n], np.float64) for n in ("low", "high", "knots"))
        linear, hinged = (_read_regression(record[name]) for name in ("linear", "hinged"))
        return cls(low, high, knots, linear, hinged, record["shift"])


def hinges(columns: Float, knots: Float) -> Float:
    """Return (S, 3 P): the columns, and what they exceed each of two knots by."""
    return np.concatenate([columns, *(np.maximum(columns - knot, 0) for knot in knots)], axis=1)


def split_model() -> SplitModel:
    """Return the constants in force: those that ship, unless `constants_from` says otherwise."""
    return _read(_path.get())


@contextmanager
def constants_from(path: Path) -> Iterator[None]:
    """Use other constants inside the block: benchmarks leave the judged data's family out."""
    token = _path.set(path)
    try:
        yield
    finally:
        _path.reset(token)


@lru_cache(8)
def _read(path: Path) -> SplitModel:
    return SplitModel.from_document(json.loads(path.read_text("utf-8"))["model"])


def _regression_document(part: Regression) -> dict[str, Any]:
    return {
        "mean": part.mean.tolist(),
        "scale": part.scale.tolist(),
        "weight": part.weight.tolist(),
        "intercept": part.intercept,
    }


def _read_regression(record: Mapping[str, Any]) -> Regression:
    mean, scale, weight = (np.array(record[n], np.float64) for n in ("mean", "scale", "weight"))
    return Regression(mean, scale, weight, float(record["intercept"]))


@dataclass(frozen=True)
class ScoredTree:
    """A tree of splits with their logits.

    Parameters
    ----------
    children
        (S, 2) as in `SplitTree`.
    logits
        (S,) -inf where a node has no split.
    """

    children: NDArray[np.int64]
    logits: Float

    def count_distributions(self, shifts: Float, root_shifts: Float, most: int) -> Float:
        """Return (B, most) probabilities of 1, 2, .. fine classes; the last holds all beyond.

        Parameters
        ----------
        shifts, root_shifts
            (B,) each: added to the logits below the root, and of the root.
        most
            Largest count told apart.
        """
        every = np.repeat(shifts[:, None], len(self.logits), axis=1)
        every[:, 0] = root_shifts
        split = expit(self.logits + every)  # (B, S)
        found: list[Float] = [np.ones((len(shifts), 1))] * len(self.logits)
        for node in range(len(self.logits) - 1, -1, -1):
            a, b = self.children[node]
            if a >= 0:
                below = _convolved(found[a], found[b])  # of 2, 3, .. classes
                p = split[:, node, None]
                found[node] = np.concatenate([1 - p, p * below], axis=1)
        whole = np.zeros((len(shifts), most))
        root = found[0]
        whole[:, : root.shape[1]] = root[:, :most]
        whole[:, -1] += root[:, most:].sum(axis=1)
        return whole


def _convolved(one: Float, other: Float) -> Float:
    """Distributions (B, k + l - 1) of sums of two counts."""
    if one.shape[1] > other.shape[1]:
        one, other = other, one
    width = other.shape[1]
    total = np.zeros((len(one), one.shape[1] + width - 1))
    for k in range(one.shape[1]):
        total[:, k : k + width] += one[:, k, None] * other
    return total


def scored(
    trees: Sequence[tuple[SplitTree, ...]], model: SplitModel
) -> list[tuple[ScoredTree, ...]]:
    """Return the trees of every coarse class with their splits' logits."""
    return [tuple(_scored(tree, model) for tree in group) for group in trees]


def _scored(tree: SplitTree, model: SplitModel) -> ScoredTree:
    logits = np.where(tree.children[:, 0] >= 0, model.logits(tree.evidence), -np.inf)
    return ScoredTree(tree.children, logits)
