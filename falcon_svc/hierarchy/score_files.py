"""Score files: an `.npy` array that stays on the disk and is read in pieces.

Place: what `falcon metrics` reads. Columns are the nodes in the tree's order, or the leaves alone,
whose probabilities are then summed up to the root piece by piece.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from falcon_svc.data.formats.npy_format import read_header
from falcon_svc.data.refusal import quoted
from falcon_svc.errors import InputError
from falcon_svc.hierarchy.inference.propagate import bottom_up
from falcon_svc.hierarchy.inputs import RowScores
from falcon_svc.hierarchy.tree import Tree

TYPES = ("float16", "float32", "float64")


@dataclass(frozen=True)
class LeafScores:
    """Scores of all nodes, summed up from those of the leaves as they are read.

    Parameters
    ----------
    leaves
        (n, n_leaves) probabilities in the order of `tree.leaves`.
    tree
        The hierarchy.
    """

    leaves: RowScores
    tree: Tree

    @property
    def shape(self) -> tuple[int, int]:
        """(n, n_nodes)."""
        return self.leaves.shape[0], self.tree.n_nodes

    def __getitem__(self, rows: slice) -> Any:
        return bottom_up(self.leaves[rows], tree=self.tree)


def open_scores(path: Path, *, tree: Tree) -> RowScores:
    """Return the scores of all nodes that a file holds, without reading them yet.

    Parameters
    ----------
    path
        An `.npy` file of float16, float32 or float64 with n_nodes or n_leaves columns.
    tree
        The hierarchy.

    Raises
    ------
    InputError
        Not such a file, or another number of columns.
    """
    where = quoted(path.name)
    try:
        with path.open("rb") as stream:
            header = read_header(stream, size=path.stat().st_size, where=where)
            offset = stream.tell()
    except OSError as error:
        raise InputError(
            f"Expected a file of scores at {quoted(path)}, found that the system says "
            f"'{error.strerror}'; check the path."
        ) from error
    wide = len(header.shape) == 2 and header.shape[1] in (tree.n_nodes, tree.n_leaves)
    if not wide or header.dtype.name not in TYPES or header.nbytes == 0:
        raise InputError(
            f"Expected {' or '.join(TYPES)} in rows of {tree.n_nodes} nodes or {tree.n_leaves} "
            f"leaves, found {header.dtype} of shape {header.shape} in {where}; save a row per "
            f"sample with the columns in the order of the tree."
        )
    order: Literal["F", "C"] = "F" if header.fortran else "C"
    values = np.memmap(path, header.dtype, "r", offset, header.shape, order)
    return values if header.shape[1] == tree.n_nodes else LeafScores(values, tree)
