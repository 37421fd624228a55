"""From what tells classes apart to their names: plain, short, different from each other.

Place: the last step before a discovery is written. A name is a working name, beside the number and
never instead of it: words of the texts where there are any, else the named features that set the
class apart, else its most typical sample.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from falcon_svc.naming.contrast import class_features
from falcon_svc.naming.words import class_words
from falcon_svc.types import CoarseDataset, IntArray

MAX_LETTERS, MAX_PART = 60, 28
WORDS, FEATURES = 3, 2  # parts of a name, more where two names would be the same
PLAIN = frozenset(" -_.,/+%:#()°")
EMPTY = "no samples"

Medoids = Sequence[Sequence[int]]


def name_classes(
    dataset: CoarseDataset, fine: IntArray, parents: IntArray, medoids: Medoids
) -> tuple[str, ...]:
    """Return a name per class: different, of letters, digits and plain signs, at most 60 of them.

    Parameters
    ----------
    dataset
        Its texts, its named columns or its ids give the names.
    fine
        (N,) the samples' classes in [0, F).
    parents
        (F,) the first coarse class of each class.
    medoids
        Per class, the rows of its most typical samples, the most typical first.

    Returns
    -------
    tuple of str
        (F,) names.

    Examples
    --------
    >>> import numpy as np
    >>> from falcon_svc.data import load_dataset
    >>> from falcon_svc.naming import name_classes
    >>> x = np.random.default_rng(0).normal(size=(4, 2))
    >>> data = load_dataset(x, labels={"coarse": ["cat", "cat", "dog", "dog"]})
    >>> name_classes(data, np.array([0, 0, 1, 1]), np.array([0, 1]), [[0], [3]])
    ('like sample 0', 'like sample 3')
    """
    least, parts = _parts(dataset, fine, parents)
    taken: set[str] = set()
    found = []
    for some, rows in zip(parts, medoids, strict=True):
        clean = list(dict.fromkeys(filter(None, map(plain, some))))
        usual = clean or [_like(dataset.ids[rows[0]]) if len(rows) else EMPTY]
        name = _different(usual, least, taken)
        taken.add(name.casefold())
        found.append(name)
    return tuple(found)


def plain(text: str, most: int = MAX_PART) -> str:
    """Return letters, digits and plain signs of a text on one line, at most `most` of them.

    Examples
    --------
    >>> plain("<b>petal\\nlength</b>")
    'b petal length /b'
    """
    kept = "".join(c if c.isalnum() or c in PLAIN else " " for c in text[: 4 * most])
    line = " ".join(kept.split()).strip(" -,.").lstrip("+")  # starts no formula
    return line if len(line) <= most else line[: most - 1].rstrip(" -,.") + "…"


def _parts(
    dataset: CoarseDataset, fine: IntArray, parents: IntArray
) -> tuple[int, Sequence[Sequence[str]]]:
    """Return how many parts a name has, and each class's parts, the most telling first."""
    if dataset.texts is not None:
        return WORDS, class_words(dataset.texts, fine, len(parents))
    names = dataset.reading.features
    if dataset.vectors is not None and names is not None:
        return FEATURES, class_features(np.asarray(dataset.vectors), names, fine, parents)
    return 1, [()] * len(parents)


def _like(sample: str) -> str:
    """Return a name by a sample's id; of a path, its end."""
    name = plain(sample.replace("\\", "/").rstrip("/").rpartition("/")[2], MAX_LETTERS - 20)
    return f"like sample {name}" if name.isdigit() or not name else f"like {name}"


def _different(parts: Sequence[str], least: int, taken: set[str]) -> str:
    """Return the first parts, as many as make a name that is not taken; else with a number."""
    fit = [n for n in range(1, len(parts) + 1) if len(", ".join(parts[:n])) <= MAX_LETTERS - 6]
    names = [", ".join(parts[:n]) for n in fit if n >= min(least, fit[-1])]
    free = next((name for name in names if name.casefold() not in taken), None)
    if free is not None:
        return free
    numbered = (f"{names[0]} ({k})" for k in range(2, len(taken) + 3))
    return next(name for name in numbered if name.casefold() not in taken)
