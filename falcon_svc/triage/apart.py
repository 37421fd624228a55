r"""What sets a class apart from its siblings: features, words, and values of other columns.

* Features by effect size (Cohen's d): difference of the means over the pooled standard deviation,
  :math:`d = (\bar x_a - \bar x_b) / \sqrt{((n_a - 1) s_a^2 + (n_b - 1) s_b^2) / (n_a + n_b - 2)}`.
* Words by class-based TF-IDF (Grootendorst 2022, BERTopic): :math:`tf_{w,c} \log(1 + A / f_w)`
  with tf the share of word w in class c, f its count in all classes and A the mean number of words
  of a class.
* Values of a column by lift: :math:`P(v | c) / P(v)` with P(v) among all samples of the class's
  coarse classes, for values that a tenth of the class has and that chance does not explain: drawing
  as many samples without replacement gives as many with the value with a probability
  (hypergeometric, times the number of values tested) below 5 %.

Pure functions of arrays; `evidence` calls them.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import hypergeom

from falcon_svc.types import AboutColumn, FloatArray, IntArray

MOST_SHOWN = 8
LEAST_SHARE = 0.1
CHANCE = 0.05
_WORD = re.compile(r"[^\W\d_]{2,}", re.UNICODE)


@dataclass(frozen=True)
class Mark:
    """A feature, word or value that a class has more or less of than its siblings.

    Attributes
    ----------
    name : str
    value : float
        Cohen's d, c-TF-IDF or lift.
    """

    name: str
    value: float


@dataclass(frozen=True)
class Lift:
    """A value of a column that a class has more often than its coarse classes.

    Attributes
    ----------
    column, value : str
    n, n_beside : int
        Samples with the value in the class, and in its coarse classes, the class included.
    share : float in [0, 1]
        Of the class, among samples with a known value.
    lift : float >= 1
    """

    column: str
    value: str
    n: int
    n_beside: int
    share: float
    lift: float


def value_lifts(
    columns: Sequence[AboutColumn], rows: IntArray, beside: IntArray, most: int = MOST_SHOWN
) -> tuple[Lift, ...]:
    """Return the values that set a class apart, largest lift first.

    Parameters
    ----------
    columns : sequence of AboutColumn
    rows : int64 (n,)
        Rows of the class.
    beside : int64 (m,)
        Rows of its coarse classes, those of the class included.

    Examples
    --------
    >>> import numpy as np
    >>> city = AboutColumn("city", ("Oslo", "Rome"), np.repeat([0, 1], [20, 60]).astype(np.int32))
    >>> value_lifts([city], np.arange(20), np.arange(80))[0].lift
    4.0
    """
    found = [lift for column in columns for lift in _lifts(column, rows, beside)]
    return tuple(sorted(found, key=lambda one: (-one.lift, -one.n))[:most])


def _lifts(column: AboutColumn, rows: IntArray, beside: IntArray) -> list[Lift]:
    count = len(column.values)
    inside, every = (
        np.bincount(codes[codes >= 0], minlength=count)
        for codes in (column.codes[rows], column.codes[beside])
    )
    n, total = int(inside.sum()), int(every.sum())
    if not n or n == total:
        return []
    share = inside / n
    lift = share / np.maximum(every / total, 1e-12)
    chance = hypergeom.sf(inside - 1, total, every, n) * (every > 0).sum()
    chosen = np.flatnonzero((share >= LEAST_SHARE) & (lift > 1) & (chance < CHANCE))
    return [
        Lift(
            *(column.name, column.values[i], int(inside[i]), int(every[i])),
            share=round(float(share[i]), 4),
            lift=round(float(lift[i]), 3),
        )
        for i in chosen.tolist()
    ]


def effect_sizes(
    inside: FloatArray, outside: FloatArray, names: Sequence[str], most: int = MOST_SHOWN
) -> tuple[Mark, ...]:
    """Return the features with the largest absolute Cohen's d.

    Parameters
    ----------
    inside, outside : float (n, D), (m, D)
        Rows of the class and of its siblings.
    names : sequence of str
        (D,) names of the columns.
    """
    if len(inside) < 2 or len(outside) < 2:
        return ()
    spread = (len(inside) - 1) * inside.var(axis=0, ddof=1, dtype=np.float64)
    spread = spread + (len(outside) - 1) * outside.var(axis=0, ddof=1, dtype=np.float64)
    pooled = np.sqrt(spread / (len(inside) + len(outside) - 2))
    gap = inside.mean(axis=0, dtype=np.float64) - outside.mean(axis=0, dtype=np.float64)
    size = np.divide(gap, pooled, out=np.zeros_like(gap), where=pooled > 0)
    best = np.argsort(-np.abs(size), kind="stable")[:most]
    return tuple(Mark(names[i], float(size[i])) for i in best.tolist() if size[i])


def words_of(text: str) -> list[str]:
    """Return the words of a text in lower case: two or more letters of any script."""
    return _WORD.findall(text.casefold())


def class_words(
    texts: Mapping[int, Sequence[str]], most: int = MOST_SHOWN
) -> dict[int, tuple[Mark, ...]]:
    """Return per class the words with the largest class-based TF-IDF.

    Parameters
    ----------
    texts : mapping
        Class -> its texts; the classes are compared with each other.
    """
    counts = {c: Counter(w for text in group for w in words_of(text)) for c, group in texts.items()}
    every: Counter[str] = Counter()
    for count in counts.values():
        every.update(count)
    mean = sum(every.values()) / max(len(counts), 1)
    marks = {}
    for c, count in counts.items():
        total = max(sum(count.values()), 1)
        score = {w: n / total * float(np.log1p(mean / every[w])) for w, n in count.items()}
        best = sorted(score, key=lambda w: (-score[w], w))[:most]
        marks[c] = tuple(Mark(w, score[w]) for w in best)
    return marks
