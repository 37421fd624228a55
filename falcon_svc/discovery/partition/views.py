"""Views: the same features, seen so that different kinds of fine classes stand out.

    lengths     centred inside each coarse class, lengths kept
    soft        the same at ``c / sqrt(|c|^2 + mean |c|^2)``: long rows shortened, short ones kept
    directions  unit rows of the features as they came
    components  unit rows of the principal components inside each coarse class
    contrast    a linear map in which neighbors attract (`contrast`)

Scaling centred rows to unit length throws a dominant class, whose mean lies near the coarse mean,
over the whole sphere: where sizes are unequal, `lengths` and `soft` see what the others destroy;
where they are equal, `components` and `contrast` see more. Each view is cut before and after the
shared metric (`metric`) has been learned in it. Figures: docs/decisions/0003-structure.md.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np

from falcon_svc.discovery.partition.principal import principal_scores
from falcon_svc.discovery.partition.shared_metric import SharedMetric, centred, unit_rows
from falcon_svc.discovery.partition.smoothing import smoothed
from falcon_svc.discovery.pieces import Arrays, Pieces, Told
from falcon_svc.neighbors import nearest_inside
from falcon_svc.types import FloatArray, IntArray, LabelSource

N_VIEWS = 3
"""Of either kind."""

MAX_DIM = 128
CLASS_PCA_DIM = 64
SHRINKAGE = 0.1
SMOOTHING_NEIGHBORS = 10
SMOOTHING_STEPS = (3, 10)
"""Least and most."""

Length = Literal["kept", "soft", "unit"]


@dataclass(frozen=True)
class View:
    """Rows as one view sees them, and what its metric is learned on.

    Parameters
    ----------
    rows
        (n, D) float32.
    inside
        (n, D') float32 centred inside each coarse class: the metric is learned on these rows,
        and the view after it is made of them.
    length
        What becomes of the rows' lengths.
    """

    rows: FloatArray
    inside: FloatArray
    length: Length

    def space(self, source: LabelSource, n_steps: int) -> FloatArray:
        """Return the rows smoothed over their nearest neighbors inside each coarse class."""
        rows = _scaled(self.rows, self.length)
        neighbors = nearest_inside(rows, source, SMOOTHING_NEIGHBORS)
        return smoothed(rows, neighbors, n_steps=n_steps, unit=self.length == "unit")

    def after(self, fine: IntArray) -> View:
        """Return the view after the shared metric of the partition `fine` (n,)."""
        metric = SharedMetric.learn(self.inside, fine, shrinkage=SHRINKAGE)
        return View(_scaled(self.inside @ metric.projection, self.length), self.inside, self.length)


def smoothing_steps(samples_per_class: float) -> int:
    """Return sqrt(n / 10) steps, 3 to 10: enough to walk through a fine class of n samples.

    Each step reaches the 10 nearest neighbors. With fewer, large classes keep what varies inside
    them, and k-means cuts along it; with more, small classes run together.
    """
    least, most = SMOOTHING_STEPS
    return int(np.clip(round((samples_per_class / SMOOTHING_NEIGHBORS) ** 0.5), least, most))


def unequal_views(raw: FloatArray, source: LabelSource) -> tuple[View, ...]:
    """Return the views lengths, soft and directions of (n, D) features, every row labelled."""
    inside = reduced(raw, source)
    soft = soft_rows(inside)
    return (
        View(inside, inside, "kept"),
        View(soft, soft, "soft"),
        View(unit_rows(raw), directions_inside(raw, source), "unit"),
    )


def equal_views(
    raw: FloatArray, source: LabelSource, *, seed: int, pieces: Pieces
) -> tuple[Callable[[], View], ...]:
    """Return what makes directions, components and contrast; the last is one of the `pieces`."""
    inside = directions_inside(raw, source)
    groups = source.rows_by_class()

    def fitted(on_rows: Told) -> Arrays:
        from falcon_svc.discovery.partition.contrast import N_STEPS, contrast_view

        neighbors = nearest_inside(unit_rows(inside), source, SMOOTHING_NEIGHBORS)
        share = -(-len(raw) // N_STEPS)
        rows = contrast_view(inside, groups, neighbors, seed=seed, on_step=lambda: on_rows(share))
        return {"rows": rows}

    def contrast() -> FloatArray:
        return pieces.made("contrast", 0, len(raw), fitted)["rows"]

    rows = (partial(unit_rows, raw), partial(class_pca, inside, groups), contrast)
    return tuple(partial(lambda make: View(make(), inside, "unit"), make) for make in rows)


def reduced(vectors: FloatArray, source: LabelSource) -> FloatArray:
    """Return rows centred inside each coarse class: (n, D), or (n, <= 128) principal axes."""
    return few_axes(centred(vectors, source.labels))


def few_axes(rows: FloatArray) -> FloatArray:
    """Return rows of at most 128 columns as they are, wider ones in their first principal axes."""
    if rows.shape[1] <= MAX_DIM:
        return rows
    return principal_scores(rows, min(MAX_DIM, len(rows)))


def directions_inside(raw: FloatArray, source: LabelSource) -> FloatArray:
    """Return directions from the mean of all rows, centred inside each coarse class: (n, D')."""
    return reduced(unit_rows(raw - raw.mean(axis=0)), source)


def soft_rows(vectors: FloatArray) -> FloatArray:
    """Return ``c / sqrt(|c|^2 + mean |c|^2)`` for the rows c: lengths in [0, 1)."""
    square = (vectors.astype(np.float64) ** 2).sum(axis=1, keepdims=True)
    return np.asarray(vectors / np.sqrt(square + square.mean() + 1e-12), np.float32)


def class_pca(vectors: FloatArray, groups: list[IntArray]) -> FloatArray:
    """Return unit rows of up to 64 principal components inside each coarse class, zero-padded."""
    out = np.zeros((len(vectors), min(CLASS_PCA_DIM, vectors.shape[1])), np.float32)
    for rows in groups:
        dim = min(out.shape[1], len(rows) - 1)
        if dim > 0:
            out[rows, :dim] = principal_scores(vectors[rows], dim)
    return unit_rows(out)


def _scaled(rows: FloatArray, length: Length) -> FloatArray:
    if length == "unit":
        return unit_rows(rows)
    return soft_rows(rows) if length == "soft" else np.asarray(rows, np.float32)
