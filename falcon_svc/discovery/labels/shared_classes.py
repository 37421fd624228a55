r"""Fine classes of different coarse classes that cannot be told apart: labels that overlap there.

Place: after the assignments. A fine class that really lies in two coarse classes is found once in
each. Its two halves were cut apart by labels, not by the features, so a test on the features is
fair: nothing that chose the halves looked at what would tell them apart. For a pair f, g the
samples are classified by the nearer mean in the head's space, where ordinary scatter is even (so
this is a linear discriminant), each sample left out of its own class's mean. Only pairs whose
balanced accuracy is shown to lie under a limit are listed:

.. math:: H_0: b \ge L, \quad
          p = \Phi\left(\frac{\hat b - L}{\tfrac12 \sqrt{L (1 - L) (1/n_f + 1/n_g)}}\right),

with Benjamini and Hochberg's bound on the share of false pairs. So classes that differ a little
count as one, as no sample could be assigned between them, and classes too small to show anything
are not listed (tests of practical equivalence; Wellek 2010).

Shapes: N samples, D dimensions, F fine classes.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from scipy.sparse import csr_array
from scipy.special import ndtr

from falcon_svc.discovery.partition.shared_metric import class_means
from falcon_svc.neighbors import nearest_rows
from falcon_svc.result.record import SharedPair
from falcon_svc.types import BoolArray, FloatArray, IntArray

LIMIT = 0.8
"""Balanced accuracy from which two classes are two; 0.5 = a coin."""
LEVEL = 0.05
N_CANDIDATES = 3
NORMAL_95 = 1.645
LEAST_SIZE = 8


def find_shared_classes(
    inputs: FloatArray, fine: IntArray, relation: BoolArray
) -> tuple[SharedPair, ...]:
    """Return the pairs of fine classes without a common parent that cannot be told apart.

    Parameters
    ----------
    inputs
        (N, D) head inputs, not centred per coarse class.
    fine
        (N,) fine class of each sample; -1 = left out.
    relation
        (F, C) bool.

    Returns
    -------
    tuple of SharedPair
        Least distinguishable first.
    """
    order = np.argsort(fine, kind="stable")
    sizes = np.bincount(fine[fine >= 0], minlength=len(relation))
    starts = (fine < 0).sum() + np.concatenate([[0], np.cumsum(sizes)])
    members = [order[a:b] for a, b in pairwise(starts)]
    means = class_means(inputs, fine, len(relation))
    tested = [
        judged_pair(inputs, (f, g), (members[f], members[g]), means)
        for f, g in candidates(means, sizes, relation)
    ]
    kept = beneath(np.array([pair.p_value for pair in tested]), LEVEL)
    found = [pair for pair, keep in zip(tested, kept, strict=True) if keep]
    return tuple(sorted(found, key=lambda pair: (pair.balanced_accuracy, pair.fine)))


def candidates(means: FloatArray, sizes: IntArray, relation: BoolArray) -> list[tuple[int, int]]:
    """Return pairs f < g: each class with its nearest ones that share no parent with it."""
    large = np.flatnonzero(sizes >= LEAST_SIZE)
    if len(large) < 2:
        return []
    parents = csr_array(relation[large])
    siblings = (parents @ parents.T).tocsr()  # whether two classes share a parent
    most = min(int(np.diff(siblings.indptr).max()) + 1 + N_CANDIDATES, len(large))
    near = nearest_rows(means[large], most)
    pairs: set[tuple[int, int]] = set()
    for f, row in enumerate(near):
        own = siblings.indices[siblings.indptr[f] : siblings.indptr[f + 1]]
        strangers = row[~np.isin(row, [f, *own])][:N_CANDIDATES]
        mine, others = int(large[f]), large[strangers].tolist()
        pairs |= {(min(mine, g), max(mine, g)) for g in others}
    return sorted(pairs)


def judged_pair(
    inputs: FloatArray,
    pair: tuple[int, int],
    members: tuple[IntArray, IntArray],
    means: FloatArray,
) -> SharedPair:
    """Return the pair with its balanced accuracy, upper bound and p-value."""
    rows, centres = [inputs[m] for m in members], [means[f] for f in pair]
    noise = _scatter(rows, centres)
    right = (
        _nearer_own(rows[0], centres[0], centres[1], noise / len(rows[1]), noise),
        _nearer_own(rows[1], centres[1], centres[0], noise / len(rows[0]), noise),
    )
    accuracy = float(np.mean([hits.mean() for hits in right]))
    spread = 0.5 * np.sqrt(sum(1 / len(hits) for hits in right))
    error_at_limit = spread * np.sqrt(LIMIT * (1 - LIMIT))
    own = np.clip(accuracy, 0.5, 1.0)
    return SharedPair(
        fine=pair,
        balanced_accuracy=accuracy,
        upper=float(min(1.0, accuracy + NORMAL_95 * spread * np.sqrt(own * (1 - own)))),
        p_value=float(ndtr((accuracy - LIMIT) / error_at_limit)),
    )


def _scatter(rows: list[FloatArray], centres: list[FloatArray]) -> float:
    """Mean squared distance of a sample from its class's true mean, over both classes."""
    squares = sum(float(((r - c) ** 2).sum()) for r, c in zip(rows, centres, strict=True))
    return squares / (sum(map(len, rows)) - len(rows))


def _nearer_own(
    rows: FloatArray, own: FloatArray, other: FloatArray, other_noise: float, noise: float
) -> BoolArray:
    """Whether each row is nearer to the mean of the others of its class than to the other mean.

    Without x the mean of n rows m is ``(n m - x) / (n - 1)``, at distance ``n / (n - 1) |x - m|``.
    A mean of few rows is far from everything: what its own error adds is taken off.
    """
    n = len(rows)
    to_own = ((rows - own) ** 2).sum(axis=1) * (n / (n - 1)) ** 2 - noise / (n - 1)
    to_other = ((rows - other) ** 2).sum(axis=1) - other_noise
    return np.asarray(to_own < to_other, np.bool_)


def beneath(p_values: FloatArray, level: float) -> BoolArray:
    """Return which hypotheses Benjamini and Hochberg's step-up procedure rejects."""
    n = len(p_values)
    order = np.argsort(p_values, kind="stable")
    passed = np.flatnonzero(p_values[order] <= level * np.arange(1, n + 1) / max(n, 1))
    out = np.zeros(n, np.bool_)
    if len(passed):
        out[order[: passed[-1] + 1]] = True
    return out
