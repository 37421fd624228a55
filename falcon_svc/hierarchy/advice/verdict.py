"""From paired differences to a word: helps, does not, cannot tell yet, and how much is missing.

The rule is ours: "helps" where the interval lies above 0; "does not" where it lies below a gain
that nobody would pay for (0.3 points); otherwise nothing can be told at this size.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from falcon_svc.hierarchy.advice.intervals import Difference
from falcon_svc.hierarchy.advice.paired_test import Comparison

Word = Literal["helps", "does not", "cannot tell"]
WORTH = 0.003
"""Gain of coarse accuracy below which finer labels are not worth their price."""
MOST_TIMES = 100.0
"""Extrapolations go no further than this many times the rows at hand."""


@dataclass(frozen=True)
class Verdict:
    """What finer labels would do.

    Parameters
    ----------
    word
        "helps", "does not" or "cannot tell".
    difference
        Gain of coarse accuracy that it rests on.
    rows_needed
        Labelled rows in all at which the interval should leave 0 behind; None where it has, or
        where the curve does not rise.

    Examples
    --------
    >>> from falcon_svc.hierarchy.advice import Difference, Verdict
    >>> Verdict("helps", Difference(mean=0.04, low=0.01, high=0.07), rows_needed=None).word
    'helps'
    """

    word: Word
    difference: Difference
    rows_needed: int | None


def word_of(difference: Difference) -> Word:
    """Return the word for an interval."""
    if difference.low > 0:
        return "helps"
    return "does not" if difference.high < WORTH else "cannot tell"


def decide(comparisons: Sequence[Comparison]) -> Verdict:
    """Return the verdict of one head, from its comparisons at several sizes.

    Parameters
    ----------
    comparisons
        Comparisons of one head and one kind of labels, in any order of sizes.
    """
    ordered = sorted(comparisons, key=lambda one: one.n_train)
    difference = ordered[-1].overall
    word = word_of(difference)
    needed = rows_needed(ordered) if word == "cannot tell" else None
    return Verdict(word, difference, needed)


def rows_needed(ordered: Sequence[Comparison]) -> int | None:
    r"""Return the rows at which the interval should lie above 0, from the learning curve.

    The gain is extrapolated as :math:`a + b \log n`, never above twice the largest one seen, and
    the interval's half width as :math:`\sqrt{n_0 / n}` times the present one.

    Parameters
    ----------
    ordered
        Comparisons by ascending size.

    Returns
    -------
    int or None
        None where no size up to 100 times the present one would do.
    """
    n = np.array([one.n_train for one in ordered], np.float64)
    gains = np.array([one.overall.mean for one in ordered])
    slope = float(np.polyfit(np.log(n), gains, 1)[0]) if len(n) > 1 else 0.0
    last, most = ordered[-1].overall, 2 * max(float(gains.max()), 0.0)
    for times in map(float, np.geomspace(1.0, MOST_TIMES, 200)):
        gain = min(last.mean + slope * math.log(times), most)
        if gain - last.half_width / math.sqrt(times) > 0:
            return math.ceil(times * ordered[-1].n_train)
    return None


def best_head(comparisons: Sequence[Comparison]) -> int:
    """Return the hidden units with which either arm is best at the full size."""
    full = [one for one in comparisons if one.share == max(c.share for c in comparisons)]
    best = max(full, key=lambda one: (max(one.coarse_accuracy, one.fine_accuracy), -one.hidden))
    return best.hidden
