"""The work of a classifier: from a data set and its labels to a model file and its card."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from falcon_svc.encoder_files import resolve
from falcon_svc.worker.encoding import encoder_run
from falcon_svc.worker.failures import OUT_OF_MEMORY, halved
from falcon_svc.worker.kinds import Made, Order
from falcon_svc.worker.stage_times import StageTimes

if TYPE_CHECKING:
    from falcon_svc.hierarchy.classifier import HierarchicalClassifier
    from falcon_svc.settings import Settings
    from falcon_svc.supervised.config import ClassifierConfig
    from falcon_svc.supervised.training import Trained

MODEL, CARD, REPORT = "classifier.safetensors", "card.json", "report.html"
TRAINING = ("loss", "inference", "hidden", "epochs", "batch_size", "learning_rate", "weight_decay")


def make(order: Order) -> Made:
    """Train, or go on with what an earlier attempt left."""
    from falcon_svc.data import load_dataset
    from falcon_svc.supervised.config import ClassifierConfig, make, reading
    from falcon_svc.supervised.labels import as_stored, paths_of
    from falcon_svc.supervised.training import train_classifier

    config = make(ClassifierConfig, order.config)
    given = order.options, order.source_options, order.config.get("data", {})
    how = reading(*given, encoder=config.encoder)
    dataset = as_stored(load_dataset(order.data, how), order.name)
    paths = paths_of(dataset, order.data, how, levels=config.levels, result=order.source)
    folder, times = order.begin(), StageTimes(order.progress)
    trained = train_classifier(
        _untrained(config, _texts(config, paths, order.settings)),
        *(dataset, paths, encoder_run(order, config, folder, times, _device(config))),
        joint=halved(config.joint, order.earlier.count(OUT_OF_MEMORY)),
        test_share=config.test_share,
        name=order.name,
    )
    _tell_the_card(trained.model, config)
    _write(trained, folder / "result")
    summary = {**_summary(trained.model), **times.summary()}
    return Made(folder / "result", CARD, summary, times.measured())


def _device(config: ClassifierConfig) -> str:
    """Return where the encoder is trained, if it is: a head is small, and stays on the CPU."""
    from falcon_svc.pipeline.device import choose_device

    return choose_device(config.device) if config.joint.train_encoder else "cpu"


def _tell_the_card(model: HierarchicalClassifier, config: ClassifierConfig) -> None:
    """Name the discovery whose classes these are, and the encoder as its client knows it."""
    model.card_["data_set"]["classes_of"] = config.classes_of
    if "encoder" in model.card_:
        model.card_["encoder"]["config"]["name"] = config.encoder.name


def _texts(
    config: ClassifierConfig, paths: Sequence[Sequence[str]], settings: Settings
) -> dict[str, Any] | None:
    """Return the text embeddings of the class names, where the loss wants them."""
    if config.text_encoder is None:
        return config.texts and dict(config.texts)
    from falcon_svc.encoder import EncoderConfig, EncoderRun
    from falcon_svc.supervised.encoding import embed_names

    encoder = resolve({"encoder": {"name": config.text_encoder}}, settings)["encoder"]
    run = EncoderRun(EncoderConfig.model_validate(encoder))
    return dict(embed_names([name for path in paths for name in path], run))


def _untrained(config: ClassifierConfig, texts: dict[str, Any] | None) -> HierarchicalClassifier:
    from falcon_svc.hierarchy.classifier import HierarchicalClassifier

    options = None if config.threshold is None else {"threshold": config.threshold}
    settings: dict[str, Any] = {name: getattr(config, name) for name in TRAINING}
    settings |= {"inference_options": options, "texts": texts}
    return HierarchicalClassifier(**settings, random_state=config.seed)


def _write(trained: Trained, folder: Path) -> None:
    from falcon_svc.report import render_classifier_report

    folder.mkdir(exist_ok=True)
    model = trained.model
    model.save(folder / MODEL)
    page = render_classifier_report(model.card_, model.loss_curve_, trained.drawn)
    (folder / REPORT).write_text(page, "utf-8")
    (folder / CARD).write_text(json.dumps(model.card_, indent=1, allow_nan=False), "utf-8")


def _summary(model: HierarchicalClassifier) -> dict[str, Any]:
    """Return figures of the tree, and two of the held-out part; null where there is none."""
    card, tree = model.card_, model.tree_
    held_out = card["metrics"].get("held_out", {})
    return {
        "n_samples": card["trained_on"]["rows"],
        "n_unlabelled": card["trained_on"]["rows_without_label"],
        "n_leaves": tree.n_leaves,
        "n_levels": tree.height,
        "leaf_top1": held_out.get("leaf_top1"),
        "hierarchical_f": held_out.get("hierarchical_f"),
    }
