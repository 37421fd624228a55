"""From what users hold (paths, edges, a relation) to the arrays of a `Tree`: pure functions.

Every function returns a `Layout`, nodes sorted by depth and, within a depth, as they first come.
A node is its full path from the top: a name may stand under several parents. Where paths have
several top-level classes, or one of them is empty (a label at the root), a root is added.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from falcon_svc.data.refusal import listed, quoted
from falcon_svc.data.spelling import label_text
from falcon_svc.errors import InputError
from falcon_svc.types import IntArray

ROOT_NAME = "root"
ROOT = -1
MAX_DEPTH = 100
Path = tuple[str, ...]


class Layout(NamedTuple):
    """The fields of a `Tree`; see there."""

    names: tuple[str, ...]
    parents: IntArray
    extra_parents: tuple[tuple[int, int], ...] = ()
    added_root: bool = False


def from_paths(rows: Iterable[Sequence[str]]) -> Layout:
    """Return the tree that holds every path and all its beginnings."""
    paths = [as_path(row, where=f"row {number}") for number, row in enumerate(rows)]
    known = list(dict.fromkeys(path[:k] for path in paths for k in range(1, len(path) + 1)))
    if not known:
        raise InputError(
            "Expected at least one path with a name in it, found none; "
            "give one path per class or per sample, from the top-level class down."
        )
    added = () in paths or len({path[0] for path in paths}) > 1
    nodes = sorted([(), *known] if added else known, key=len)
    number = {path: i for i, path in enumerate(nodes)}
    parents = [number.get(path[:-1], ROOT) if path else ROOT for path in nodes]
    names = tuple(path[-1] if path else ROOT_NAME for path in nodes)
    return Layout(names, np.array(parents, np.int64), added_root=added)


def as_path(row: Sequence[str] | str, *, where: str) -> Path:
    """Return a row's names as `label_text` reads them, without its empty end ("", None, NaN, -1).

    A gap before a name is refused.
    """
    path = tuple(map(label_text, [row] if isinstance(row, str) else row))
    while path and not path[-1]:
        path = path[:-1]
    check_depth(len(path) - 1)
    if all(path):
        return path
    raise InputError(
        f"Expected names without a gap in a path, found an empty name at level "
        f"{path.index('') + 1} before {quoted(path[-1])} in {where}; "
        f"only the end of a path may be empty."
    )


def check_depth(depth: int) -> None:
    """Refuse more than 100 levels below the root: work grows with the square of a line."""
    if depth > MAX_DEPTH:
        raise InputError(
            f"Expected a hierarchy of at most {MAX_DEPTH} levels below its root, found more; "
            f"leave out classes with a single child."
        )


def from_edges(
    names: Sequence[str], edges: Sequence[tuple[int, int]], *, several: bool = False
) -> Layout:
    """Return the tree or, with `several`, the directed acyclic graph of (child, parent) edges.

    The first stated parent of a child is its line in the tree, all others are extra parents.
    """
    names = [label_text(name) for name in names]
    if not names:
        raise InputError("Expected a hierarchy of at least one node, found none; name its classes.")
    _check_ends(len(names), edges)
    first: dict[int, int] = {}
    extra = [edge for edge in dict.fromkeys(edges) if first.setdefault(*edge) != edge[1]]
    if extra and not several:
        child = extra[0][0]
        raise InputError(
            f"Expected one parent per node, found "
            f"{listed(names[p] for c, p in dict.fromkeys(edges) if c == child)} above "
            f"{quoted(names[child])}; state several parents as extra parents."
        )
    tops = [i for i in range(len(names)) if i not in first]
    order = _topological(names, first, extra)
    return _numbered(list(names), first, extra, order, tops)


def _check_ends(n_nodes: int, edges: Iterable[tuple[int, int]]) -> None:
    for edge in edges:
        for end in edge:
            if not 0 <= end < n_nodes:
                raise InputError(
                    f"Expected node numbers from 0 to {n_nodes - 1}, found {end} in the edge "
                    f"{edge}; give every node a name."
                )


def _topological(
    names: Sequence[str], first: Mapping[int, int], extra: Sequence[tuple[int, int]]
) -> list[int]:
    """Return all nodes by their longest line to the top, so that parents come first."""
    above: dict[int, list[int]] = {i: [] for i in range(len(names))}
    below: dict[int, list[int]] = {i: [] for i in range(len(names))}
    for child, parent in [*first.items(), *extra]:
        above[child].append(parent)
        below[parent].append(child)
    waiting = {i: len(parents) for i, parents in above.items()}
    layer, order = [i for i, count in waiting.items() if not count], []
    while layer:
        order += layer
        for child in (child for node in layer for child in below[node]):
            waiting[child] -= 1
        layer = sorted({c for node in layer for c in below[node] if not waiting[c]})
    if len(order) < len(names):
        stuck = sorted(set(range(len(names))) - set(order))
        raise InputError(
            f"Expected a hierarchy without cycles, found one among or above "
            f"{listed(names[i] for i in stuck)}; remove one edge of the cycle."
        )
    return order


def _numbered(
    names: list[str],
    first: Mapping[int, int],
    extra: Sequence[tuple[int, int]],
    order: list[int],
    tops: list[int],
) -> Layout:
    """Number the nodes in `order`; several nodes at the top get a root above them."""
    added = len(tops) != 1
    number = {node: i + added for i, node in enumerate(order)}
    top = 0 if added else ROOT
    parents = [number[first[node]] if node in first else top for node in order]
    start_names, start = ([ROOT_NAME], [ROOT]) if added else ([], [])
    return Layout(
        (*start_names, *(names[node] for node in order)),
        np.array(start + parents, np.int64),
        tuple((number[child], number[parent]) for child, parent in extra),
        added,
    )


def from_relation(
    coarse_names: Sequence[str], fine_names: Sequence[str], relation: ArrayLike
) -> Layout:
    """Return the two-level tree of a coarse-fine relation; see `Tree.from_relation`."""
    n_coarse, n_fine = len(coarse_names), len(fine_names)
    table = np.asarray(relation)
    if table.ndim == 1:
        pairs = list(enumerate(table.astype(np.int64).tolist()))
    else:
        pairs = [(int(f), int(c)) for f, c in np.argwhere(table)]
    _check_relation(table, pairs, n_coarse, n_fine)
    edges = [(n_coarse + fine, coarse) for fine, coarse in pairs]
    return from_edges([*coarse_names, *fine_names], edges, several=True)


def _check_relation(
    table: np.ndarray, pairs: Sequence[tuple[int, int]], n_coarse: int, n_fine: int
) -> None:
    if table.shape not in ((n_fine,), (n_fine, n_coarse)):
        raise InputError(
            f"Expected a relation of shape ({n_fine},) or ({n_fine}, {n_coarse}) for {n_fine} "
            f"fine and {n_coarse} coarse names, found {table.shape}; give one row per fine class."
        )
    orphans = set(range(n_fine)) - {fine for fine, _ in pairs}
    unknown = sorted({c for _, c in pairs if not 0 <= c < n_coarse})
    if orphans or unknown:
        found = f"coarse class {unknown[0]}" if unknown else f"none for fine class {min(orphans)}"
        raise InputError(
            f"Expected for every fine class a coarse class from 0 to {n_coarse - 1}, "
            f"found {found}; give every fine class its parent."
        )
