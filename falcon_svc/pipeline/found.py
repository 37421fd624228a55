"""What a run goes by, and what its stages have found so far.

Place: handed from stage to stage by `falcon_svc.pipeline.discover`; `stages` says which stage finds
what.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from falcon_svc.config import DiscoveryConfig
from falcon_svc.discovery.counts.bounds import CountBounds, count_bounds
from falcon_svc.discovery.structure import Structure
from falcon_svc.discovery.training.config import TrainConfig
from falcon_svc.discovery.training.feature_space import FeatureSpace
from falcon_svc.durable.shelf import Shelf
from falcon_svc.encoder import Encoder, EncoderRun
from falcon_svc.encoder_names import PASS_THROUGH
from falcon_svc.pipeline.device import choose_device
from falcon_svc.pipeline.layout import Layout
from falcon_svc.pipeline.record import Recorder
from falcon_svc.pipeline.sample import structure_rows
from falcon_svc.pipeline.set_apart import fitted, rows_apart
from falcon_svc.progress import Progress, Silent
from falcon_svc.result.record import Assignments, FineClass, LabelNoise, SharedPair
from falcon_svc.types import (
    ByteArray,
    CoarseDataset,
    Features,
    FloatArray,
    IntArray,
    Neighbors,
)

if TYPE_CHECKING:
    from falcon_svc.checkpoint import CheckpointStore
    from falcon_svc.discovery.training.trained_head import TrainedHead
    from falcon_svc.discovery.training.warm_start import WarmStart

FOLDER_LETTERS = 16
AS_THEY_ARE = ("auto", PASS_THROUGH)
"""Encoders of vectors that need no device."""


@dataclass(frozen=True)
class Judged:
    """What is thought of each source's labels, and the data set with those that are believed."""

    noise: tuple[LabelNoise, ...]
    believed: CoarseDataset


@dataclass(frozen=True)
class Spaced:
    """The feature space, and (N, D') inputs of the head: all samples in it."""

    space: FeatureSpace
    inputs: FloatArray


@dataclass(frozen=True)
class Taught:
    """What training has made, by the start that it went from.

    Parameters
    ----------
    encoder, start, head
        The encoder is another one where it was trained with the head.
    stability
        (F,) how well each class of the start comes back over the partitions that voted.
    """

    encoder: Encoder
    start: WarmStart
    head: TrainedHead
    stability: FloatArray


@dataclass(frozen=True)
class Answer:
    """Fine classes of all samples, the classes, and pairs of them that cannot be told apart."""

    assignments: Assignments
    classes: tuple[FineClass, ...]
    shared_pairs: tuple[SharedPair, ...]


class Found:
    """What a run goes by, and what its stages have found so far.

    Attributes without a value are set by the stages of their names, in this order.

    Parameters
    ----------
    dataset, config
        What to discover in, and how.
    work_dir : Path or None
        Where the stages keep what they find; None = nowhere.
    progress : Progress or None
        Told of every stage.
    """

    encoder: Encoder
    features: Features
    apart: IntArray
    judged: Judged
    structure: Structure
    spaced: Spaced
    neighbors: tuple[Neighbors, ...]
    start: WarmStart
    taught: Taught
    pixels: ByteArray
    answer: Answer
    layout: Layout

    def __init__(
        self,
        dataset: CoarseDataset,
        config: DiscoveryConfig,
        work_dir: Path | None,
        progress: Progress | None,
    ) -> None:
        self.dataset, self.config, self.work_dir = dataset, config, work_dir
        if config.device == "cuda":
            _ = self.device  # a wish that cannot be met is refused at once
        self.recorder = Recorder(progress or Silent())
        self.shelf = None if work_dir is None else Shelf(work_dir / "stages")
        self.keys: dict[str, str] = {}
        self.judged = Judged((), dataset)

    @property
    def believed(self) -> CoarseDataset:
        """The data set with the labels that are believed."""
        return self.judged.believed

    @property
    def bounds(self) -> CountBounds:
        """What the user knows about the counts, on the labels that are believed."""
        sources = self.believed.sources
        return count_bounds(self.config.counts, sources[0], sources[1:])

    @cached_property
    def rows(self) -> IntArray:
        """The rows that the structure stage works on."""
        return structure_rows(self.believed.coarse, self.bounds, seed=self.config.seed)

    @property
    def train(self) -> TrainConfig:
        """How the head is trained."""
        n_fine = int(self.structure.counts.n_fine.sum())
        return self.config.train.for_data(len(self.dataset), n_fine, self.dataset.coarse.n_coarse)

    @cached_property
    def device(self) -> str:
        """A torch device; torch is loaded when it is asked for."""
        return choose_device(self.config.device)

    @property
    def encoder_run(self) -> EncoderRun:
        """What an encoder is applied with."""
        config, progress = self.config, self.recorder.progress
        as_they_are = self.dataset.kind == "vectors" and config.encoder.name in AS_THEY_ARE
        device = "cpu" if as_they_are else self.device
        return EncoderRun(config.encoder, config.seed, device, self.work_dir, progress)

    def set_apart(self, features: Features) -> None:
        """Keep the rows that lie too far from all others from what the later stages fit."""
        self.apart = rows_apart(features.vectors, self.dataset.coarse, self.bounds)
        self.judged = Judged((), fitted(self.dataset, self.apart))

    def folder(self, stage: str) -> Path | None:
        """Where a stage with checkpoints of its own leaves them; other keys have other folders."""
        if self.work_dir is None:
            return None
        name = stage.replace(", ", "-").replace(" ", "-")
        return self.work_dir / f"{name}-{self.keys[stage][:FOLDER_LETTERS]}"

    def checkpoints(self, stage: str) -> CheckpointStore | None:
        """Return the checkpoints of a stage; None where nothing is kept."""
        from falcon_svc.checkpoint import CheckpointStore

        folder = self.folder(stage)
        return None if folder is None else CheckpointStore(folder)
