r"""What the features say about each sample's coarse class, its own label left out.

Place: under `label_noise`. Two witnesses that err in different ways: a linear classifier fitted
on the other folds, which wrong labels hardly move because they are spread over many samples, and
the labels of the nearest neighbors, which follow a coarse class into all its fine classes. Each
is out of fold: a sample's own label has no part in what is said of it.

scikit-learn is loaded where labels are judged: it takes longer to load than most runs need for it.

Shapes: n rows that are judged, C coarse classes, K neighbors.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from scipy.special import log_softmax

from falcon_svc.neighbors import search_neighbors
from falcon_svc.types import BoolArray, FloatArray, IntArray, LabelSource

MAX_DIM = 128
N_FOLDS = 3
MOST_FITTED = 20_000
"""Rows that a classifier is fitted on; more change little and cost time."""
PENALTY = 0.03  # sklearn's C; features have unit mean variance
MOST_STEPS = 60
N_NEIGHBORS = 30


@dataclass(frozen=True)
class LabelEvidence:
    """Both witnesses.

    Parameters
    ----------
    linear
        (n, C) float32 log-probabilities of the linear classifier.
    votes
        (n, C) float32 shares of the neighbors' weight, rows summing to 1 (0 without a vote).
    """

    linear: FloatArray
    votes: FloatArray

    def of(self, rows: IntArray | slice) -> LabelEvidence:
        """Return the evidence on some rows."""
        return LabelEvidence(self.linear[rows], self.votes[rows])


class Witnesses:
    """Features prepared once, so that evidence can be gathered again without the suspects.

    Parameters
    ----------
    features
        (n, D) float32.
    seed
        Seed of folds, principal axes and sampled rows.
    """

    def __init__(self, features: FloatArray, *, seed: int) -> None:
        self._space = scaled(features, seed=seed)
        everyone = LabelSource("all", np.zeros(len(features), np.int64), ("all",))
        found = search_neighbors(self._space, everyone, N_NEIGHBORS, seed=seed)
        self._near = found.index
        self._weight = neighbor_weights(self._space, found.index)
        random = np.random.default_rng(seed)
        self._fold = random.permutation(len(features)) % N_FOLDS
        self._rank = random.permutation(len(features))

    def ask(self, labels: IntArray, n_coarse: int, believed: BoolArray) -> LabelEvidence:
        """Return the evidence that the labels of the `believed` rows give on all rows.

        Parameters
        ----------
        labels
            (n,) int64 in ``[0, C)``.
        n_coarse
            C >= 2.
        believed
            (n,) bool.
        """
        return LabelEvidence(
            self._linear(labels, n_coarse, believed), self._votes(labels, n_coarse, believed)
        )

    def _linear(self, labels: IntArray, n_coarse: int, believed: BoolArray) -> FloatArray:
        out = np.empty((len(labels), n_coarse), np.float32)
        for fold in range(N_FOLDS):
            others = np.flatnonzero(believed & (self._fold != fold))
            fitted = others[np.argsort(self._rank[others])[:MOST_FITTED]]
            rows = self._fold == fold
            out[rows] = _log_prob(self._space, fitted, labels, n_coarse, rows)
        return out

    def _votes(self, labels: IntArray, n_coarse: int, believed: BoolArray) -> FloatArray:
        weight = self._weight * believed[self._near]
        cell = np.arange(len(labels))[:, None] * n_coarse + labels[self._near]
        votes = np.bincount(cell.ravel(), weight.ravel(), minlength=len(labels) * n_coarse)
        votes = votes.reshape(len(labels), n_coarse)
        total = votes.sum(axis=1, keepdims=True)
        return np.asarray(votes / np.where(total > 0, total, 1), np.float32)


def scaled(features: FloatArray, *, seed: int) -> FloatArray:
    """Return (n, min(D, 128)) principal components of unit mean variance."""
    from sklearn.decomposition import PCA

    dim = min(MAX_DIM, *features.shape)
    tall = features.shape[1] <= len(features)  # else its (D, D) covariance is the larger side
    solver = "covariance_eigh" if tall and len(features) > dim else "auto"
    axes = PCA(dim, svd_solver=solver, random_state=seed)
    sample = np.random.default_rng(seed).permutation(len(features))[:MOST_FITTED]
    axes.fit(features[np.sort(sample)])
    level = max(float(axes.explained_variance_.mean()), 1e-12)
    return np.ascontiguousarray(axes.transform(features) / np.sqrt(level), np.float32)


def neighbor_weights(space: FloatArray, near: IntArray) -> FloatArray:
    """Return (n, K) weights ``exp(-d^2 / median d_K^2)`` of the directions' distances d."""
    unit = space / np.maximum(np.linalg.norm(space, axis=1, keepdims=True), 1e-12)
    squared = np.empty(near.shape, np.float32)
    for k in range(near.shape[1]):
        squared[:, k] = 2 - 2 * np.einsum("nd,nd->n", unit, unit[near[:, k]])
    scale = max(float(np.median(squared.max(axis=1))), 1e-12)
    return np.asarray(np.exp(-np.maximum(squared, 0) / scale), np.float32)


def _log_prob(
    space: FloatArray, fitted: IntArray, labels: IntArray, n_coarse: int, rows: BoolArray
) -> FloatArray:
    """Fit on some rows and judge others; a class without a fitted row is as unlikely as can be."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    classes = np.unique(labels[fitted])
    out = np.full((int(rows.sum()), n_coarse), -np.inf, np.float32)
    if len(classes) == 1:
        out[:, classes] = 0
        return out
    model = LogisticRegression(C=PENALTY, max_iter=MOST_STEPS, tol=1e-3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(space[fitted], labels[fitted])
    scores = model.decision_function(space[rows])
    if len(classes) == 2:
        scores = np.stack([-scores / 2, scores / 2], axis=1)
    out[:, classes] = log_softmax(scores, axis=1)
    return out
