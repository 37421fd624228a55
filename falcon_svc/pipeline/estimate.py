"""How long a run takes and how much memory it needs: a linear model, for `falcon validate`.

    seconds = START + min(N, MAX_ROWS) * PER_ROW + N * (PER_SAMPLE + PER_IMAGE or PER_TEXT)
              + N * epochs * (PER_STEP + PER_LOGIT * F)
              + min(N, MAX_ROWS) * PER_COUNTED_ROW where F is unknown
              + N * encoder epochs * PER_VIEWED_SAMPLE where an encoder is trained
    bytes   = BASE + N * (BYTES_PER_COMPONENT * D + BYTES_PER_SAMPLE)

The structure step works on at most MAX_ROWS rows; the head trains for as many epochs as
`TrainConfig` gives N samples and F classes. Fitted to runs on 2 CPU cores:

    data (N x D -> F)                        measured           model
    clinc150_demo  (6,000 x 64 -> 150)          18 s, 0.9 GiB   25 s, 0.9 GiB
    clinc150 (18,000 x 384 -> 150)              36 s, 1.1 GiB   59 s, 1.0 GiB
    planted (10,000 x 128 -> 1,000)             63 s, 1.0 GiB   38 s, 0.9 GiB
    planted (100,000 x 128 -> 1,000)           111 s, 1.3 GiB  111 s, 1.1 GiB
    planted (1,000,000 x 128 -> 1,000)         157 s, 3.7 GiB  156 s, 3.6 GiB

An encoder's share is that of the small network on images of 28 to 32 px; it grows with their area.
Other machines differ by a small factor: an order of magnitude, not a promise.
"""

from __future__ import annotations

from dataclasses import dataclass

from falcon_svc.discovery.training.config import TrainConfig
from falcon_svc.pipeline.sample import MAX_ROWS
from falcon_svc.types import SampleKind

START_S = 8.0
PER_ROW_S = 2.6e-3
PER_COUNTED_ROW_S = 2.5e-3
PER_SAMPLE_S = 5e-5
PER_STEP_S = 9e-6
PER_LOGIT_S = 9e-9
SEEN_S: dict[SampleKind, float] = {"vectors": 0.0, "images": 1.5e-3, "texts": 2.5e-3}
"""Seconds to make a vector of one sample: of an image, of a text of ten words."""
PER_VIEWED_SAMPLE_S = 8e-4
BASE_BYTES = 923_000_000
BYTES_PER_COMPONENT = 12
BYTES_PER_SAMPLE = 1_450
DIMS: dict[SampleKind, int] = {"vectors": 64, "images": 64, "texts": 384}
"""Dimensions that are reckoned with where the data set does not say."""
FINE_PER_COARSE = 10
"""Fine classes per coarse class that are reckoned with while their number is unknown."""


@dataclass(frozen=True)
class RunEstimate:
    """Wall seconds on 2 CPU cores, and peak resident memory in bytes."""

    seconds: float
    peak_bytes: int


def estimate_run(
    n_samples: int,
    n_dims: int,
    n_coarse: int,
    n_fine: int | None,
    *,
    kind: SampleKind,
    encoder_epochs: int = 0,
) -> RunEstimate:
    """Return what a discovery will cost.

    Parameters
    ----------
    n_samples, n_dims, n_coarse
        N, D (of the features) and C.
    n_fine
        F, or None while it is unknown.
    kind
        What the samples are.
    encoder_epochs
        Epochs of pre-training; 0 where no encoder is trained.
    """
    fine = n_fine or FINE_PER_COARSE * n_coarse
    seconds = START_S + PER_ROW_S * min(n_samples, MAX_ROWS)
    seconds += n_samples * (PER_SAMPLE_S + SEEN_S[kind])
    seconds += n_samples * encoder_epochs * PER_VIEWED_SAMPLE_S
    epochs = TrainConfig().for_data(n_samples, fine).epochs
    seconds += n_samples * epochs * (PER_STEP_S + PER_LOGIT_S * fine)
    if n_fine is None:
        seconds += PER_COUNTED_ROW_S * min(n_samples, MAX_ROWS)
    peak = BASE_BYTES + n_samples * (BYTES_PER_COMPONENT * n_dims + BYTES_PER_SAMPLE)
    return RunEstimate(seconds, peak)
