"""Is there anything finer in the data at all? A test against twins that have one mode.

A twin of a coarse class has its rows' principal axes, and along each of the first `N_AXES` the
distribution nearest to theirs that has a single mode; along the others their values in another
order. It is as long, as skewed and as heavy-tailed as the class, and holds one fine class. The
score of a class's first split (`split_model`) is compared with those of its R twins: with their
mean m and the standard deviation s that twins of a class have on average,

.. math:: t = (score - m) / (s \\sqrt{1 + 1/R})

has Student's distribution of C (R - 1) degrees of freedom where the class is like a twin. Simes'
test (Biometrika 73, 1986) joins the coarse classes: where it finds no difference, the data as a
whole may as well be twins; what its p-value leaves of the probability that they are is
`probability_of_twins`. A single class is not judged by it: one real fine class often has
several modes, too, and what that means is in the calibrated probabilities (`posterior`).

The nearest distribution of one mode is that of Hartigan and Hartigan's dip (Ann. Stat. 13, 1985):
a density that rises to the mode and falls after it, fitted by isotonic regression. SigClust and
sc-SHC compare with Gaussian twins instead, and take skewed classes for several. Figures:
docs/decisions/0004-number-of-classes.md.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import isotonic_regression
from scipy.special import stdtr

from falcon_svc.discovery.counts.split_evidence import split_trees
from falcon_svc.discovery.counts.split_model import scored, split_model
from falcon_svc.discovery.counts.total_stability import some_classes
from falcon_svc.discovery.pieces import Arrays, Pieces, Told
from falcon_svc.types import FloatArray, IntArray, LabelSource

N_TWINS = 40
MOST_TESTED = 40
"""Of more coarse classes that many, drawn at random, are tested: each needs two twins at least."""

N_AXES = 16
N_MODES = 9

Float = NDArray[np.float64]


def unimodal(values: Float, rng: np.random.Generator) -> Float:
    """Return as many draws from the unimodal distribution that is nearest to `values` (n,)."""
    x = np.sort(values)
    level = (np.arange(len(x)) + 0.5) / len(x)
    modes = np.unique(np.linspace(0, len(x) - 1, N_MODES).astype(int))
    fits = [_one_mode(x, level, mode) for mode in modes]
    nearest = min(fits, key=lambda fit: float(np.abs(fit - level).max()))
    return np.asarray(np.interp(rng.uniform(level[0], level[-1], len(x)), nearest, x))


def _one_mode(x: Float, level: Float, mode: int) -> Float:
    """The distribution function at x (n,) whose density rises up to x[mode] and falls after."""
    width = np.maximum(np.diff(x), 1e-12 * (x[-1] - x[0]) + 1e-300)
    density = np.diff(level) / width
    for part, rises in ((slice(0, mode), True), (slice(mode, None), False)):
        if len(density[part]):
            fit = isotonic_regression(density[part], weights=width[part], increasing=rises)
            density[part] = fit.x
    return np.concatenate([level[:1], level[0] + np.cumsum(density * width)])


class UnimodalTwins:
    """Coarse classes that look like given ones and have one mode along every axis.

    Parameters
    ----------
    vectors
        (n, D) float32.
    source
        Their coarse labels, every row labelled.
    """

    def __init__(self, vectors: FloatArray, source: LabelSource) -> None:
        self._groups, self._shape = source.rows_by_class(), vectors.shape
        self._means = [vectors[rows].mean(axis=0) for rows in self._groups]
        inner = [vectors[r] - mean for r, mean in zip(self._groups, self._means, strict=True)]
        self._factors = [np.linalg.svd(rows, full_matrices=False) for rows in inner]

    def drawn(self, rng: np.random.Generator) -> FloatArray:
        """Return rows (n, D) of twins."""
        found = np.empty(self._shape, np.float32)
        for rows, mean, (left, scale, axes) in zip(
            self._groups, self._means, self._factors, strict=True
        ):
            scores = np.asarray(left * scale, np.float64)
            drawn = rng.permuted(scores, axis=0)
            for axis in range(min(N_AXES, scores.shape[1])):
                drawn[:, axis] = unimodal(scores[:, axis], rng)
            found[rows] = drawn @ axes + mean
        return found


def first_split_scores(
    vectors: FloatArray, source: LabelSource, least_rows: int, on_rows: Told = lambda _: None
) -> Float:
    """Return (C,) the score of each coarse class's first split, the mean of its trees."""
    trees = split_trees(vectors, source, least_rows=least_rows, on_rows=on_rows)
    every = scored(trees, split_model())
    return np.array([np.mean([tree.logits[0] for tree in group]) for group in every])


def n_repeats(n_coarse: int) -> int:
    """Return how many twins each of `n_coarse` coarse classes has."""
    return max(2, -(-N_TWINS // n_coarse))


def n_rows_of_twins(sizes: IntArray) -> int:
    """Return about how many rows all twins of coarse classes of `sizes` (C,) rows have."""
    tested = min(len(sizes), MOST_TESTED)
    return int(n_repeats(tested) * tested * sizes.mean())


def chance_of_twins(
    vectors: FloatArray, source: LabelSource, *, least_rows: int, seed: int, pieces: Pieces
) -> float:
    """Return the p-value of the data being like their twins.

    Parameters
    ----------
    vectors
        (n, D) features as they came, a sample of each coarse class.
    source
        Their coarse labels, every row labelled.
    least_rows
        Fewest rows on a side of a split.
    seed
        Seed of the twins.
    pieces
        Each set of twins is one of them.
    """
    rng = np.random.default_rng(seed)
    vectors, source, _ = some_classes(vectors, source, rng, most=MOST_TESTED)
    twins, of_twins = UnimodalTwins(vectors, source), []
    for repeat in range(n_repeats(source.n_coarse)):
        drawn = twins.drawn(rng)

        def score(on_rows: Told, drawn: FloatArray = drawn) -> Arrays:
            return {"scores": first_split_scores(drawn, source, least_rows, on_rows)}

        of_twins.append(pieces.made("twins", repeat, len(vectors), score)["scores"])
    scores = first_split_scores(vectors, source, least_rows)
    return simes(chances_of_one(scores, np.array(of_twins)))


def chances_of_one(scores: Float, of_twins: Float) -> Float:
    """Return (C,) p-values of `scores` (C,) among own twins' (R, C); 1 where nothing can split."""
    n_each, found = len(of_twins), np.ones(len(scores))
    able = np.isfinite(scores) & np.isfinite(of_twins).all(axis=0)
    if able.any():
        spread = np.sqrt(of_twins[:, able].var(axis=0, ddof=1).mean() * (1 + 1 / n_each)) + 1e-9
        above = (scores[able] - of_twins[:, able].mean(axis=0)) / spread
        found[able] = stdtr(int(able.sum()) * (n_each - 1), -above)
    return found


def simes(p_values: Float) -> float:
    """Return the p-value of all hypotheses (C,) being true: the least of C p_(k) / k."""
    n = len(p_values)
    return float((np.sort(p_values) * n / np.arange(1, n + 1)).min())


def probability_of_twins(chance: float) -> float:
    """Return the least probability of being twins that a p-value leaves of a half.

    :math:`B / (1 + B)` with :math:`B = -e p \\ln p`, and B = 1 from p = 1/e on: Sellke, Bayarri and
    Berger, The American Statistician 55, 2001.
    """
    chance = min(max(chance, 1e-300), np.exp(-1))
    for_twins = -np.e * chance * np.log(chance)
    return float(for_twins / (1 + for_twins))
