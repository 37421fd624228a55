"""What metrics and inference take: labels as nodes or paths, scores of all nodes in row slices.

Scores may be any array with `shape` and row slices (NumPy, a memory map, HDF5, Zarr): they are
read in pieces of about 4 million values and never copied whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Protocol, TypeGuard

import numpy as np
from numpy.typing import ArrayLike, NDArray

from falcon_svc.errors import InputError
from falcon_svc.hierarchy.tree import Tree
from falcon_svc.types import IntArray

CHUNK_VALUES = 2**22
ROUNDING = 1e-5
"""How far outside [0, 1] a sum of probabilities may lie."""
Scores = NDArray[np.floating[Any]]


class RowScores(Protocol):
    """Scores that can be read by slices of rows."""

    @property
    def shape(self) -> tuple[int, ...]:
        """(n, n_nodes)."""
        ...

    def __getitem__(self, rows: slice, /) -> Any:
        """Return these rows as an array."""
        ...


def as_nodes(labels: ArrayLike, tree: Tree, *, name: str = "y_true") -> IntArray:
    """Return (n,) node numbers of labels that are numbers, paths, or an (n, levels) array of names.

    Raises
    ------
    InputError
        A number that is no node, a path that is not in the tree, another shape or type.
    """
    if are_paths(labels):
        return tree.encode(labels if isinstance(labels, list | tuple) else np.asarray(labels))
    values = np.asarray(labels)
    if values.ndim != 1 or (values.dtype.kind not in "iu" and values.size):
        raise InputError(
            f"Expected {name} as (n,) node numbers or an (n, levels) array of names, found shape "
            f"{values.shape} of type {values.dtype}; Tree.encode turns paths into numbers."
        )
    wrong = np.flatnonzero((values < 0) | (values >= tree.n_nodes))
    if wrong.size:
        raise InputError(
            f"Expected node numbers from 0 to {tree.n_nodes - 1} in {name}, found "
            f"{values[wrong[0]]} at row {wrong[0]}; Tree.encode turns paths into numbers."
        )
    return values.astype(np.int64)


def are_paths(labels: Any) -> TypeGuard[Sequence[Sequence[str]]]:
    """Whether labels are rows of names, perhaps of different lengths, and not numbers."""
    if not isinstance(labels, list | tuple):
        table = np.asarray(labels)
        return table.ndim == 2 and table.dtype.kind in "OUST"
    rows = bool(labels) and isinstance(labels[0], list | tuple)
    return rows and all(isinstance(name, str) for name in labels[0])


def labels_and_predictions(
    y_true: ArrayLike, y_pred: ArrayLike, tree: Tree
) -> tuple[IntArray, IntArray]:
    """Return both as node numbers of one length; see `as_nodes`."""
    true, predicted = as_nodes(y_true, tree), as_nodes(y_pred, tree, name="y_pred")
    check_rows(len(true), len(predicted))
    return true, predicted


def check_rows(n_true: int, n_predicted: int) -> None:
    """Refuse another number of predictions than of labels, and none at all."""
    if n_true != n_predicted or n_true == 0:
        raise InputError(
            f"Expected as many predictions as labels and at least one, found {n_predicted} "
            f"predictions for {n_true} labels; give one row per sample."
        )


def row_scores(scores: ArrayLike | RowScores, tree: Tree) -> RowScores:
    """Return scores that can be sliced, with a column for every node.

    Raises
    ------
    InputError
        Another shape than (n, n_nodes).
    """
    rows: Any = scores if hasattr(scores, "shape") else np.asarray(scores)
    if len(rows.shape) != 2 or rows.shape[1] != tree.n_nodes:
        raise InputError(
            f"Expected scores of shape (n, {tree.n_nodes}), a column for every node of the tree, "
            f"found {tuple(rows.shape)}; bottom_up makes them of the {tree.n_leaves} leaves' "
            f"probabilities."
        )
    return rows  # type: ignore[no-any-return]


def chunks(scores: RowScores) -> Iterator[tuple[slice, Scores]]:
    """Yield slices of rows and their scores, finite or infinite but never NaN.

    Raises
    ------
    InputError
        A NaN.
    """
    n, width = scores.shape
    step = max(1, CHUNK_VALUES // max(width, 1))
    for start in range(0, n, step):
        rows = slice(start, min(start + step, n))
        yield rows, _without_nan(as_floats(scores[rows]), start)


def as_floats(values: ArrayLike) -> Scores:
    """Return float32 and float64 as they are, half precision as float32, all else as float64."""
    array = np.asarray(values)
    if array.dtype.kind != "f":
        return array.astype(np.float64)
    return array.astype(np.float32) if array.dtype.itemsize < 4 else array


def columns(block: Scores, nodes: IntArray) -> Scores:
    """Return these columns of a block of rows; a run of neighbours is not copied.

    `numpy.take` is five times as fast as an index here, and leaves rows in one piece.
    """
    if len(nodes) and (np.diff(nodes) == 1).all():
        return block[:, nodes[0] : nodes[-1] + 1]
    return np.take(block, nodes, axis=1)


def _without_nan(block: Scores, start: int) -> Scores:
    worst = block.max(axis=1, initial=-np.inf)  # the maximum of anything with a NaN is NaN
    wrong = np.flatnonzero(np.isnan(worst))
    if wrong.size:
        column = int(np.flatnonzero(np.isnan(block[wrong[0]]))[0])
        raise InputError(
            f"Expected scores that are numbers, found NaN at row {start + wrong[0]} for node "
            f"{column}; train the classifier again, or leave the row out."
        )
    return block


def check_probabilities(block: Scores, start: int = 0) -> None:
    """Refuse scores that are no probabilities, such as logits.

    Raises
    ------
    InputError
        A NaN, or a score outside [0, 1] by more than rounding.
    """
    low, high = block.min(axis=1, initial=0.0), block.max(axis=1, initial=0.0)
    wrong = np.flatnonzero(~((low >= -ROUNDING) & (high <= 1 + ROUNDING)))  # NaN is never inside
    if wrong.size:
        row = block[wrong[0]]
        column = int(np.flatnonzero(~((row >= -ROUNDING) & (row <= 1 + ROUNDING)))[0])
        raise InputError(
            f"Expected probabilities from 0 to 1, found {row[column]:g} at row "
            f"{start + wrong[0]} in column {column}; make probabilities of logits first, and leave "
            "rows without any out."
        )


def probability_chunks(scores: RowScores) -> Iterator[tuple[slice, Scores]]:
    """Yield slices of rows and their scores, which are probabilities; see `chunks`.

    Raises
    ------
    InputError
        As `check_probabilities`.
    """
    for rows, block in chunks(scores):
        check_probabilities(block, rows.start)
        yield rows, block
