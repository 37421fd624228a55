"""What an encoder is, so that others can be added without touching the feature step."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, runtime_checkable

from falcon_svc.encoder.config import EncoderConfig
from falcon_svc.progress import Progress, Silent
from falcon_svc.types import CoarseDataset, FloatArray, Note


class Encoder(Protocol):
    """Turns the samples of a data set into vectors."""

    @property
    def spec(self) -> str:
        """One canonical line: equal specs (weights included) give equal vectors."""
        ...

    @property
    def dim(self) -> int:
        """D, the components of a vector."""
        ...

    def encode(self, dataset: CoarseDataset, out: FloatArray, progress: Progress) -> None:
        """Fill the features of a data set.

        Parameters
        ----------
        dataset
            N samples of the kind that the encoder takes.
        out
            (N, D) float32, written in the data set's order.
        progress
            Told how many samples are done.
        """
        ...

    def files(self) -> dict[str, bytes]:
        """Return what a result must hold for new samples to be encoded; often nothing."""
        ...


@runtime_checkable
class Telling(Protocol):
    """An encoder that has something to tell of a data set."""

    def notes(self, dataset: CoarseDataset) -> tuple[Note, ...]:
        """Return what to know before trusting the features."""
        ...


@dataclass(frozen=True)
class EncoderRun:
    """What an encoder is opened with, besides the data.

    Parameters
    ----------
    config
        Which encoder, and how it sees samples.
    seed
        Seed of everything random, >= 0.
    device
        A torch device, for networks.
    work_dir
        Folder of what may be taken over by a later run of the same data and settings: features,
        pixels, checkpoints; None = nowhere.
    progress
        Told of stages and what is done of them.

    Examples
    --------
    >>> from falcon_svc.encoder import EncoderConfig, EncoderRun
    >>> run = EncoderRun(EncoderConfig(name="pixels", pixel_dim=16), seed=3)
    >>> run.config.name, run.device
    ('pixels', 'cpu')
    """

    config: EncoderConfig = field(default_factory=EncoderConfig)
    seed: int = 0
    device: str = "cpu"
    work_dir: Path | None = None
    progress: Progress = field(default_factory=Silent)
