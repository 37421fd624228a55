"""The arrays of a hierarchy: depths, levels, children, ancestors, lowest common ancestors.

Place: the base of `Tree`, which adds names, paths and files. All of it follows from one array of
parents, computed once and kept; nothing here depends on what the classes are called.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray

from falcon_svc.data.refusal import listed, quoted
from falcon_svc.errors import InputError
from falcon_svc.hierarchy.layout import ROOT, check_depth
from falcon_svc.types import BoolArray, IntArray

FloatArray64 = NDArray[np.float64]

MAX_DENSE_NODES = 30_000  # a table of this many nodes squared holds 0.9 GB


class Children(NamedTuple):
    """Children of all nodes: those of node v are ``nodes[starts[v]:starts[v + 1]]``.

    Parameters
    ----------
    starts : NDArray[int64]
        (n_nodes + 1,) where each node's children begin.
    nodes : NDArray[int64]
        (n_edges,) the children, ascending within a parent.

    Examples
    --------
    >>> from falcon_svc.hierarchy import Tree
    >>> tree = Tree.from_paths([("a", "x"), ("a", "y"), ("b",)])  # nodes: root, a, b, x, y
    >>> tree.children.of(1).tolist()
    [3, 4]
    """

    starts: IntArray
    nodes: IntArray

    def of(self, node: int) -> IntArray:
        """Return the children of one node, ascending.

        Parameters
        ----------
        node
            Number of the node, in [0, n_nodes).

        Returns
        -------
        NDArray[int64]
            (children,) node numbers; empty for a leaf.
        """
        return self.nodes[self.starts[node] : self.starts[node + 1]]


@dataclass(frozen=True, eq=False, repr=False)
class Structure:
    """A rooted hierarchy by numbers; see `falcon_svc.hierarchy.tree.Tree` for the fields."""

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
        check_depth(self.height)

    def _check_order(self) -> None:
        n = len(self.names)
        if self.parents.shape != (n,) or n == 0:
            raise InputError(
                f"Expected one parent per name and at least one node, found {n} names and "
                f"parents of shape {self.parents.shape}; give -1 as the parent of the root."
            )
        roots = np.flatnonzero(self.parents == ROOT)
        if roots.tolist() != [0]:
            raise InputError(
                f"Expected one root, at node 0 with parent -1, found roots at nodes "
                f"{listed(roots.tolist())}; Tree.from_parents adds a root above several."
            )
        for child, parent in self.edges.tolist():
            if not 0 <= parent < child < n:
                raise InputError(
                    f"Expected every parent to be a node before its child, found parent {parent} "
                    f"of node {child} among {n} nodes; Tree.from_parents sorts them."
                )
        if len(np.unique(self.edges, axis=0)) < len(self.edges):
            raise InputError(
                "Expected every pair of child and parent once, found one again among the extra "
                "parents; leave it out."
            )

    def _check_names(self) -> None:
        if not all(isinstance(name, str) and name for name in self.names):
            raise InputError("Expected a name for every class, found an empty one; name it.")
        seen: set[tuple[int, str]] = set()
        for key in zip(self.parents.tolist(), self.names, strict=True):
            if key in seen:
                raise InputError(
                    f"Expected different names under one parent, found {quoted(key[1])} twice "
                    f"under {quoted(self.names[key[0]])}; rename one, or merge the two."
                )
            seen.add(key)

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
            check_depth(int(depths.max()))
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
        order = np.argsort(self.edges[:, 1], kind="stable")
        counts = np.bincount(self.edges[:, 1], minlength=self.n_nodes)
        starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        return Children(starts, self.edges[order, 0])

    @cached_property
    def edges(self) -> IntArray:
        """(n_edges, 2) child and parent, sorted by child."""
        edges = [*enumerate(self.parents.tolist()), *self.extra_parents]
        return np.array(sorted(edges)[1:], np.int64).reshape(-1, 2)

    @cached_property
    def is_leaf(self) -> BoolArray:
        """(n_nodes,) bool: has no child."""
        childless: BoolArray = np.diff(self.children.starts) == 0
        return childless

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
        child, parent = self.edges.T
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

    @cached_property
    def heights(self) -> IntArray:
        """(n_nodes,) edges down to the farthest leaf below each node, by all edges."""
        heights = np.zeros(self.n_nodes, np.int64)
        for child, parent in self.edges[::-1].tolist():
            heights[parent] = max(heights[parent], heights[child] + 1)
        return heights

    @cached_property
    def information(self) -> FloatArray64:
        r"""(n_nodes,) bits :math:`I(v) = \log_2(L / L_v)`, with :math:`L_v` of L leaves below v.

        What a node tells if all leaves are equally likely: 0 for the root, log2 L for a leaf.
        Source: Valmadre, Hierarchical classification at multiple operating points (NeurIPS 2022).
        """
        bits: FloatArray64 = np.log2(self.n_leaves / self.leaf_descendant_counts)
        return bits

    def require_tree(self, purpose: str) -> None:
        """Refuse a class with several parents.

        Parameters
        ----------
        purpose
            What needs a tree; it begins the sentence.

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

    def path(self, node: int) -> IntArray:
        """Return the nodes from the root down to one node, along `parents`.

        Parameters
        ----------
        node
            Number of the node, in ``[0, n_nodes)``.

        Returns
        -------
        ndarray
            (depth + 1,) int64, the root first.
        """
        return self.ancestor_at[node, : self.depths[node] + 1]

    def lca(self, a: ArrayLike, b: ArrayLike) -> IntArray:
        """Return the deepest common ancestors of pairs of nodes, element by element.

        Parameters
        ----------
        a, b
            (...,) node numbers in ``[0, n_nodes)``, of shapes that broadcast.

        Returns
        -------
        ndarray
            (...,) int64 node numbers.

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

    def __repr__(self) -> str:
        kind = "nodes" if self.is_tree else "nodes, several parents"
        return f"Tree({self.n_nodes} {kind}, {self.n_leaves} leaves, height {self.height})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Structure) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)

    @property
    def _key(self) -> tuple[Any, ...]:
        return (self.names, tuple(self.parents.tolist()), self.extra_parents, self.added_root)
