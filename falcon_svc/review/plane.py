"""Points in the plane: as bytes for the page, and which of them lie inside a polygon."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from falcon_svc.triage.corrections import CorrectionError
from falcon_svc.types import BoolArray, FloatArray, IntArray

MOST_CORNERS = 2_000
_PIECE = 1 << 16

Corners = NDArray[np.float64]


def map_bytes(xy: FloatArray, fine: IntArray) -> bytes:
    """Return x (N) and y (N) as little-endian float32, then the classes' numbers (N) as int32."""
    return b"".join(
        [
            np.ascontiguousarray(xy[:, 0], "<f4").tobytes(),
            np.ascontiguousarray(xy[:, 1], "<f4").tobytes(),
            np.asarray(fine, "<i4").tobytes(),
        ]
    )


def checked_polygon(corners: list[list[float]]) -> Corners:
    """Return (P, 2) corners.

    Raises
    ------
    CorrectionError
        They are no polygon: fewer than 3 or more than 2,000 corners, or not finite pairs.
    """
    fits = 3 <= len(corners) <= MOST_CORNERS and all(len(corner) == 2 for corner in corners)
    polygon = np.asarray(corners, np.float64) if fits else np.full((1, 2), np.nan)
    if not np.isfinite(polygon).all():
        raise CorrectionError(
            f"A lasso needs 3 to {MOST_CORNERS:,} corners, each a pair of finite numbers, but "
            f"{len(corners):,} came that are none; draw it again."
        )
    return polygon


def inside(xy: FloatArray, polygon: Corners) -> BoolArray:
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


def _odd_crossings(points: Corners, polygon: Corners) -> BoolArray:
    """Sort by y once, so that every edge looks only at the points of its own height."""
    order = np.argsort(points[:, 1], kind="stable")
    x, y = points[order, 0], points[order, 1]
    odd = np.zeros(len(points), np.bool_)
    for (ax, ay), (bx, by) in zip(polygon, np.roll(polygon, -1, axis=0), strict=True):
        start, stop = np.searchsorted(y, sorted((ay, by)))
        if start < stop:
            crossing = ax + (y[start:stop] - ay) * ((bx - ax) / (by - ay))
            odd[start:stop] ^= x[start:stop] < crossing
    result = np.zeros(len(points), np.bool_)
    result[order] = odd
    return result
