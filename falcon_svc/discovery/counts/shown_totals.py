"""Which totals a person is shown to choose from, and how likely each of them is.

Equal ratios from the least to the most likely total, through the one that is used, and the
runner-up: on a scale of ratios, because 20 and 25 classes differ as much as 200 and 250.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from falcon_svc.discovery.counts.posterior import CountPosterior
from falcon_svc.result.record import TotalEstimate
from falcon_svc.types import IntArray

STEPS_TO_A_SIDE = 3


def shown_totals(total: TotalEstimate, least: int, most: int) -> IntArray:
    """Return (T,) ascending totals between `least` and `most`, the one used among them.

    Parameters
    ----------
    total
        The estimate with its interval and runner-up.
    least, most
        What the user's bounds and the number of samples allow.

    Examples
    --------
    >>> curve = np.array([4, 8]), np.array([0.9, 0.1]), np.array([0.2, 0.1])
    >>> shown_totals(TotalEstimate(4, 2, 16, 8, *curve), 2, 12).tolist()
    [2, 3, 4, 6, 8, 10, 12]
    """
    below = np.geomspace(total.low, total.n_fine, STEPS_TO_A_SIDE + 1)
    above = np.geomspace(total.n_fine, total.high, STEPS_TO_A_SIDE + 1)
    further = [] if total.runner_up is None else [total.runner_up]
    shown = np.concatenate([below, above, further]).round().astype(np.int64)
    inside = np.clip(shown, least, max(most, total.n_fine))
    return np.unique(np.append(inside, total.n_fine))


def nearest_shares(found: CountPosterior, totals: IntArray) -> NDArray[np.floating[Any]]:
    """Return (T,) the probability that each total is the nearest to the truth, by ratio.

    Borders lie at geometric means; the shares sum to 1.
    """
    borders = np.sqrt(totals[1:] * totals[:-1])
    below = found.total_probability(np.floor(borders).astype(np.int64))
    return np.diff(np.concatenate([[0.0], below, [1.0]]))
