"""How long a run takes and how much memory it needs: a linear model, for `falcon validate`.

    seconds = START + min(N, 40,000) * PER_ROW
              + N * (PER_SAMPLE + PER_LOGIT * F + images * PER_IMAGE)
              + min(N, 6,000) * PER_COUNTED_ROW where F is unknown
    bytes   = BASE + N * (BYTES_PER_COMPONENT * D + BYTES_PER_SAMPLE)

The structure step works on at most 40,000 rows, the estimate of F on fewer. Fitted to CPU seconds
and peak memory of runs on 2 CPU cores:

    data (N x D -> F)                        measured          model
    clinc150_demo  (6,000 x 64 -> 150)       25 s,   915 MiB   24 s,   900 MiB
    the same, F unknown                      47 s,   919 MiB   44 s,   900 MiB
    cifar100_12k_features (12,000 x 128 -> 100)  41 s,   988 MiB   40 s,   938 MiB
    clinc150 (18,000 x 384 -> 150)           58 s, 1,136 MiB   59 s, 1,073 MiB

Other machines differ by a small factor: an order of magnitude, not a promise.
"""

from __future__ import annotations

from dataclasses import dataclass

START_S = 6.0
STRUCTURE_ROWS = 40_000
PER_ROW_S = 2.4e-3
COUNTED_ROWS = 6_000
PER_COUNTED_ROW_S = 3.5e-3
PER_SAMPLE_S = 1e-4
PER_LOGIT_S = 3e-6
PER_IMAGE_S = 1.5e-3
BASE_BYTES = 923_000_000
BYTES_PER_COMPONENT = 24
BYTES_PER_SAMPLE = 2_000
IMAGE_DIMS = 64
FINE_PER_COARSE = 10
"""Fine classes per coarse class that are reckoned with while their number is unknown."""


@dataclass(frozen=True)
class RunEstimate:
    """Wall seconds on 2 CPU cores, and peak resident memory in bytes."""

    seconds: float
    peak_bytes: int


def estimate_run(
    n_samples: int, n_dims: int, n_coarse: int, n_fine: int | None, *, images: bool
) -> RunEstimate:
    """Return what a discovery will cost.

    Parameters
    ----------
    n_samples, n_dims, n_coarse
        N, D (of the features) and C.
    n_fine
        F, or None while it is unknown.
    images
        Whether features are made from images first.
    """
    fine = n_fine or FINE_PER_COARSE * n_coarse
    seconds = START_S + PER_ROW_S * min(n_samples, STRUCTURE_ROWS)
    seconds += n_samples * (PER_SAMPLE_S + PER_LOGIT_S * fine + images * PER_IMAGE_S)
    if n_fine is None:
        seconds += PER_COUNTED_ROW_S * min(n_samples, COUNTED_ROWS)
    peak = BASE_BYTES + n_samples * (BYTES_PER_COMPONENT * n_dims + BYTES_PER_SAMPLE)
    return RunEstimate(seconds, peak)
