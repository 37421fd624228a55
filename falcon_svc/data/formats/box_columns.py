"""Boxes around objects, as tables of annotations hold them: four columns, or one with four numbers.

Conventions: corners (Pascal VOC: xmin, ymin, xmax, ymax), corner and size (COCO: x, y, width,
height), centre and size as shares of the image (YOLO). All become (left, top, right, bottom).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from falcon_svc.data.column_names import folded
from falcon_svc.data.source import Column

Convention = Literal["corners", "size", "centre"]
Boxes = NDArray[np.float64]

BOX_NAMES = ("bbox", "box", "bounding_box", "boundingbox", "bboxes")
QUAD = ("x1", "y1", "x2", "y2", "x3", "y3", "x4", "y4")
"""Four corners of a turned box: the upright box around them is what is cut out."""

FOUR: tuple[tuple[Convention, tuple[str, str, str, str]], ...] = (
    ("corners", ("xmin", "ymin", "xmax", "ymax")),
    ("corners", ("x_min", "y_min", "x_max", "y_max")),
    ("corners", ("bbox_xmin", "bbox_ymin", "bbox_xmax", "bbox_ymax")),
    ("corners", ("x1", "y1", "x2", "y2")),
    ("corners", ("left", "top", "right", "bottom")),
    ("size", ("bbox_x", "bbox_y", "bbox_width", "bbox_height")),
    ("size", ("bbox_x", "bbox_y", "bbox_w", "bbox_h")),
    ("size", ("left", "top", "width", "height")),
    ("size", ("x", "y", "width", "height")),
    ("size", ("x", "y", "w", "h")),
    ("centre", ("x_center", "y_center", "width", "height")),
    ("centre", ("xcenter", "ycenter", "width", "height")),
    ("centre", ("x_centre", "y_centre", "width", "height")),
    ("centre", ("cx", "cy", "w", "h")),
    ("centre", ("cx", "cy", "width", "height")),
)
MEANING: dict[Convention, str] = {
    "corners": "left, top, right, bottom",
    "size": "left, top, width, height",
    "centre": "centre, width, height",
}
BOOKKEEPING = {name for _, names in FOUR for name in names} | {"width", "height", "area", "depth"}


@dataclass(frozen=True)
class BoxColumns:
    """Where a table holds its boxes, and how they are written."""

    names: tuple[str, ...]
    convention: Convention

    @classmethod
    def find(cls, there: tuple[str, ...]) -> BoxColumns | None:
        """Return the first convention whose columns are all there; None without boxes."""
        by_fold = {folded(name): name for name in reversed(there)}
        if all(name in by_fold for name in QUAD):
            return cls(tuple(by_fold[name] for name in QUAD), "corners")
        for convention, names in FOUR:
            if all(name in by_fold for name in names):
                return cls(tuple(by_fold[name] for name in names), convention)
        one = next((by_fold[name] for name in BOX_NAMES if name in by_fold), None)
        return None if one is None else cls((one,), "size")

    def read(self, column: Callable[[str], Column]) -> Boxes:
        """Return (rows, 4) left, top, width and so on as written; NaN where there is none."""
        if len(self.names) == 1:
            return np.array([_four(value) for value in column(self.names[0]).tolist()])
        numbers = np.stack([_numbers(column(name)) for name in self.names], axis=1)
        if len(self.names) < len(QUAD):
            return numbers
        x, y = numbers[:, ::2], numbers[:, 1::2]
        return np.stack([x.min(axis=1), y.min(axis=1), x.max(axis=1), y.max(axis=1)], axis=1)

    @property
    def words(self) -> str:
        """What the numbers are, in words."""
        if len(self.names) == len(QUAD):
            return "four corners"
        return MEANING[self.convention]


def to_corners(boxes: Boxes, convention: Convention) -> Boxes:
    """Return (rows, 4) left, top, right, bottom, in the unit of `boxes`."""
    a, b, c, d = boxes.T
    if convention == "corners":
        return boxes
    if convention == "size":
        return np.stack([a, b, a + c, b + d], axis=1)
    return np.stack([a - c / 2, b - d / 2, a + c / 2, b + d / 2], axis=1)


def _numbers(values: Column) -> Boxes:
    if values.dtype.kind in "iuf":
        return values.astype(np.float64)
    return np.array([_number(value) for value in values.tolist()])


def _number(value: object) -> float:
    try:
        return float(str(value))
    except ValueError:
        return float("nan")


def _four(value: object) -> list[float]:
    """Return the four numbers of ``[x, y, w, h]``, or four NaN."""
    parts = str(value or "").strip("[]() ").replace("|", " ").replace(",", " ").split()
    return [_number(part) for part in parts] if len(parts) == 4 else [float("nan")] * 4
