"""The work of metrics: how good predictions are, beside the labels of a data set.

What is compared with them: a classifier applied to the samples, paths in another data set of labels
alone, or the data set's own vectors, where these are probabilities.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from falcon_svc.errors import InputError
from falcon_svc.worker.classifier import MODEL
from falcon_svc.worker.encoding import find_encoder
from falcon_svc.worker.kinds import Made, Order
from falcon_svc.worker.stage_times import StageTimes

if TYPE_CHECKING:
    from falcon_svc.data import DataConfig
    from falcon_svc.hierarchy import Tree
    from falcon_svc.hierarchy.classifier import HierarchicalClassifier
    from falcon_svc.hierarchy.inputs import RowScores
    from falcon_svc.hierarchy.label_files import LabelFile
    from falcon_svc.supervised.measure_config import MetricsConfig
    from falcon_svc.supervised.measuring import Measured
    from falcon_svc.types import CoarseDataset, FloatArray, IntArray

METRICS, REPORT = "metrics.json", "report.html"
Paths = Sequence[Sequence[str]]


@dataclass(frozen=True, eq=False)
class Found:
    """What was measured, and how many rows were not: without a label, without a prediction's."""

    measured: Measured
    n_unlabelled: int
    n_left_out: int = 0

    def document(self) -> dict[str, Any]:
        """Return the result, JSON-ready."""
        from falcon_svc.supervised.plain import plain

        return {
            "figures": plain(self.measured.figures),
            "n_samples": self.measured.n_samples,
            "n_unlabelled": self.n_unlabelled,
            "n_left_out": self.n_left_out,
        }


def make(order: Order) -> Made:
    """Measure, or go on with what an earlier attempt left."""
    from falcon_svc.supervised.config import make, reading
    from falcon_svc.supervised.measure_config import MetricsConfig

    config = make(MetricsConfig, order.config)
    how = reading(order.options, order.config.get("data", {}))
    times = StageTimes(order.progress)
    if config.classifier is not None:
        folder, found = _of_classifier(order, config, how, times)
    elif config.predictions is not None:
        folder, found = _of_paths(order, config, how, times)
    else:
        folder, found = _of_scores(order, config, how, times)
    result = folder / "result"
    _write(found, result)
    return Made(result, METRICS, {**_summary(found), **times.summary()}, times.measured())


def _of_classifier(
    order: Order, config: MetricsConfig, how: DataConfig, times: StageTimes
) -> tuple[Path, Found]:
    from falcon_svc.encoder import EncoderRun
    from falcon_svc.hierarchy.classifier import HierarchicalClassifier
    from falcon_svc.supervised.encoding import encode_like, new_samples
    from falcon_svc.supervised.labels import paths_of

    assert order.source is not None  # the job names it
    model = HierarchicalClassifier.load(order.source / MODEL)
    find_encoder(model, order.settings)
    given = {**order.options, **order.config.get("data", {})}
    dataset = new_samples(model, order.data, how, given)
    paths = paths_of(dataset, order.data, how, levels=config.levels)
    rows, folder = _labelled(paths, order.name), order.begin()
    run = EncoderRun(work_dir=folder / "encoder", progress=times)
    vectors = _those(encode_like(model, dataset, order.name, run), rows, len(paths))
    true = model.tree_.encode([paths[i] for i in rows])
    measured = _classified(model, vectors, true, config, folder, times)
    return folder, Found(measured, len(paths) - len(rows))


def _classified(
    model: HierarchicalClassifier,
    vectors: FloatArray,
    true: IntArray,
    config: MetricsConfig,
    folder: Path,
    times: StageTimes,
) -> Measured:
    """Measure a classifier's probabilities, or the classes that its inference chooses."""
    import numpy as np

    from falcon_svc.hierarchy.classifier.answers import chosen, probabilities_of
    from falcon_svc.supervised.measuring import (
        kept_scores,
        measured_paths,
        measured_scores,
        pieces,
    )

    tree = model.tree_
    scores = kept_scores(
        lambda rows: probabilities_of(model, vectors[rows]),
        (len(vectors), tree.n_nodes),
        folder / "scores.f32",
        times,
    )
    if config.inference is None:
        return measured_scores(true, scores, tree=tree, folder=folder / "figures", progress=times)
    parts = [
        chosen(model, scores[rows].astype(float), config.inference, config.threshold)
        for rows in pieces(*scores.shape)
    ]
    return measured_paths(true, np.concatenate(parts), tree=tree)


def _of_paths(
    order: Order, config: MetricsConfig, how: DataConfig, times: StageTimes
) -> tuple[Path, Found]:
    from dataclasses import replace

    from falcon_svc.hierarchy import Tree
    from falcon_svc.hierarchy.label_files import LabelFile, joined
    from falcon_svc.supervised.measuring import FIGURES, measured_paths

    assert order.beside is not None  # the job names it
    beside, tree = order.beside, Tree.from_paths(config.tree or ())
    named = beside.options.get("id_column") or "id"
    predictions = LabelFile.read(beside.file, config.levels, named)
    truth = _truth(order, config, how, with_ids=predictions.ids is not None)
    rows, folder = _labelled(truth.paths, order.name), order.begin()
    times.stage(FIGURES, 1)
    both = joined(truth.at(rows), replace(predictions, name=beside.name))
    measured = measured_paths(tree.encode(both.true), tree.encode(both.predicted), tree=tree)
    times.advance(1, {})
    return folder, Found(measured, len(truth.paths) - len(rows), both.n_left_out)


def _truth(order: Order, config: MetricsConfig, how: DataConfig, *, with_ids: bool) -> LabelFile:
    """Return the labels of the data set; row numbers are ids only where predictions have some."""
    from dataclasses import replace

    from falcon_svc.data import load_dataset
    from falcon_svc.hierarchy.label_files import LabelFile
    from falcon_svc.supervised.labels import paths_of

    if how.samples == "labels":
        found = LabelFile.read(order.data, config.levels, how.id_column or "id")
        return replace(found, name=order.name)
    dataset = load_dataset(order.data, how)
    paths = paths_of(dataset, order.data, how, levels=config.levels)
    named = with_ids or dataset.reading.id_column is not None
    return LabelFile(order.name, dataset.ids if named else None, [list(path) for path in paths])


def _of_scores(
    order: Order, config: MetricsConfig, how: DataConfig, times: StageTimes
) -> tuple[Path, Found]:
    from falcon_svc.data import load_dataset
    from falcon_svc.hierarchy import Tree
    from falcon_svc.supervised.labels import paths_of
    from falcon_svc.supervised.measuring import measured_scores

    tree = Tree.from_paths(config.tree or ())
    dataset = load_dataset(order.data, how)
    paths = paths_of(dataset, order.data, how, levels=config.levels)
    rows = _labelled(paths, order.name)
    scores = _scores(dataset, rows, tree, order.name)
    true, folder = tree.encode([paths[i] for i in rows]), order.begin()
    kept = folder / "figures"
    measured = measured_scores(true, scores, tree=tree, folder=kept, progress=times)
    return folder, Found(measured, len(paths) - len(rows))


def _scores(dataset: CoarseDataset, rows: list[int], tree: Tree, name: str) -> RowScores:
    """Return the probabilities of all nodes that a data set's vectors are."""
    from falcon_svc.hierarchy.score_files import LeafScores

    found = dataset.vectors
    width = None if found is None else found.shape[1]
    if found is None or width not in (tree.n_nodes, tree.n_leaves):
        what = dataset.kind if width is None else f"vectors of {width:,} numbers"
        raise InputError(
            f"Expected vectors that are probabilities of {tree.n_nodes:,} nodes or "
            f"{tree.n_leaves:,} leaves, found {what} in {name}; send a row per sample with the "
            "columns in the order of the tree, or name a classifier or predictions."
        )
    scores = _those(found, rows, len(found))
    return scores if width == tree.n_nodes else LeafScores(scores, tree)


def _labelled(paths: Paths, name: str) -> list[int]:
    """Return the rows with a label."""
    rows = [row for row, path in enumerate(paths) if any(path)]
    if not rows:
        raise InputError(
            f"Expected labels to measure by, found none in {name}; name their columns as levels.",
            code="no_data",
        )
    return rows


def _those(vectors: FloatArray, rows: list[int], n: int) -> FloatArray:
    """Return some rows; all of them are not copied."""
    return vectors if len(rows) == n else vectors[rows]


def _write(found: Found, folder: Path) -> None:
    from falcon_svc.report import render_metrics_report

    folder.mkdir(exist_ok=True)
    one = found.measured
    page = render_metrics_report(
        one.figures, n_samples=one.n_samples, classes=one.classes, drawn=one.drawn
    )
    (folder / REPORT).write_text(page, "utf-8")
    (folder / METRICS).write_text(json.dumps(found.document(), allow_nan=False), "utf-8")


def _summary(found: Found) -> dict[str, Any]:
    document = found.document()
    names = ("hierarchical_f", "full_path_accuracy")
    figures = {name: document["figures"].get(name) for name in names}
    return {"n_samples": document["n_samples"], "n_unlabelled": found.n_unlabelled, **figures}
