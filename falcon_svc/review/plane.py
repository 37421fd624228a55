"""The map of all samples, and which of them lie inside a polygon.

The result holds a linear map of some thousand samples. It is a projection of the head inputs, so
that the same projection, got back by least squares, places all others. Inside one coarse class
the map of that class alone shows more: its own two principal axes.
"""

from __future__ import annotations

import numpy as np

from falcon_svc.triage.corrections import CorrectionError
from falcon_svc.types import BoolArray, FloatArray, IntArray

MOST_CORNERS = 2_000
MOST_FITTED = 4_000
_PIECE = 1 << 16


def whole_map(inputs: FloatArray, map_rows: IntArray, map_xy: FloatArray) -> FloatArray:
    """Return (N, 2) coordinates of all samples in the map of the result.

    Parameters
    ----------
    inputs : float32 (N, D)
    map_rows : int64 (S,)
    map_xy : float32 (S, 2)
        Where the result has them.
    """
    if not len(map_rows):
        return own_axes(inputs)
    fitted = np.c_[inputs[map_rows], np.ones(len(map_rows), np.float32)]
    weight = np.linalg.lstsq(fitted, map_xy, rcond=None)[0]
    found = np.asarray(inputs @ weight[:-1] + weight[-1], np.float32)
    found[map_rows] = map_xy
    return found


def own_axes(points: FloatArray) -> FloatArray:
    """Return (n, 2) coordinates on the two principal axes of some points."""
    fitted = points[:: max(1, len(points) // MOST_FITTED)]
    mean = fitted.mean(axis=0) if len(fitted) else 0.0
    axes = np.linalg.svd(fitted - mean, full_matrices=False)[2][:2]
    flat = np.asarray((points - mean) @ axes.T, np.float32)
    return np.pad(flat, ((0, 0), (0, 2 - flat.shape[1])))


def map_bytes(xy: FloatArray, fine: IntArray) -> bytes:
    """Return x (N) and y (N) as little-endian float32, then the classes' numbers (N) as int32."""
    return b"".join(
        [
            np.ascontiguousarray(xy[:, 0], "<f4").tobytes(),
            np.ascontiguousarray(xy[:, 1], "<f4").tobytes(),
            np.asarray(fine, "<i4").tobytes(),
        ]
    )


def checked_polygon(corners: list[list[float]]) -> FloatArray:
    """Return (P, 2) float64 corners.

    Raises
    ------
    CorrectionError
        They are no polygon: fewer than 3 or more than 2,000 corners, or not finite pairs.
    """
    wrong = not 3 <= len(corners) <= MOST_CORNERS or any(len(corner) != 2 for corner in corners)
    polygon = None if wrong else np.asarray(corners, np.float64)
    if polygon is None or not np.isfinite(polygon).all():
        raise CorrectionError(
            f"A lasso needs 3 to {MOST_CORNERS:,} corners, each a pair of finite numbers, but "
            f"{len(corners):,} came that are none; draw it again."
        )
    return polygon


def inside(xy: FloatArray, polygon: FloatArray) -> BoolArray:
    """Return (N,) whether each point lies in a polygon, by the even-odd rule.

    A ray to the right crosses the edges; points outside of the bounding box are settled first.

    Parameters
    ----------
    xy : float32 (N, 2)
        NaN lies outside.
    polygon : float64 (P, 2)
        Closed by itself.
    """
    low, high = polygon.min(axis=0), polygon.max(axis=0)
    x, y = xy[:, 0], xy[:, 1]
    near = np.flatnonzero((x >= low[0]) & (x <= high[0]) & (y >= low[1]) & (y <= high[1]))
    found = np.zeros(len(xy), np.bool_)
    for start in range(0, len(near), _PIECE):
        rows = near[start : start + _PIECE]
        found[rows] = _odd_crossings(xy[rows].astype(np.float64), polygon)
    return found


def _odd_crossings(points: FloatArray, polygon: FloatArray) -> BoolArray:
    """Sort by y once, so that every edge looks only at the points of its own height."""
    order = np.argsort(points[:, 1], kind="stable")
    x, y = points[order, 0], points[order, 1]
    odd = np.zeros(len(points), np.bool_)
    for (ax, ay), (bx, by) in zip(polygon, np.roll(polygon, -1, axis=0), strict=True):
        start, stop = np.searchsorted(y, sorted((ay, by)), side="right")
        if start < stop:
            crossing = ax + (y[start:stop] - ay) * ((bx - ax) / (by - ay))
            odd[start:stop] ^= x[start:stop] < crossing
    result = np.zeros(len(points), np.bool_)
    result[order] = odd
    return result
