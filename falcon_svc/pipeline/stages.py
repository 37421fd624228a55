"""The stages of a run in their order; each finds one thing, and names what that depends on.

    encoder -> features -> [labels] -> structure -> space -> neighbors -> start -> head
    -> [head, several parents] -> [pixels -> joint -> features -> space] -> assignments -> map

Stages that need torch import it themselves: it is loaded while the structure is found (`ahead`).
Those in brackets run where the settings ask for them. Progress, the record of a run, and what a
resumed run takes over go by these names.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from falcon_svc.config import DiscoveryConfig
from falcon_svc.discovery.labels.shared_classes import find_shared_classes
from falcon_svc.discovery.other_sources import with_other_labels
from falcon_svc.discovery.partition.shared_metric import centred
from falcon_svc.discovery.partition.views import SHRINKAGE
from falcon_svc.discovery.pieces import Pieces
from falcon_svc.discovery.structure import Structure, find_structure
from falcon_svc.discovery.training.classes import describe_classes
from falcon_svc.discovery.training.feature_space import FeatureSpace
from falcon_svc.encoder import Encoder, encode, open_encoder
from falcon_svc.encoder.features import check_differ
from falcon_svc.joint.config import check_trainable
from falcon_svc.naming import name_classes
from falcon_svc.neighbors import search_neighbors
from falcon_svc.pipeline import at_rest
from falcon_svc.pipeline.found import Answer, Found, Judged, Spaced, Taught
from falcon_svc.pipeline.layout import Layout, draw_map
from falcon_svc.pipeline.stage import Stage, settings
from falcon_svc.progress import THOUSANDTHS, Progress, Silent
from falcon_svc.result.record import SharedPair
from falcon_svc.types import (
    UNLABELLED,
    ByteArray,
    Features,
    FloatArray,
    IntArray,
    LabelSource,
    Neighbors,
)

if TYPE_CHECKING:
    from falcon_svc.discovery.training.trained_head import TrainedHead
    from falcon_svc.discovery.training.warm_start import WarmStart

N_NEIGHBORS = 20


def find_encoder(found: Found) -> Encoder:
    """Open the encoder, which may mean to train it."""
    if found.config.joint.train_encoder:
        check_trainable(found.config.encoder, found.dataset.kind)
    run = replace(found.encoder_run, work_dir=found.folder("encoder"))
    return open_encoder(found.dataset, run)


def find_features(found: Found) -> Features:
    """Make a vector of every sample, and set those apart that nothing may be fitted to."""
    features = _features_by(found.encoder, found)
    found.set_apart(features)
    return features


def find_labels(found: Found) -> Judged:
    """Judge the coarse labels."""
    from falcon_svc.pipeline.label_stage import judged_labels

    return judged_labels(
        found.features.vectors, found.believed, found.bounds, found.config, found.recorder
    )


def find_partition(found: Found) -> Structure:
    """Find how many fine classes each coarse class holds, and a first partition."""
    seen, part = structure_sample(found)
    shelf = found.shelf
    kept = None if shelf is None else at_rest.KeptPieces(shelf, found.keys["structure"])
    pieces = Pieces(found.recorder.advance, kept)
    return find_structure(seen, part, found.bounds, seed=found.config.seed, pieces=pieces)


def structure_sample(found: Found) -> tuple[FloatArray, LabelSource]:
    """Return the features (n, D) that the structure is found in, and their coarse labels."""
    part, *others = (source.at(found.rows) for source in found.believed.sources)
    return with_other_labels(np.asarray(found.features.vectors[found.rows]), part, others), part


def find_space(found: Found) -> Spaced:
    """Learn the space in which the classes of the structure scatter alike."""
    sample = np.asarray(found.features.vectors[found.rows])
    fine = found.structure.fine
    space = FeatureSpace.learn(sample, sample.mean(axis=0), fine, shrinkage=SHRINKAGE)
    return Spaced(space, space.apply(found.features.vectors))


def find_neighbors(found: Found) -> tuple[Neighbors, ...]:
    """Search neighbors inside each coarse class."""
    return _search(found, found.spaced.inputs, found.recorder.progress)


def find_start(found: Found) -> WarmStart:
    """Make the classes of the structure the first class vectors of the head."""
    from falcon_svc.discovery.training.warm_start import start_of

    return start_of(
        found.spaced.inputs,
        found.rows,
        found.structure,
        found.believed.sources,
        seed=found.config.seed,
    )


def find_head(found: Found) -> Taught:
    """Train the head."""
    from falcon_svc.pipeline.constraint_stage import constrained

    inputs, dataset = found.spaced.inputs, found.believed
    start = constrained(found.start, found.structure, found.rows, inputs, dataset, found.config)
    head = _trained(found, start, "head")
    return Taught(found.encoder, start, head, found.structure.stability)


def find_merged_head(found: Found) -> Taught:
    """Make one class of each pair that cannot be told apart, and train again, if there are any."""
    from falcon_svc.discovery.training.merged_start import merged_start

    pairs = _overlaps(found, _believed_fine(found))
    if not pairs:
        return found.taught
    merged = merged_start(
        found.spaced.inputs,
        found.rows,
        found.structure,
        found.taught.start,
        pairs,
        found.believed.sources,
        seed=found.config.seed,
    )
    head = _trained(found, merged.start, "head, several parents")
    return replace(found.taught, start=merged.start, head=head, stability=merged.stability)


def find_pixels(found: Found) -> ByteArray:
    """Read all images as the encoder sees them."""
    from falcon_svc.pipeline.joint_stage import pixels_of

    return pixels_of(found)


def find_joint(found: Found) -> Taught:
    """Train encoder and head together."""
    from falcon_svc.pipeline.joint_stage import train_encoder_too

    return train_encoder_too(found, lambda inputs: _search(found, inputs, Silent()))


def find_features_again(found: Found) -> Features:
    """Make a vector of every sample by the encoder that was trained."""
    return _features_by(found.taught.encoder, found)


def find_space_again(found: Found) -> Spaced:
    """Take the new features to the space that the encoder was trained in."""
    space = found.spaced.space
    return Spaced(space, space.apply(found.features.vectors))


def find_answer(found: Found) -> Answer:
    """Assign every sample, and describe and name the classes."""
    from falcon_svc.discovery.training.prediction import predict

    inputs, taught, dataset = found.spaced.inputs, found.taught, found.dataset
    head, sources = taught.head, dataset.sources
    assignments = predict(head.teacher, inputs, sources, head.relations)
    classes = describe_classes(inputs, assignments, sources, head.relations, taught.stability)
    parents = np.array([one.coarse[dataset.coarse.name] for one in classes], np.int64)
    names = name_classes(dataset, assignments.fine, parents, [one.medoids for one in classes])
    named = (replace(one, name=name) for one, name in zip(classes, names, strict=True))
    all_believed = found.believed is dataset
    overlaps = _overlaps(found, assignments.fine if all_believed else _believed_fine(found))
    return Answer(assignments, tuple(named), overlaps)


def find_layout(found: Found) -> Layout:
    """Draw the map of the report."""
    return draw_map(
        found.spaced.inputs,
        found.dataset.sources[0],
        seed=found.config.seed,
        on_share=lambda share: found.recorder.advance(int(THOUSANDTHS * share)),
    )


def _features_by(encoder: Encoder, found: Found) -> Features:
    features = encode(encoder, found.dataset, found.encoder_run)
    check_differ(features.vectors)
    return features


def _search(found: Found, inputs: FloatArray, progress: Progress) -> tuple[Neighbors, ...]:
    """Neighbors by direction from the mean of the own coarse class, per source."""
    seed, device = found.config.seed, found.device

    def search(number: int, cells: LabelSource) -> Neighbors:
        before = number * len(inputs)
        return search_neighbors(
            centred(inputs, cells.labels + 1),
            cells,
            N_NEIGHBORS,
            seed=seed,
            device=device,
            progress=lambda done, _: progress.advance(before + done, {}),
        )

    every = (source.cells().source for source in found.believed.sources)
    return tuple(search(number, cells) for number, cells in enumerate(every))


def _trained(found: Found, start: WarmStart, stage: str) -> TrainedHead:
    from falcon_svc.discovery.training.trainer import train_head

    return train_head(
        found.spaced.inputs,
        found.believed.sources,
        found.neighbors,
        start.head,
        found.train,
        seed=found.config.seed,
        device=found.device,
        fine_prior=start.fine_prior,
        size_targets=start.size_targets,
        checkpoints=found.checkpoints(stage),
        on_epoch=found.recorder.epoch,
    )


def _believed_fine(found: Found) -> IntArray:
    """The fine class of every sample under the labels that are believed."""
    from falcon_svc.discovery.training.prediction import predict

    head, inputs = found.taught.head, found.spaced.inputs
    return predict(head.teacher, inputs, found.believed.sources, head.relations).fine


def _overlaps(found: Found, fine: IntArray) -> tuple[SharedPair, ...]:
    """The pairs that cannot be told apart, by samples whose label is believed."""
    trusted = np.where(found.believed.coarse.labels < 0, UNLABELLED, fine)
    return find_shared_classes(found.spaced.inputs, trusted, found.taught.head.relations[0])


def _every_sample(found: Found) -> int:
    return len(found.dataset)


def _every_round(found: Found) -> int:
    from falcon_svc.discovery.labels.noise import ROUNDS

    return ROUNDS * len(found.dataset.sources)


def _several_parents(config: DiscoveryConfig) -> bool:
    return config.labels.several_parents


def _joint(config: DiscoveryConfig) -> bool:
    return config.joint.train_encoder


STAGES: Sequence[Stage] = (
    Stage(
        "encoder",
        "encoder",
        find_encoder,
        own=lambda found: [found.dataset.digest, settings("encoder", "seed")(found)],
    ),
    Stage(
        "features",
        "features",
        find_features,
        total=_every_sample,
        own=lambda found: [found.dataset.digest, found.encoder.spec],
    ),
    Stage(
        "labels",
        "judged",
        find_labels,
        total=_every_round,
        own=settings("labels.coarse_noise", "counts", "seed"),
        after=("features",),
        wanted=lambda config: config.labels.judged,
        rest=at_rest.LABELS,
    ),
    Stage(
        "structure",
        "structure",
        find_partition,
        total=lambda _: THOUSANDTHS,
        own=settings("counts", "seed"),
        after=("features", "labels"),
        rest=at_rest.STRUCTURE,
    ),
    Stage("space", "spaced", find_space, after=("structure",), rest=at_rest.SPACE),
    Stage(
        "neighbors",
        "neighbors",
        find_neighbors,
        total=lambda found: len(found.dataset) * len(found.dataset.sources),
        own=settings("seed"),
        after=("space",),
        rest=at_rest.NEIGHBORS,
    ),
    Stage("start", "start", find_start, own=settings("seed"), after=("space",), rest=at_rest.START),
    Stage(
        "head",
        "taught",
        find_head,
        total=lambda found: found.train.epochs,
        own=settings("train", "relation", "seed"),
        after=("start", "neighbors"),
    ),
    Stage(
        "head, several parents",
        "taught",
        find_merged_head,
        total=lambda found: found.train.epochs,
        after=("head",),
        wanted=_several_parents,
    ),
    Stage("pixels", "pixels", find_pixels, total=_every_sample, wanted=_joint),
    Stage(
        "joint",
        "taught",
        find_joint,
        total=lambda found: found.config.joint.epochs,
        own=settings("joint", "encoder", "seed"),
        after=("head", "head, several parents"),
        wanted=_joint,
    ),
    Stage(
        "features, encoder trained",
        "features",
        find_features_again,
        total=_every_sample,
        own=lambda found: [found.dataset.digest, found.taught.encoder.spec],
        wanted=_joint,
    ),
    Stage("space, encoder trained", "spaced", find_space_again, wanted=_joint),
    Stage("assignments", "answer", find_answer),
    Stage(
        "map",
        "layout",
        find_layout,
        total=lambda _: THOUSANDTHS,
        own=settings("seed"),
        after=("space", "features, encoder trained"),
        rest=at_rest.LAYOUT,
    ),
)
"""In their order: a stage reads what those before it found."""

BY_NAME = {stage.name: stage for stage in STAGES}
