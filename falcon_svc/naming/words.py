r"""Words that tell a class of texts from the others: class-based TF-IDF.

.. math:: W_{t,c} = f_{t,c} \log(1 + A / f_t)

with :math:`f_{t,c}` the texts of class c that hold the word t, :math:`f_t` their sum over the
classes and A the mean over the classes of :math:`\sum_t f_{t,c}` (Grootendorst 2022,
arXiv:2203.05794, there with every occurrence counted; here a text counts once, so that no single
text names a class).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from falcon_svc.types import IntArray

WORD = r"(?u)\b[^\W\d_]\w+\b"
MAX_TEXTS = 200_000  # that are read for names, evenly spaced
MAX_LETTERS = 2_000  # of each
CANDIDATES = 12  # words per class that are looked at
LEAST_SHARE = 0.05  # of a class's texts that a word must be in
LEAST_SCORE = 0.2  # of the class's best word
STEM = 4  # letters from which a word that goes on with a chosen one counts as the same


def class_words(texts: Sequence[str], fine: IntArray, n_fine: int) -> list[list[str]]:
    """Return each class's words, the most telling first; none for classes without words.

    Parameters
    ----------
    texts
        N texts.
    fine
        (N,) classes in [0, n_fine).
    """
    from sklearn.feature_extraction.text import CountVectorizer

    rows = np.linspace(0, len(texts) - 1, min(len(texts), MAX_TEXTS)).astype(np.int64)
    reader = CountVectorizer(binary=True, token_pattern=WORD, stop_words="english")
    try:
        found = reader.fit_transform([texts[row][:MAX_LETTERS] for row in rows])
    except ValueError:  # no words at all
        return [[] for _ in range(n_fine)]
    classes = fine[rows]
    counts = class_counts(found, classes, n_fine)
    words = reader.get_feature_names_out()
    sizes = np.bincount(classes, minlength=n_fine)
    scores = class_tfidf(counts)
    return [_telling(words, scores[c], counts[c], int(sizes[c])) for c in range(n_fine)]


def class_counts(found: sparse.csr_matrix, fine: IntArray, n_fine: int) -> NDArray[np.float64]:
    """Return (F, T) the texts of each class that hold each word, for (N, T) 0 or 1."""
    ones = np.ones(len(fine))
    member = sparse.csr_matrix((ones, (fine, np.arange(len(fine)))), (n_fine, len(fine)))
    return np.asarray((member @ found).toarray(), np.float64)


def class_tfidf(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (F, T) scores of (F, T) counts, by this module's formula; 0 for words that nobody has.

    Examples
    --------
    >>> class_tfidf(np.array([[2.0, 1.0], [0.0, 1.0]])).round(3)
    array([[1.386, 0.693],
           [0.   , 0.693]])
    """
    mean = counts.sum() / len(counts)
    total = np.maximum(counts.sum(axis=0), 1e-9)
    return np.asarray(counts * np.log1p(mean / total))


def _telling(
    words: NDArray[np.str_], scores: NDArray[np.float64], counts: NDArray[np.float64], size: int
) -> list[str]:
    """Return the best words of one class, without those that are forms of a better one."""
    least = min(2, size) if size < 2 / LEAST_SHARE else LEAST_SHARE * size
    able = np.flatnonzero((counts >= max(least, 1)) & (scores > 0))
    best = able[np.lexsort((words[able], -scores[able]))][:CANDIDATES]
    chosen: list[str] = []
    for place in best.tolist():
        word, worth = str(words[place]), scores[place] >= LEAST_SCORE * scores[best[0]]
        if worth and not any(_alike(word, other) for other in chosen):
            chosen.append(word)
    return chosen


def _alike(word: str, other: str) -> bool:
    short, long = sorted((word, other), key=len)
    return len(short) >= STEM and long.startswith(short)
