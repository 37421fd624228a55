"""Vectors as they are: the encoder `none`."""

from __future__ import annotations

from falcon_svc.encoder.base import EncoderRun
from falcon_svc.encoder_names import PASS_THROUGH
from falcon_svc.progress import Progress
from falcon_svc.types import CoarseDataset, FloatArray


class PassThrough:
    """A data set's own vectors."""

    spec = PASS_THROUGH

    def __init__(self, argument: str, dataset: CoarseDataset, run: EncoderRun) -> None:
        assert dataset.vectors is not None
        self.vectors = dataset.vectors
        self.dim = self.vectors.shape[1]

    def encode(self, dataset: CoarseDataset, out: FloatArray, progress: Progress) -> None:
        """Copy the vectors of a data set."""
        assert dataset.vectors is not None
        out[:] = dataset.vectors

    def files(self) -> dict[str, bytes]:
        """Nothing is needed."""
        return {}
