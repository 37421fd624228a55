"""From a coarsely labelled data set to a discovery: the stages in order.

    encoder -> features -> [labels] -> structure -> space -> neighbors -> head -> [joint]
    -> assignments -> map

`discover` runs them in memory; `discover_to` also writes the result directory. With a work
directory every stage that costs time leaves what it found there, and a resumed run goes on from
it to the same result.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from falcon_svc.checkpoint import CheckpointStore
from falcon_svc.config import DiscoveryConfig
from falcon_svc.discovery.counts.bounds import CountBounds, count_bounds
from falcon_svc.discovery.counts.choice import Counts
from falcon_svc.discovery.labels.shared_classes import find_shared_classes
from falcon_svc.discovery.other_sources import with_other_labels
from falcon_svc.discovery.partition.shared_metric import centred
from falcon_svc.discovery.partition.views import SHRINKAGE
from falcon_svc.discovery.structure import Structure, find_structure
from falcon_svc.discovery.training.classes import describe_classes
from falcon_svc.discovery.training.feature_space import FeatureSpace
from falcon_svc.discovery.training.merged_start import merged_start
from falcon_svc.discovery.training.prediction import predict
from falcon_svc.discovery.training.trained_head import TrainedHead
from falcon_svc.discovery.training.trainer import train_head
from falcon_svc.discovery.training.warm_start import WarmStart, start_of
from falcon_svc.durable.atomic_directory import FileContent, check_replaceable
from falcon_svc.encoder import Encoder, EncoderRun, encode, notes_of, open_encoder
from falcon_svc.encoder.backbones.network_encoder import NetworkEncoder
from falcon_svc.encoder.features import check_differ
from falcon_svc.joint.train import FrozenStart
from falcon_svc.naming import name_classes
from falcon_svc.neighbors import search_neighbors
from falcon_svc.neighbors.notes import recall_notes
from falcon_svc.pipeline.constraint_stage import check_constraints, constrained
from falcon_svc.pipeline.device import choose_device
from falcon_svc.pipeline.joint_stage import check_trainable, train_encoder_too
from falcon_svc.pipeline.label_stage import judged_labels
from falcon_svc.pipeline.layout import draw_map
from falcon_svc.pipeline.model import DiscoveryModel
from falcon_svc.pipeline.record import Recorder, versions
from falcon_svc.pipeline.sample import structure_rows
from falcon_svc.pipeline.structure_file import load_structure, run_key, save_structure
from falcon_svc.progress import Progress, Silent
from falcon_svc.report import render_report
from falcon_svc.result.files import FEATURES, features_file, write_discovery
from falcon_svc.result.reach import Reach
from falcon_svc.result.record import (
    CountEstimate,
    Discovery,
    FineClass,
    SharedPair,
    SourceRelation,
)
from falcon_svc.result.samples import samples_file, samples_note
from falcon_svc.types import (
    UNLABELLED,
    CoarseDataset,
    FloatArray,
    IntArray,
    LabelSource,
    Neighbors,
)
from solver import proof_bytes

N_NEIGHBORS = 20


@dataclass(frozen=True)
class Run:
    """A discovery, the model that predicts with it, its encoder, and the (N, D) features."""

    discovery: Discovery
    model: DiscoveryModel
    encoder: Encoder
    features: FloatArray

    def model_files(self) -> dict[str, bytes]:
        """Return all that prediction on new samples needs, by file name."""
        return self.model.files() | self.encoder.files()


def discover_to(
    directory: Path,
    dataset: CoarseDataset,
    config: DiscoveryConfig,
    *,
    resume: bool = False,
    progress: Progress | None = None,
) -> Discovery:
    """Run a discovery and write its result directory, whole or not at all.

    Parameters
    ----------
    directory
        Must not exist, be empty, or hold an earlier result, which is replaced at the end.
    dataset, config
        What to discover in, and how.
    resume
        Go on from the work directory that a killed run of the same data and settings left
        beside `directory`; without it that is deleted first.
    progress
        Told of stages and epochs.

    Raises
    ------
    InputError, ConfigError, StorageError, DeviceError, DivergedError
        One sentence each; `directory` is as it was.
    """
    check_replaceable(directory)
    work_dir = directory.parent / f".{directory.name}.work"
    if not resume:
        shutil.rmtree(work_dir, ignore_errors=True)
    run = discover(dataset, config, work_dir=work_dir, progress=progress)
    page = render_report(run.discovery, dataset, run.features)
    kept: dict[str, FileContent] = {**run.model_files(), FEATURES: features_file(run.features)}
    kept |= samples_file(dataset, progress) if config.keep_samples else {}
    write_discovery(directory, run.discovery, model_files=kept, report_html=page)
    shutil.rmtree(work_dir, ignore_errors=True)
    return run.discovery


def discover(
    dataset: CoarseDataset,
    config: DiscoveryConfig,
    *,
    work_dir: Path | None = None,
    progress: Progress | None = None,
) -> Run:
    """Run a discovery in memory; see `discover_to` for the parameters.

    What `work_dir` holds from a run of the same data and settings is taken over.
    """
    recorder = Recorder(progress or Silent())
    device = choose_device(config.device)
    bounds = count_bounds(config.counts, dataset.coarse, dataset.sources[1:])
    check_constraints(dataset, config)
    run = EncoderRun(config.encoder, config.seed, device, work_dir, recorder.progress)
    with recorder.stage("encoder", total=0):
        encoder = open_encoder(dataset, run)
    check_trainable(encoder, dataset, config)
    features = _encoded(encoder, dataset, run, recorder)
    label_noise, believed = judged_labels(features, dataset, bounds, config, recorder)
    bounds = count_bounds(config.counts, believed.coarse, believed.sources[1:])
    rows = structure_rows(believed.coarse, bounds, seed=config.seed)
    with recorder.stage("structure", total=0):
        structure = _structure(features, rows, believed, bounds, config, work_dir, recorder)
    with recorder.stage("space", total=1):
        sample = np.asarray(features[rows])
        space = FeatureSpace.learn(sample, sample.mean(axis=0), structure.fine, shrinkage=SHRINKAGE)
        inputs = space.apply(features)
    neighbors = _neighbors(inputs, believed.sources, config.seed, device, recorder)
    train = config.train.for_samples(len(dataset))
    start = start_of(inputs, rows, structure, believed.sources, seed=config.seed)
    start = constrained(start, structure, rows, inputs, believed, config)

    def train_from(start: WarmStart, name: str, folder: str) -> TrainedHead:
        with recorder.stage(name, total=train.epochs):
            return train_head(
                inputs,
                believed.sources,
                neighbors,
                start.head,
                train,
                seed=config.seed,
                device=device,
                fine_prior=start.fine_prior,
                size_targets=start.size_targets,
                checkpoints=None if work_dir is None else CheckpointStore(work_dir / folder),
                on_epoch=recorder.epoch,
            )

    head, stability = train_from(start, "head", "checkpoints"), structure.stability
    if config.labels.several_parents and (pairs := _overlaps(inputs, believed, head)):
        merged = merged_start(
            inputs, rows, structure, start, pairs, believed.sources, seed=config.seed
        )
        start, stability = merged.start, merged.stability
        head = train_from(start, "head, several parents", "checkpoints-merged")
    if config.joint.train_encoder:
        assert isinstance(encoder, NetworkEncoder)
        frozen = FrozenStart(
            *(encoder, space, head, believed.sources, neighbors),
            *(start.fine_prior, start.size_targets),
        )
        trained = train_encoder_too(
            frozen,
            dataset,
            config,
            lambda inputs: _search(inputs, believed.sources, config.seed, device, Silent()),
            device=device,
            work_dir=work_dir,
            recorder=recorder,
        )
        encoder, head = trained.encoder, trained.head
        features = _encoded(encoder, dataset, run, recorder)
        inputs = space.apply(features)
    with recorder.stage("assignments", total=1):
        assignments = predict(head.teacher, inputs, dataset.sources, head.relations)
        classes = _named(
            describe_classes(inputs, assignments, dataset.sources, head.relations, stability),
            assignments.fine,
            dataset,
        )
        shared_pairs = _overlaps(inputs, believed, head)
    with recorder.stage("map", total=1):
        layout = draw_map(inputs, dataset.sources[0], seed=config.seed)
    discovery = Discovery(
        ids=dataset.ids,
        dataset_digest=dataset.digest,
        sources=dataset.sources,
        assignments=assignments,
        classes=classes,
        relations=_relations(head, dataset.sources),
        counts=_count_records(structure.counts, bounds),
        total=structure.counts.total,
        map_rows=layout.rows,
        map_xy=layout.xy,
        map_method=layout.method,
        history=head.history,
        stages=recorder.records(),
        seed=config.seed,
        config=config.model_dump(mode="json"),
        versions=versions(),
        label_noise=label_noise,
        shared_pairs=shared_pairs,
        notes=(
            *dataset.reading.notes,
            *notes_of(encoder, dataset),
            *recall_notes(neighbors),
            *(samples_note(dataset) if config.keep_samples else ()),
        ),
        features=dataset.reading.features,
        left_out=dataset.reading.left_out,
    )
    model = _model(space, head, dataset, config, encoder, features, assignments.fine)
    return Run(discovery, model, encoder, features)


def _named(
    classes: tuple[FineClass, ...], fine: IntArray, dataset: CoarseDataset
) -> tuple[FineClass, ...]:
    """Return the classes with their working names."""
    parents = np.array([one.coarse[dataset.coarse.name] for one in classes], np.int64)
    names = name_classes(dataset, fine, parents, [one.medoids for one in classes])
    return tuple(replace(one, name=name) for one, name in zip(classes, names, strict=True))


def _overlaps(
    inputs: FloatArray, believed: CoarseDataset, head: TrainedHead
) -> tuple[SharedPair, ...]:
    """Return the pairs that cannot be told apart, by samples whose label is believed."""
    found = predict(head.teacher, inputs, believed.sources, head.relations).fine
    trusted = np.where(believed.coarse.labels < 0, UNLABELLED, found)
    return find_shared_classes(inputs, trusted, head.relations[0])


def _encoded(
    encoder: Encoder, dataset: CoarseDataset, run: EncoderRun, recorder: Recorder
) -> FloatArray:
    with recorder.stage("features", total=len(dataset)):
        vectors = encode(encoder, dataset, run).vectors
    check_differ(vectors)
    return vectors


def _structure(
    features: FloatArray,
    rows: IntArray,
    dataset: CoarseDataset,
    bounds: CountBounds,
    config: DiscoveryConfig,
    work_dir: Path | None,
    recorder: Recorder,
) -> Structure:
    key = run_key(dataset.digest, config)
    if (earlier := load_structure(work_dir, key)) is not None:
        return earlier
    part, *others = (source.at(rows) for source in dataset.sources)
    seen = with_other_labels(np.asarray(features[rows]), part, others)
    structure = find_structure(seen, part, bounds, seed=config.seed, on_step=recorder.step)
    save_structure(work_dir, key, structure)
    return structure


def _neighbors(
    inputs: FloatArray,
    sources: tuple[LabelSource, ...],
    seed: int,
    device: str,
    recorder: Recorder,
) -> tuple[Neighbors, ...]:
    with recorder.stage("neighbors", total=len(inputs) * len(sources)):
        return _search(inputs, sources, seed, device, recorder.progress)


def _search(
    inputs: FloatArray,
    sources: tuple[LabelSource, ...],
    seed: int,
    device: str,
    progress: Progress,
) -> tuple[Neighbors, ...]:
    """Neighbors by direction from the mean of the own coarse class, per source."""
    return tuple(
        search_neighbors(
            centred(inputs, cells.labels + 1),
            cells,
            N_NEIGHBORS,
            seed=seed,
            device=device,
            progress=lambda done, _: progress.advance(done, {}),
        )
        for cells in (source.cells().source for source in sources)
    )


def _relations(head: TrainedHead, sources: tuple[LabelSource, ...]) -> tuple[SourceRelation, ...]:
    return tuple(
        SourceRelation(
            source=source.name,
            coarse_names=source.names,
            relation=relation,
            regret=solution.regret.astype(np.float32),
            status=solution.status,
            method=solution.method,
            objective=solution.objective,
            bound=solution.bound,
            gap=solution.gap,
            seconds=solution.seconds,
            certificate=solution.certificate,
            proof=proof_bytes(solution),
        )
        for source, relation, solution in zip(sources, head.relations, head.solutions, strict=True)
    )


def _count_records(counts: Counts, bounds: CountBounds) -> tuple[CountEstimate, ...]:
    found = "allocated" if counts.total is None else "estimated"
    columns = zip(counts.n_fine, counts.low, counts.high, counts.whole, strict=True)
    fixed = bounds.low == bounds.high
    return tuple(
        CountEstimate(q, int(n), int(low), int(high), "given" if fixed[q] else found, _known(whole))
        for q, (n, low, high, whole) in enumerate(columns)
    )


def _known(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def _model(
    space: FeatureSpace,
    head: TrainedHead,
    dataset: CoarseDataset,
    config: DiscoveryConfig,
    encoder: Encoder,
    features: FloatArray,
    fine: IntArray,
) -> DiscoveryModel:
    return DiscoveryModel(
        space=space,
        head=head.teacher,
        train=config.train,
        relations=head.relations,
        sources=tuple((source.name, source.names) for source in dataset.sources),
        encoder=config.encoder.name,
        reading=dataset.reading,
        reach=Reach.of(features, fine),
        text_encoder=encoder.spec if dataset.kind == "texts" else None,
    )
