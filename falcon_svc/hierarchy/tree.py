"""The class hierarchy: a rooted tree of named classes, at heart one array of parents.

Place: every loss, head, inference rule and metric of `falcon_svc.hierarchy` takes a `Tree`. The
coarse-fine relation of a discovery is its two-level case. A directed acyclic graph is a tree (the
first stated parents) with `extra_parents`; what needs a single line to the root refuses it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray

from falcon_svc.data.refusal import listed, quoted
from falcon_svc.errors import InputError
from falcon_svc.hierarchy import files, layout
from falcon_svc.types import BoolArray, IntArray

MAX_DEPTH = 100
MAX_DENSE_NODES = 30_000  # a table of this many nodes squared holds 0.9 GB


class Children(NamedTuple):
    """Children of all nodes: those of node v are ``nodes[starts[v]:starts[v + 1]]``.

    Parameters
    ----------
    starts
        (n_nodes + 1,) where each node's children begin.
    nodes
        (n_edges,) the children, ascending within a parent.
    """

    starts: IntArray
    nodes: IntArray

    def of(self, node: int) -> IntArray:
        """Return the children of one node, ascending."""
        return self.nodes[self.starts[node] : self.starts[node + 1]]


@dataclass(frozen=True, eq=False)
class Tree:
    """A rooted hierarchy of classes; node 0 is the root.

    Two nodes are the same class iff their full paths are the same: a name may stand under
    several parents, but not twice under one.

    Parameters
    ----------
    names
        (n_nodes,) the classes' names, none empty.
    parents
        (n_nodes,) int64 with ``parents[i] < i``; -1 for node 0, the only root.
    extra_parents
        (child, parent) edges beside `parents`, where a class has several; parent < child.
    added_root
        True where the root is not a class of the user's: it is then no part of any path, and the
        empty path names it.

    Raises
    ------
    InputError
        Several roots, a parent that comes after its child, a name twice under one parent, an
        empty name, or more than 100 levels.

    Examples
    --------
    >>> tree = Tree.from_paths([("bird", "jay"), ("bird", "wren"), ("fish",)])
    >>> tree.names
    ('root', 'bird', 'fish', 'jay', 'wren')
    >>> tree.parents.tolist(), tree.leaves.tolist()
    ([-1, 0, 0, 1, 1], [2, 3, 4])
    """

    names: tuple[str, ...]
    parents: IntArray
    extra_parents: tuple[tuple[int, int], ...] = ()
    added_root: bool = False

    def __post_init__(self) -> None:
        parents = np.array(self.parents, np.int64)
        parents.flags.writeable = False
        object.__setattr__(self, "parents", parents)
        object.__setattr__(self, "names", tuple(self.names))
        object.__setattr__(self, "extra_parents", tuple(map(tuple, self.extra_parents)))
        self._check_order()
        self._check_names()

    def _check_order(self) -> None:
        n = len(self.names)
        if self.parents.shape != (n,) or n == 0:
            raise InputError(
                f"Expected one parent per name and at least one node, found {n} names and "
                f"parents of shape {self.parents.shape}; give -1 as the parent of the root."
            )
        roots = np.flatnonzero(self.parents == layout.ROOT)
        if roots.tolist() != [0]:
            raise InputError(
                f"Expected one root, at node 0 with parent -1, found roots at nodes "
                f"{listed(roots.tolist())}; Tree.from_parents adds a root above several."
            )
        edges = np.array([*enumerate(self.parents[1:].tolist(), 1), *self.extra_parents]).T
        late = (edges[1] >= edges[0]) | (edges[1] < 0) | (edges[0] >= n) if n > 1 else np.array([])
        if late.any():
            child, parent = edges[:, np.flatnonzero(late)[0]].tolist()
            raise InputError(
                f"Expected every parent to be a node before its child, found parent {parent} of "
                f"node {child} among {n} nodes; Tree.from_parents sorts them."
            )

    def _check_names(self) -> None:
        if not all(isinstance(name, str) and name for name in self.names):
            raise InputError("Expected a name for every class, found an empty one; name it.")
        depth = self.height
        if depth > MAX_DEPTH:
            raise InputError(
                f"Expected a hierarchy of at most {MAX_DEPTH} levels, found {depth}; "
                f"leave out classes with a single child."
            )
        seen: set[tuple[int, str]] = set()
        for key in zip(self.parents.tolist(), self.names, strict=True):
            if key in seen:
                raise InputError(
                    f"Expected different names under one parent, found {quoted(key[1])} twice "
                    f"under {quoted(self.names[key[0]])}; rename one, or merge the two."
                )
            seen.add(key)

    # ---- constructors

    @classmethod
    def from_paths(cls, rows: Iterable[Sequence[str]]) -> Self:
        """Return the tree of all classes on these paths, each from the top-level class down.

        Paths may differ in length, repeat and end at inner classes; an empty end ("", None, NaN)
        is ignored. If all start with one class it is the root, otherwise a root named "root" is
        added. Nodes are sorted by depth, then as they first come.

        Raises
        ------
        InputError
            A name after an empty one, or no name at all.
        """
        return cls(*layout.from_paths(rows))

    @classmethod
    def from_levels(cls, table: ArrayLike) -> Self:
        """Return the tree of an (n, levels) array of names, top level first, "" for missing.

        This is the form that HiClass takes. An (n,) array is one level.
        """
        rows = np.asarray(table, dtype=object)
        if rows.ndim not in (1, 2):
            raise InputError(
                f"Expected an array of names with shape (n, levels), found {rows.shape}; "
                f"give one row per sample or class."
            )
        return cls(*layout.from_paths(rows.reshape(len(rows), -1).tolist()))

    @classmethod
    def from_csv(cls, file: str | Path, *, columns: Sequence[str] | None = None) -> Self:
        """Return the tree of a CSV file with a header and one path per row, top level first.

        Parameters
        ----------
        file
            UTF-8, separated by commas, semicolons or tabs.
        columns
            The columns that hold the levels, top first; None = all columns, in their order.
        """
        return cls(*layout.from_paths(files.read_paths(Path(file), columns)))

    @classmethod
    def from_relation(
        cls, coarse_names: Sequence[str], fine_names: Sequence[str], relation: ArrayLike
    ) -> Self:
        """Return the two-level tree of a coarse-fine relation, such as a discovery's.

        Nodes are the root (where there are several coarse classes), the C coarse classes and the
        F fine classes, in the order given.

        Parameters
        ----------
        coarse_names, fine_names
            C and F names.
        relation
            (F,) the coarse class of each fine class, or (F, C) bool; a row with several True
            gives its fine class extra parents.
        """
        return cls(*layout.from_relation(coarse_names, fine_names, relation))

    @classmethod
    def from_parents(
        cls,
        names: Sequence[str],
        parents: Sequence[int],
        extra_parents: Sequence[tuple[int, int]] = (),
    ) -> Self:
        """Return the tree of an array of parents in any order; nodes are sorted by depth.

        Parameters
        ----------
        names
            (n,) names.
        parents
            (n,) the number of each one's parent; -1 for those at the top. Several at the top
            get a root named "root" above them.
        extra_parents
            (child, parent) edges beside these.

        Raises
        ------
        InputError
            A cycle, or a number that is no node.
        """
        if len(names) != len(parents):
            raise InputError(
                f"Expected one parent per name, found {len(names)} names and {len(parents)} "
                f"parents; give -1 as the parent of a class at the top."
            )
        edges = [(child, int(parent)) for child, parent in enumerate(parents) if parent != -1]
        extra = [(int(child), int(parent)) for child, parent in extra_parents]
        return cls(*layout.from_edges(names, [*edges, *extra], several=bool(extra)))

    @classmethod
    def from_graphml(cls, file: str | Path) -> Self:
        """Return the hierarchy of a GraphML file whose edges run from parent to child.

        Names are the nodes' `name`, else their `label`, else their id. Several top nodes get a
        root; a node with several edges to it has the first as its parent, the others as extra
        parents. Document types (and so entities) are refused.
        """
        names, edges = files.read_graphml(Path(file))
        return cls(*layout.from_edges(names, edges, several=True))

    # ---- structure

    @property
    def n_nodes(self) -> int:
        """Count of classes, root included."""
        return len(self.names)

    @property
    def is_tree(self) -> bool:
        """False where some class has several parents."""
        return not self.extra_parents

    @cached_property
    def depths(self) -> IntArray:
        """(n_nodes,) edges to the root, along `parents`."""
        depths = np.zeros(self.n_nodes, np.int64)
        above = self.parents
        while (above >= 0).any():
            depths += above >= 0
            above = np.where(above >= 0, self.parents[above], -1)
        return depths

    @property
    def height(self) -> int:
        """The largest depth."""
        return int(self.depths.max())

    @cached_property
    def levels(self) -> list[IntArray]:
        """Nodes of depth 0, 1, ..; each ascending."""
        return [np.flatnonzero(self.depths == depth) for depth in range(self.height + 1)]

    @cached_property
    def children(self) -> Children:
        """Children of all nodes, by all edges."""
        order = np.argsort(self._edges[:, 1], kind="stable")
        counts = np.bincount(self._edges[:, 1], minlength=self.n_nodes)
        starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        return Children(starts, self._edges[order, 0])

    @cached_property
    def _edges(self) -> IntArray:
        """(n_edges, 2) child and parent, sorted by child."""
        edges = [*enumerate(self.parents.tolist()), *self.extra_parents]
        return np.array(sorted(edges)[1:], np.int64).reshape(-1, 2)

    @cached_property
    def is_leaf(self) -> BoolArray:
        """(n_nodes,) bool: has no child."""
        return np.diff(self.children.starts) == 0

    @cached_property
    def leaves(self) -> IntArray:
        """(n_leaves,) nodes without children, ascending."""
        return np.flatnonzero(self.is_leaf)

    @property
    def n_leaves(self) -> int:
        """Count of nodes without children."""
        return len(self.leaves)

    @cached_property
    def ancestor_at(self) -> IntArray:
        """(n_nodes, height + 1) each node's ancestor (or itself) at each depth; -1 below it."""
        table = np.full((self.n_nodes, self.height + 1), -1, np.int64)
        node = np.arange(self.n_nodes)
        while (node >= 0).any():
            rows = np.flatnonzero(node >= 0)
            table[rows, self.depths[node[rows]]] = node[rows]
            node = np.where(node >= 0, self.parents[node], -1)
        return table

    @cached_property
    def ancestors_sparse(self) -> sp.csr_array:
        """(n_nodes, n_nodes) bool, sparse: entry (v, a) is True iff a is v or above it."""
        child, parent = self._edges.T
        every = np.arange(self.n_nodes)
        rows, columns = np.concatenate([every, child]), np.concatenate([every, parent])
        closed = sp.csr_array((np.ones(len(rows), bool), (rows, columns)))
        for _ in range(int(self.n_nodes).bit_length()):
            wider = (closed.astype(np.int64) @ closed.astype(np.int64)).astype(bool)
            if wider.nnz == closed.nnz:
                break
            closed = wider
        closed.sort_indices()
        return closed

    @cached_property
    def ancestors(self) -> BoolArray:
        """(n_nodes, n_nodes) bool, row = node, column = it or one above it, by all lines.

        Raises
        ------
        InputError
            More than 30,000 nodes; take `ancestors_sparse`.
        """
        if self.n_nodes > MAX_DENSE_NODES:
            raise InputError(
                f"Expected at most {MAX_DENSE_NODES} nodes for a dense table of ancestors, found "
                f"{self.n_nodes}; use Tree.ancestors_sparse or Tree.ancestor_at."
            )
        return np.asarray(self.ancestors_sparse.toarray(), bool)

    @cached_property
    def leaf_descendant_counts(self) -> IntArray:
        """(n_nodes,) leaves at or below each node; a leaf with several parents counts once."""
        counts: IntArray = self.ancestors_sparse[self.leaves].astype(np.int64).sum(axis=0)
        return counts

    def require_tree(self, purpose: str) -> None:
        """Refuse a class with several parents; `purpose` begins the sentence.

        Raises
        ------
        InputError
            The hierarchy is no tree.
        """
        if not self.is_tree:
            child = self.extra_parents[0][0]
            raise InputError(
                f"{purpose} needs one parent per class, found several above "
                f"{quoted(self.names[child])}; leave out the extra parents."
            )

    # ---- nodes and paths

    @cached_property
    def paths(self) -> tuple[layout.Path, ...]:
        """(n_nodes,) each node's names from the top, itself last; () for an added root."""
        paths: list[layout.Path] = []
        for name, parent in zip(self.names, self.parents.tolist(), strict=True):
            above = paths[parent] if parent >= 0 else ()
            paths.append(above if parent < 0 and self.added_root else (*above, name))
        return tuple(paths)

    @cached_property
    def _number_of(self) -> dict[layout.Path, int]:
        return {path: number for number, path in enumerate(self.paths)}

    def path(self, node: int) -> IntArray:
        """Return the nodes from the root down to `node`, along `parents`."""
        return self.ancestor_at[node, : self.depths[node] + 1]

    def node(self, name: str | Sequence[str]) -> int:
        """Return the number of a class, by its name or, where names repeat, by its path.

        Raises
        ------
        InputError
            No class, or several, go by that name.
        """
        if not isinstance(name, str):
            return int(self.encode([name])[0])
        found = [number for number, one in enumerate(self.names) if one == name]
        if len(found) == 1:
            return found[0]
        where = f"the paths {listed(' > '.join(self.paths[i]) for i in found)}" if found else "none"
        raise InputError(
            f"Expected one class named {quoted(name)}, found {where}; "
            f"give a name of the hierarchy, or the whole path where a name repeats."
        )

    def encode(self, paths: Iterable[Sequence[str]]) -> IntArray:
        """Return the node of each path; rows of an (n, levels) array with "" are paths too.

        Raises
        ------
        InputError
            A path that is not in the hierarchy.
        """
        rows = [layout.as_path(row, where=f"row {i}") for i, row in enumerate(paths)]
        unknown = next((i for i, row in enumerate(rows) if row not in self._number_of), None)
        if unknown is not None:
            raise InputError(
                f"Expected paths of the hierarchy, found {quoted(' > '.join(rows[unknown]))} in "
                f"row {unknown}; give the names from the top-level class down."
            )
        return np.array([self._number_of[row] for row in rows], np.int64)

    def decode(self, nodes: ArrayLike) -> NDArray[np.object_]:
        """Return (n, levels) str, each node's path, with "" behind its end.

        `Tree.from_levels` reads this form, and HiClass does.
        """
        width = max(map(len, self.paths))
        table = np.array([path + ("",) * (width - len(path)) for path in self.paths], object)
        decoded: NDArray[np.object_] = table.reshape(self.n_nodes, width)[np.asarray(nodes)]
        return decoded

    def lca(self, a: ArrayLike, b: ArrayLike) -> IntArray:
        """Return the deepest common ancestors of pairs of nodes, element by element.

        Parameters
        ----------
        a, b
            Node numbers of any shapes that broadcast.

        Raises
        ------
        InputError
            Some class has several parents.
        """
        self.require_tree("A lowest common ancestor")
        first, second = np.broadcast_arrays(np.asarray(a, np.int64), np.asarray(b, np.int64))
        one, other = self.ancestor_at[first], self.ancestor_at[second]
        depth = ((one == other) & (one >= 0)).sum(axis=-1) - 1
        found: IntArray = np.take_along_axis(one, depth[..., None], axis=-1)[..., 0]
        return found

    def to_paths(self) -> list[layout.Path]:
        """Return the path of every leaf; `from_paths` makes the same classes of them."""
        return [self.paths[leaf] for leaf in self.leaves.tolist()]

    def to_graphml(self, file: str | Path) -> None:
        """Write a GraphML file, edges from parent to child; `from_graphml` reads it."""
        root = 1 if self.added_root else 0
        nodes = range(root, self.n_nodes)
        edges = [(c, p) for c, p in [*enumerate(self.parents.tolist()), *self.extra_parents]]
        files.write_graphml(
            Path(file),
            {node: self.names[node] for node in nodes},
            [(child, parent) for child, parent in edges if parent >= root],
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Tree) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)

    @property
    def _key(self) -> tuple[Any, ...]:
        return (self.names, tuple(self.parents.tolist()), self.extra_parents, self.added_root)
