"""How long a run takes and how much memory it needs: a linear model, for `falcon validate`.

    seconds = START + N * (PER_SAMPLE + PER_COMPONENT * D + PER_LOGIT * F + images * PER_IMAGE)
    bytes   = BASE + N * (BYTES_PER_COMPONENT * D + BYTES_PER_SAMPLE)

The coefficients were fitted to runs on 2 CPU cores (see docs/cli.md); other machines differ by a
small factor, so the figures are an order of magnitude, not a promise.
"""

from __future__ import annotations

from dataclasses import dataclass

START_S = 8.0
PER_SAMPLE_S = 6e-4
PER_COMPONENT_S = 3e-6
PER_LOGIT_S = 3e-6
PER_IMAGE_S = 1.5e-3
BASE_BYTES = 700_000_000
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
    per_sample = PER_SAMPLE_S + PER_COMPONENT_S * n_dims + PER_LOGIT_S * fine
    per_sample += PER_IMAGE_S if images else 0.0
    peak = BASE_BYTES + n_samples * (BYTES_PER_COMPONENT * n_dims + BYTES_PER_SAMPLE)
    return RunEstimate(START_S + n_samples * per_sample, int(peak))
