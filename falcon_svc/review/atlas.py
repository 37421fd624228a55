"""The maps of a review: all samples together, and each coarse class by itself.

The result holds a map of some thousand samples. Principal components are linear: least squares
gives the projection back, and places all others by it. On a map by t-SNE, others lie at the mean
of the mapped samples of their coarse label that are nearest to them. Inside one coarse class its
own two principal axes show more.
"""

from __future__ import annotations

import numpy as np

from falcon_svc.result.record import Discovery
from falcon_svc.review.plane import checked_polygon, inside
from falcon_svc.triage.session import Session
from falcon_svc.types import BoolArray, FloatArray, IntArray

MOST_FITTED = 4_000
N_NEAR = 3
_PIECE = 2_048


class Atlas:
    """The maps of one review, each made when it is first asked for.

    Parameters
    ----------
    session : Session
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._whole: FloatArray | None = None
        self._inner: dict[int, tuple[IntArray, FloatArray]] = {}

    def xy(self, coarse: str | None) -> FloatArray:
        """Return (N, 2) float32; inside one coarse class, NaN for the samples of others."""
        session = self._session
        if coarse is not None:
            return self._inside(session.review.coarse_number(coarse))
        if self._whole is None:
            self._whole = whole_map(session.discovery, session.inputs)
        return self._whole

    def lasso(
        self, corners: list[list[float]], *, coarse: str | None, class_id: str | None
    ) -> BoolArray:
        """Return (N,) which samples lie in a polygon, of one class or of all.

        Raises
        ------
        CorrectionError
            It is no polygon, or there is no such class.
        """
        mask = inside(self.xy(coarse), checked_polygon(corners))
        if class_id is not None:
            review = self._session.review
            mask &= review.fine == review.find(class_id).number
        return mask

    def _inside(self, number: int) -> FloatArray:
        """Return the map of a coarse class, made anew once its samples are others."""
        session = self._session
        rows = np.flatnonzero(session.review.coarse == number)
        kept = self._inner.get(number)
        if kept is None or not np.array_equal(kept[0], rows):
            xy = np.full((len(session.inputs), 2), np.nan, np.float32)
            if len(rows):
                xy[rows] = own_axes(session.inputs[rows])
            self._inner[number] = kept = rows, xy
        return kept[1]


def whole_map(discovery: Discovery, inputs: FloatArray) -> FloatArray:
    """Return (N, 2) coordinates of all samples in the map of the result.

    Parameters
    ----------
    discovery : Discovery
    inputs : float32 (N, D)
    """
    rows, xy = discovery.map_rows, discovery.map_xy
    if not len(rows):
        return own_axes(inputs)
    linear = discovery.map_method == "pca"
    found = _projected(inputs, rows, xy) if linear else _beside(discovery, inputs)
    found[rows] = xy
    return found


def own_axes(points: FloatArray) -> FloatArray:
    """Return (n, 2) coordinates on the two principal axes of some points."""
    fitted = points[:: max(1, len(points) // MOST_FITTED)]
    mean = fitted.mean(axis=0) if len(fitted) else np.float32(0)
    axes = np.linalg.svd(fitted - mean, full_matrices=False)[2][:2]
    flat = np.asarray((points - mean) @ axes.T, np.float32)
    return np.pad(flat, ((0, 0), (0, 2 - flat.shape[1])))


def _projected(inputs: FloatArray, rows: IntArray, xy: FloatArray) -> FloatArray:
    fitted = np.c_[inputs[rows], np.ones(len(rows), np.float32)]
    weight = np.linalg.lstsq(fitted, xy, rcond=None)[0]
    return np.asarray(inputs @ weight[:-1] + weight[-1], np.float32)


def _beside(discovery: Discovery, inputs: FloatArray) -> FloatArray:
    """Mean place of the 3 nearest mapped samples of the same coarse label."""
    labels = discovery.sources[0].labels
    mapped, found = discovery.map_rows, np.zeros((len(inputs), 2), np.float32)
    for label in np.unique(labels).tolist():
        own = np.flatnonzero(labels[mapped] == label)
        own = own if len(own) >= N_NEAR else np.arange(len(mapped))
        rows = np.flatnonzero(labels == label)
        for start in range(0, len(rows), _PIECE):
            part = rows[start : start + _PIECE]
            near = own[_nearest(inputs[part], inputs[mapped[own]])]
            found[part] = discovery.map_xy[near].mean(axis=1)
    return found


def _nearest(points: FloatArray, anchors: FloatArray) -> IntArray:
    """(n, 3) indices of the nearest anchors."""
    gap = (anchors**2).sum(axis=1) - 2 * points @ anchors.T
    most = min(N_NEAR, len(anchors))
    return np.asarray(np.argpartition(gap, most - 1, axis=1)[:, :most], np.int64)
