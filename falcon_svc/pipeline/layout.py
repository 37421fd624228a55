"""The 2-D map of a report: near means alike.

Of at most `MAX_POINTS` samples, drawn at random: by t-SNE (van der Maaten and Hinton 2008, JMLR 9)
where the extra `map` is installed and there are enough of them, else by principal components. Both
give the same map for the same seed, on one thread. The discovery says which of them it was.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from itertools import count
from typing import NamedTuple

import numpy as np
from threadpoolctl import threadpool_limits

from falcon_svc.discovery.partition.principal import principal_scores
from falcon_svc.result.record import MapMethod
from falcon_svc.types import FloatArray, IntArray, LabelSource

MAX_POINTS = 4_000
LEAST_POINTS = 300  # for t-SNE; fewer are told apart by two components as well
PERPLEXITY, EXAGGERATED, STEPS = 30, 150, 300  # groups stand after half of the usual 750 steps
TOLD_EVERY = 10


class Layout(NamedTuple):
    """Rows (S,) of the samples, their coordinates (S, 2), and how these were found."""

    rows: IntArray
    xy: FloatArray
    method: MapMethod


def draw_map(
    inputs: FloatArray,
    source: LabelSource,
    *,
    seed: int,
    on_share: Callable[[float], None] = lambda _: None,
) -> Layout:
    """Return a map of S samples, at most `MAX_POINTS`.

    Parameters
    ----------
    inputs
        (N, D) head inputs.
    source
        Coarse labels; unlabelled samples are left out.
    seed
        Seed of the sample and of t-SNE.
    on_share
        Called with the share of t-SNE's steps that is done, every `TOLD_EVERY` steps.
    """
    rng = np.random.default_rng(seed)
    labelled = np.flatnonzero(source.labels >= 0)
    rows = np.sort(rng.permutation(labelled)[:MAX_POINTS])
    points = np.asarray(inputs[rows])
    with threadpool_limits(1):
        if len(rows) >= LEAST_POINTS and points.std(axis=0).any() and find_spec("openTSNE"):
            return Layout(rows, neighbor_map(points, seed=seed, on_share=on_share), "tsne")
        return Layout(rows, linear_map(points), "pca")


def linear_map(points: FloatArray) -> FloatArray:
    """Return (S, 2) principal components; zeros for axes that there are not."""
    dim = min(2, *points.shape)
    flat = np.zeros((len(points), 2), np.float32)
    flat[:, :dim] = principal_scores(points, dim)
    return flat


def neighbor_map(points: FloatArray, *, seed: int, on_share: Callable[[float], None]) -> FloatArray:
    """Return (S, 2) coordinates of t-SNE over directions, from principal components on."""
    from openTSNE import TSNE

    told = count(1)

    def tell(*_: object) -> None:
        on_share(next(told) * TOLD_EVERY / (EXAGGERATED + STEPS))

    found = TSNE(
        perplexity=PERPLEXITY,
        early_exaggeration_iter=EXAGGERATED,
        n_iter=STEPS,
        metric="cosine",
        neighbors="exact",
        initialization="pca",
        negative_gradient_method="fft",
        n_jobs=1,
        random_state=seed,
        callbacks=tell,
        callbacks_every_iters=TOLD_EVERY,
    ).fit(points)
    return np.asarray(found, np.float32)
