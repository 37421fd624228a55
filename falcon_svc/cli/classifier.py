"""`falcon train-classifier` and `falcon classify`: a hierarchical classifier of any samples."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from falcon_svc.cli import options
from falcon_svc.cli.page_file import Report, write_page
from falcon_svc.cli.path_labels import Labels, Levels, Result, read_paths
from falcon_svc.cli.runs import told_how_to_go_on
from falcon_svc.cli.show import shown_progress, warn
from falcon_svc.cli.table_file import TableFile, check_name, write_table
from falcon_svc.errors import ConfigError

if TYPE_CHECKING:
    import pyarrow as pa

    from falcon_svc.data.levels import Path_
    from falcon_svc.encoder import EncoderRun
    from falcon_svc.hierarchy.classifier import HierarchicalClassifier
    from falcon_svc.types import CoarseDataset, IntArray


class Loss(StrEnum):
    """Losses; docs/hierarchical-classifiers.md says what each does."""

    flat_softmax = "flat_softmax"
    hce = "hce"
    hace = "hace"
    conditional_softmax = "conditional_softmax"
    conditional_sigmoid = "conditional_sigmoid"
    ps_softmax = "ps_softmax"
    deep_rtc = "deep_rtc"
    soft_max_margin = "soft_max_margin"
    soft_max_descendant = "soft_max_descendant"
    multilabel_focal = "multilabel_focal"
    level_softmax = "level_softmax"
    hcal = "hcal"
    hccf = "hccf"


class Inference(StrEnum):
    """How a node is chosen."""

    bottom_up = "bottom_up"
    top_down = "top_down"
    ensemble = "ensemble"
    diffusion = "diffusion"
    majority = "majority"
    plurality = "plurality"
    threshold = "threshold"


ModelFile = Annotated[
    Path, typer.Option("--out", metavar="FILE", help="File of the classifier to write.")
]
LossFlag = Annotated[Loss, typer.Option("--loss", help="Loss that the classifier is trained with.")]
Hidden = Annotated[
    int, typer.Option("--hidden", metavar="N", help="Hidden units of the head; 0 = linear.")
]
Texts = Annotated[
    str | None,
    typer.Option(
        "--texts",
        metavar="FILE.npz|text[:DIR]",
        help="File with the arrays names and embeddings, or a text encoder that embeds the class "
        "names; with the loss hccf.",
    ),
]
TestShare = Annotated[
    float,
    typer.Option(
        "--test-share",
        metavar="P",
        help="Share of samples that a first training leaves out to measure on; 0 = "
        "measure nothing.",
    ),
]
Model = Annotated[
    Path, typer.Argument(metavar="MODEL", help="File that falcon train-classifier wrote.")
]
InferenceFlag = Annotated[
    Inference | None, typer.Option("--inference", help="How a class is chosen.")
]
Threshold = Annotated[
    float | None,
    typer.Option(
        "--threshold", metavar="P", help="Least probability of a class, with --inference threshold."
    ),
]


def train_classifier(
    source: options.Input,
    out: ModelFile,
    labels: Labels = None,
    result: Result = None,
    level: Levels = None,
    coarse_column: options.CoarseColumn = None,
    loss: LossFlag = Loss.hace,
    hidden: Hidden = 0,
    texts: Texts = None,
    encoder: options.Encoder = None,
    allow_download: options.AllowDownload = False,
    train_encoder: options.TrainEncoder = False,
    test_share: TestShare = 0.2,
    report: Report = None,
    config: options.ConfigFile = None,
    seed: options.Seed = None,
    device: options.DeviceFlag = None,
    resume: options.Resume = False,
    quiet: options.Quiet = False,
    as_json: options.Json = False,
) -> None:
    """Train a classifier of paths on the samples of INPUT; measured first on a held-out part."""
    from falcon_svc.cli.settings import Flags, discovery_config
    from falcon_svc.data import load_dataset
    from falcon_svc.encoder import EncoderRun
    from falcon_svc.hierarchy.classifier import HierarchicalClassifier
    from falcon_svc.pipeline.device import choose_device
    from falcon_svc.report import render_classifier_report
    from falcon_svc.supervised import train_classifier as train
    from falcon_svc.supervised.labels import as_stored

    if not 0 <= test_share < 1:
        raise ConfigError(f"Expected --test-share in [0, 1), found {test_share}; try 0.2.")
    flags = Flags(
        config=config,
        encoder=encoder,
        allow_download=allow_download,
        train_encoder=train_encoder,
        coarse_column=coarse_column or (level[0] if level else None),
        seed=seed,
        device=device.value if device else None,
    )
    settings = discovery_config(flags)
    dataset = as_stored(load_dataset(source, settings.reading), source.name)
    paths = read_paths(dataset, source, labels, result, settings.reading, level or ())
    run = EncoderRun(settings.encoder, settings.seed, choose_device(settings.device))
    names = None if texts is None else class_texts(texts, paths, run)
    model = HierarchicalClassifier(
        loss.value, hidden=hidden, texts=names, random_state=settings.seed
    )
    with _work(dataset, out, run, resume=resume, quiet=quiet) as run:
        trained = train(
            *(model, dataset, paths, run),
            joint=settings.joint,
            test_share=test_share,
            name=source.name,
        )
        model.save(out)
    warn([note.text for note in trained.notes])
    if report is not None:
        write_page(render_classifier_report(model.card_, model.loss_curve_, trained.drawn), report)
    if as_json:
        print(json.dumps(model.card_, indent=2))
    elif not quiet:
        print(_told(model, out))


@contextmanager
def _work(
    dataset: CoarseDataset, out: Path, run: EncoderRun, *, resume: bool, quiet: bool
) -> Iterator[EncoderRun]:
    """Yield a run that tells and keeps what it does; what it kept goes when it ends well.

    Vectors train in seconds: nothing is kept of them.
    """
    folder = None if dataset.kind == "vectors" else out.absolute().parent / f".{out.name}.work"
    if folder is not None and not resume:
        shutil.rmtree(folder, ignore_errors=True)
    with (
        told_how_to_go_on(out, resumable=folder is not None),
        shown_progress(len(dataset), quiet=quiet) as progress,
    ):
        yield replace(run, work_dir=folder, progress=progress)
    if folder is not None:
        shutil.rmtree(folder, ignore_errors=True)


def classify(
    model: Model,
    source: options.Input,
    out: TableFile,
    inference: InferenceFlag = None,
    threshold: Threshold = None,
    quiet: options.Quiet = False,
) -> None:
    """Write the class of every sample of INPUT, as deep as the inference is sure."""
    check_name(out)
    from falcon_svc.hierarchy.classifier import HierarchicalClassifier
    from falcon_svc.hierarchy.classifier.decide import decide
    from falcon_svc.supervised.encoding import encode_like, new_samples

    if (threshold is not None) != (inference is Inference.threshold):
        raise ConfigError("Expected --threshold together with --inference threshold; give both.")
    classifier = HierarchicalClassifier.load(model)
    dataset = new_samples(classifier, source)
    vectors = encode_like(classifier, dataset, source.name)
    probabilities = classifier.node_proba(vectors)
    rule = classifier.inference if inference is None else inference.value
    chosen = {} if threshold is None else {"threshold": threshold}
    nodes = decide(rule, probabilities, classifier.tree_, chosen)
    write_table(_table(classifier, dataset.ids, nodes, probabilities), out)
    if not quiet:
        print(f"{len(dataset):,} samples classified: {out}")


def class_texts(texts: str, paths: Sequence[Path_], run: EncoderRun) -> Any:
    """Return what the loss hccf takes: a file's name, or the embeddings of the class names."""
    from falcon_svc.supervised.encoding import embed_names

    kind = texts.partition(":")[0]
    if kind != "text" or Path(texts).exists():
        return texts
    config = run.config.model_copy(update={"name": texts})
    return embed_names([name for path in paths for name in path], replace(run, config=config))


def _told(model: HierarchicalClassifier, out: Path) -> str:
    rows, tree = model.card_["trained_on"], model.tree_
    lines = [f"{rows['rows']:,} rows, {tree.n_leaves} leaves in {tree.height} levels: {out}"]
    if rows["rows_without_label"]:
        lines.append(f"{rows['rows_without_label']:,} rows have no label and train nothing.")
    held = model.card_["metrics"].get("held_out", {})
    for name in ("leaf_top1", "hierarchical_f", "average_precision_information"):
        if held.get(name) is not None:
            lines.append(f"{name}  {held[name]:.4f}  (held out)")
    return "\n".join(lines)


def _table(
    model: HierarchicalClassifier, ids: tuple[str, ...], nodes: IntArray, probabilities: Any
) -> pa.Table:
    import numpy as np
    import pyarrow as pa

    tree = model.tree_
    levels = tree.decode(nodes)
    columns = {f"level_{j}": pa.array(levels[:, j - 1], pa.string()) for j in _levels(levels)}
    return pa.table(
        {
            "id": pa.array(ids, pa.string()),
            **columns,
            "depth": pa.array(tree.depths[nodes]),
            "probability": pa.array(probabilities[np.arange(len(nodes)), nodes]),
        }
    )


def _levels(levels: Any) -> range:
    return range(1, levels.shape[1] + 1)
