"""A classifier of a data set: measured on a held-out part first, then trained on all of it.

Place: `train_classifier` is the work of `falcon train-classifier` and the door for Python; a
service takes the steps itself, by `train_on`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import clone

from falcon_svc.checkpoint import CheckpointStore
from falcon_svc.data.levels import Path_
from falcon_svc.encoder import EncoderRun
from falcon_svc.encoder.backbones.network_encoder import NetworkEncoder
from falcon_svc.hierarchy import Tree
from falcon_svc.hierarchy.classifier import HierarchicalClassifier
from falcon_svc.hierarchy.diagrams import Diagrams, diagrams
from falcon_svc.hierarchy.evaluation import evaluate_scores
from falcon_svc.joint.config import EncoderTraining, check_trainable
from falcon_svc.progress import Progress, Silent
from falcon_svc.supervised.encoding import encode_samples, reading_of
from falcon_svc.supervised.joint import TrainingImages, train_encoder_too
from falcon_svc.supervised.plain import plain
from falcon_svc.types import CoarseDataset, FloatArray, IntArray, Note

MEASURE, TRAIN = "measure", "train"
"""Stages: training on a part to measure on the rest, training on everything."""
ENCODER = "encoder"
"""Behind their names, and of the folder: the same with the encoder."""


@dataclass(frozen=True, eq=False)
class Trained:
    """A classifier, and what came with it.

    Parameters
    ----------
    model
        Trained on all rows.
    drawn
        What is drawn of it on the held-out part; None where there is none.
    encoder
        The encoder that was trained with it; None where none was.
    notes
        What to know of the samples, such as texts that were cut.

    Examples
    --------
    >>> from falcon_svc.hierarchy import HierarchicalClassifier
    >>> from falcon_svc.supervised import Trained
    >>> Trained(HierarchicalClassifier(), None).encoder is None
    True
    """

    model: HierarchicalClassifier
    drawn: Diagrams | None
    encoder: NetworkEncoder | None = None
    notes: tuple[Note, ...] = ()


def train_classifier(
    model: HierarchicalClassifier,
    dataset: CoarseDataset,
    paths: Sequence[Path_],
    run: EncoderRun | None = None,
    *,
    joint: EncoderTraining | None = None,
    test_share: float = 0.2,
    name: str = "memory",
) -> Trained:
    """Train a classifier of paths on samples of any kind, and keep their encoder with it.

    Parameters
    ----------
    model
        Its settings.
    dataset
        N vectors, images or texts.
    paths
        N paths, top level first; () where a sample has no label.
    run
        The encoder, seed, device, work folder (what a stopped training goes on from) and progress;
        None = the defaults.
    joint
        Settings of training the encoder too, where its `train_encoder` is set: after the head, at
        a lower rate, on weak views of the images. None = the encoder stays as it is. Those of
        a discovery, `falcon_svc.joint.JointConfig`, will do.
    test_share
        Part in [0, 1) that a first training leaves out to measure on; 0 = measure nothing.
    name
        What the card calls the data set.

    Returns
    -------
    Trained
        `model`, trained on all rows; `save` writes it with its encoder, and `encode_like` makes the
        vectors of new samples.

    Raises
    ------
    ConfigError
        There is no such encoder, or it cannot be applied to new samples, or not be trained.
    InputError
        Labels that the loss cannot take.
    CollapsedError, DivergedError, StorageError
        It was trained in vain, or the work folder cannot be written.

    Examples
    --------
    >>> import numpy as np
    >>> from falcon_svc.data import load_dataset
    >>> from falcon_svc.hierarchy import HierarchicalClassifier
    >>> from falcon_svc.supervised import train_classifier
    >>> X = np.array([[0.0, 0], [0, 1], [5, 0], [5, 1]] * 10)
    >>> paths = [("bird", "jay"), ("bird", "wren"), ("fish", "cod"), ("fish", "eel")] * 10
    >>> dataset = load_dataset(X, labels={"coarse": [path[0] for path in paths]})
    >>> trained = train_classifier(HierarchicalClassifier(random_state=0), dataset, paths)
    >>> trained.model.card_["metrics"]["held_out"]["leaf_top1"]
    1.0
    """
    run, joint = run or EncoderRun(), joint or EncoderTraining()
    if joint.train_encoder:
        check_trainable(run.config, dataset.kind)
    encoded, images = encode_samples(dataset, run), None
    if joint.train_encoder:
        images = TrainingImages.of(dataset, encoded.encoder, run, joint)
    trained = train_on(
        *(model, encoded.vectors, paths),
        test_share=test_share,
        folder=None if run.work_dir is None else run.work_dir / "classifier",
        progress=run.progress,
        images=images,
    )
    kept = encoded if trained.encoder is None else encoded.by(trained.encoder)
    kept.keep_in(model)
    model.card_["data_set"] = identity(dataset, name)
    return replace(trained, notes=encoded.notes)


def train_on(
    model: HierarchicalClassifier,
    vectors: FloatArray,
    paths: Sequence[Path_],
    *,
    test_share: float,
    folder: Path | None = None,
    progress: Progress | None = None,
    images: TrainingImages | None = None,
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
    images
        What the vectors were made of, where their encoder is trained too.

    Returns
    -------
    Trained
        `model`, trained on all rows.
    """
    work = _Work(vectors, paths, folder, progress or Silent(), images)
    held_out: dict[str, Any] = {}
    drawn = None
    if test_share:
        held_out, drawn = _measured(model, work, test_share)
    encoder = work.train(model, np.arange(len(paths)), TRAIN)
    model.card_["metrics"] |= held_out
    return Trained(model, drawn, encoder)


@dataclass(frozen=True, eq=False)
class _Work:
    """All rows, and where the trainings on some of them keep and tell what they do."""

    vectors: FloatArray
    paths: Sequence[Path_]
    folder: Path | None
    told: Progress
    images: TrainingImages | None

    def train(
        self, model: HierarchicalClassifier, rows: IntArray, stage: str
    ) -> NetworkEncoder | None:
        """Train on some rows; return the encoder where it was trained too."""
        paths = [self.paths[i] for i in rows]
        store, told = self._store(stage), _Stage(self.told, stage)
        model.fit_resumable(self.vectors[rows], paths, checkpoints=store, progress=told)
        if self.images is None:
            return None
        return train_encoder_too(
            *(model, self.images, rows, model.tree_.encode(self.paths)),
            checkpoints=self._store(f"{stage}-{ENCODER}"),
            progress=_Stage(self.told, f"{stage} {ENCODER}"),
        )

    def vectors_by(self, encoder: NetworkEncoder | None, rows: IntArray) -> FloatArray:
        """Return the vectors of some rows by a trained encoder; None = as they are."""
        if encoder is None or self.images is None:
            return self.vectors[rows]
        return self.images.vectors_by(encoder, rows)

    def _store(self, name: str) -> CheckpointStore | None:
        return None if self.folder is None else CheckpointStore(self.folder / name)


def _measured(
    model: HierarchicalClassifier, work: _Work, share: float
) -> tuple[dict[str, Any], Diagrams]:
    """Train on a part of the rows; return the figures on the others, and what is drawn of them."""
    tree, n = Tree.from_paths(work.paths), len(work.paths)
    order = np.random.default_rng(model.random_state).permutation(n)
    test, train = np.split(order, [max(1, round(share * n))])
    part = clone(model).set_params(tree=tree)
    encoder = work.train(part, train, MEASURE)
    nodes = tree.encode([work.paths[i] for i in test])
    scores = part.node_proba(work.vectors_by(encoder, test))
    figures = plain(evaluate_scores(nodes, scores, tree=tree))
    held_out = {"held_out_rows": len(test), "held_out": figures}
    return held_out, diagrams(nodes, scores, tree=tree)


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
