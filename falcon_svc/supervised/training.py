"""A classifier of a data set: measured on a held-out part first, then trained on all of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import clone

from falcon_svc.checkpoint import CheckpointStore
from falcon_svc.data.levels import Path_
from falcon_svc.hierarchy import Tree
from falcon_svc.hierarchy.classifier import HierarchicalClassifier
from falcon_svc.hierarchy.diagrams import Diagrams, diagrams
from falcon_svc.hierarchy.evaluation import evaluate_scores
from falcon_svc.progress import Progress, Silent
from falcon_svc.supervised.encoding import reading_of
from falcon_svc.supervised.plain import plain
from falcon_svc.types import CoarseDataset, FloatArray

MEASURE, TRAIN = "measure", "train"
"""Stages: training on a part to measure on the rest, training on everything."""


@dataclass(frozen=True, eq=False)
class Trained:
    """A classifier, and what is drawn of it on the held-out part; None where there is none."""

    model: HierarchicalClassifier
    drawn: Diagrams | None


def train_on(
    model: HierarchicalClassifier,
    vectors: FloatArray,
    paths: Sequence[Path_],
    *,
    test_share: float,
    folder: Path | None = None,
    progress: Progress | None = None,
) -> Trained:
    """Train a classifier, and put its figures on a held-out part into its card.

    Parameters
    ----------
    model
        Its settings.
    vectors, paths
        (n, D) and n; () where a row has no label.
    test_share
        Part in [0, 1) that a first training leaves out; 0 = measure nothing.
    folder
        For checkpoints, which the same training goes on from; None = none are kept.
    progress
        Told of both trainings, epoch by epoch.

    Returns
    -------
    Trained
        `model`, trained on all rows.
    """
    told = progress or Silent()
    held_out: dict[str, Any] = {}
    drawn = None
    if test_share:
        held_out, drawn = _measured(model, vectors, paths, test_share, folder, told)
    store = _store(folder, TRAIN)
    model.fit_resumable(vectors, paths, checkpoints=store, progress=_Stage(told, TRAIN))
    model.card_["metrics"] |= held_out
    return Trained(model, drawn)


def _measured(
    model: HierarchicalClassifier,
    vectors: FloatArray,
    paths: Sequence[Path_],
    share: float,
    folder: Path | None,
    told: Progress,
) -> tuple[dict[str, Any], Diagrams]:
    """Train on a part of the rows; return the figures on the others, and what is drawn of them."""
    tree = Tree.from_paths(paths)
    order = np.random.default_rng(model.random_state).permutation(len(paths))
    test, train = np.split(order, [max(1, round(share * len(paths)))])
    part = clone(model).set_params(tree=tree)
    part.fit_resumable(
        vectors[train],
        [paths[i] for i in train],
        checkpoints=_store(folder, MEASURE),
        progress=_Stage(told, MEASURE),
    )
    nodes = tree.encode([paths[i] for i in test])
    scores = part.node_proba(vectors[test])
    figures = plain(evaluate_scores(nodes, scores, tree=tree))
    held_out = {"held_out_rows": len(test), "held_out": figures}
    return held_out, diagrams(nodes, scores, tree=tree)


def _store(folder: Path | None, name: str) -> CheckpointStore | None:
    return None if folder is None else CheckpointStore(folder / name)


def identity(dataset: CoarseDataset, name: str) -> dict[str, Any]:
    """Return what a model card says of the data set: its name, digest, columns, rows left out."""
    features = dataset.reading.features
    return {
        "name": name,
        "sha256": dataset.digest,
        "features": None if features is None else list(features),
        "reading": reading_of(dataset),
        "rows_left_out": len(dataset.skipped),
    }


class _Stage:
    """Tells of a training under a stage's name."""

    def __init__(self, told: Progress, name: str) -> None:
        self._told, self._name = told, name

    def stage(self, name: str, total: int) -> None:
        self._told.stage(self._name, total)

    def advance(self, done: int, metrics: Mapping[str, float]) -> None:
        self._told.advance(done, metrics)
