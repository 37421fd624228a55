r"""When to stop looking at a class: exact acceptance sampling.

A class of N samples is to be accepted at purity p: at least pN of them right. Look at n of them,
drawn without replacement; with at most c wrong, accept. The sampling plan is the least n for which
a class that is not pure enough passes with probability at most 1 - confidence. The worst such
class has :math:`D = \lfloor N (1 - p) \rfloor + 1` wrong samples, so the condition is

.. math:: P(X \le c) = \sum_{i=0}^{c} \binom{D}{i} \binom{N-D}{n-i} \Big/ \binom{N}{n}
          \le 1 - \mathrm{confidence},

the lower tail of the hypergeometric distribution (Dodge and Romig 1959; exact, no approximation).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.stats import hypergeom

from falcon_svc.errors import InputError
from falcon_svc.types import IntArray

PURITY, CONFIDENCE = 0.9, 0.95
_TIGHT = 1e-9
"""What rounding may take away: 0.1 * 30 is not quite 3, nor 1 - 0.6 quite 0.4."""


@dataclass(frozen=True)
class SamplingPlan:
    """Look at `n_look` of `n_samples`; with at most `most_wrong` wrong, accept.

    Attributes
    ----------
    n_samples, n_look, most_wrong : int
    purity, confidence : float
    """

    n_samples: int
    n_look: int
    most_wrong: int
    purity: float
    confidence: float

    @property
    def saved(self) -> int:
        """Samples that need not be looked at."""
        return self.n_samples - self.n_look

    def sentence(self) -> str:
        """Return the plan in words."""
        wrong = "none wrong" if not self.most_wrong else f"at most {self.most_wrong:,} wrong"
        return (
            f"Look at {self.n_look:,} of {self.n_samples:,}; with {wrong}, the class is at least "
            f"{100 * self.purity:g} % pure at {100 * self.confidence:g} % confidence "
            f"({self.saved:,} looks saved)."
        )


@lru_cache(maxsize=4096)
def sampling_plan(
    n_samples: int,
    *,
    most_wrong: int = 0,
    purity: float = PURITY,
    confidence: float = CONFIDENCE,
) -> SamplingPlan:
    """Return the least number of samples to look at.

    Parameters
    ----------
    n_samples : int >= 1
        N, the size of the class.
    most_wrong : int >= 0
        c.
    purity, confidence : float in (0, 1)

    Raises
    ------
    InputError
        A number is out of its range.

    Examples
    --------
    >>> sampling_plan(2340, most_wrong=1).n_look
    45
    >>> sampling_plan(20)
    SamplingPlan(n_samples=20, n_look=12, most_wrong=0, purity=0.9, confidence=0.95)
    """
    _check(n_samples, most_wrong, purity, confidence)
    worst = worst_wrong(n_samples, purity)
    if worst > n_samples:
        return SamplingPlan(n_samples, 0, most_wrong, purity, confidence)
    allowed = 1 - confidence + _TIGHT
    low, high = 0, n_samples  # `high` passes: all are seen, and more than c are wrong or c >= D
    while high - low > 1:
        middle = (low + high) // 2
        passes = hypergeom.cdf(most_wrong, n_samples, worst, middle) <= allowed
        low, high = (low, middle) if passes else (middle, high)
    return SamplingPlan(n_samples, high, most_wrong, purity, confidence)


def worst_wrong(n_samples: int, purity: float) -> int:
    """Return D, the least number of wrong samples with which a class is not pure enough."""
    return int(np.floor(n_samples * (1 - purity) + _TIGHT)) + 1


def rows_to_look_at(rows: IntArray, plan: SamplingPlan, *, seed: int) -> IntArray:
    """Draw the rows of a plan at random: the promise holds for a random draw only."""
    drawn = np.random.default_rng(seed).permutation(np.sort(rows))[: plan.n_look]
    return np.sort(drawn)


def _check(n_samples: int, most_wrong: int, purity: float, confidence: float) -> None:
    if n_samples < 1 or most_wrong < 0:
        raise InputError(
            f"A sampling plan needs a class of at least 1 sample and at most 0 or more wrong, "
            f"found {n_samples:,} and {most_wrong:,}; mend them."
        )
    for name, value in (("purity", purity), ("confidence", confidence)):
        if not 0 < value < 1:
            raise InputError(f"The {name} lies between 0 and 1, found {value}; choose 0.9, say.")
