r"""What sets a class apart from its siblings: features, words, and values of other columns.

* Features by effect size (Cohen's d): difference of the means over the pooled standard deviation,
  :math:`d = (\bar x_a - \bar x_b) / \sqrt{((n_a - 1) s_a^2 + (n_b - 1) s_b^2) / (n_a + n_b - 2)}`.
* Words by class-based TF-IDF (Grootendorst 2022, BERTopic): :math:`tf_{w,c} \log(1 + A / f_w)`
  with tf the share of word w in class c, f its count in all classes and A the mean number of words
  of a class.
* Values of a column by lift: :math:`P(v | c) / P(v)`, for values that a tenth of the class has.

Pure functions of arrays; `evidence` calls them.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from falcon_svc.types import FloatArray, IntArray

MOST_SHOWN = 8
LEAST_SHARE = 0.1
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


def lifts(values: Sequence[str | None], rows: IntArray, most: int = MOST_SHOWN) -> tuple[Mark, ...]:
    """Return the values of a column that are more frequent in a class than in all samples.

    Parameters
    ----------
    values : sequence of str or None
        (N,) one column.
    rows : int64 (n,)
        Rows of the class.
    """
    every = Counter(v for v in values if v is not None)
    own = Counter(v for v in (values[row] for row in rows.tolist()) if v is not None)
    known, total = sum(own.values()), sum(every.values())
    found = [
        Mark(v, n / known / (every[v] / total)) for v, n in own.items() if n >= LEAST_SHARE * known
    ]
    found = [mark for mark in found if mark.value > 1]
    return tuple(sorted(found, key=lambda mark: (-mark.value, mark.name))[:most])
