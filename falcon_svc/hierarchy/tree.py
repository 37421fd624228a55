"""The class hierarchy: a rooted tree of named classes, at heart one array of parents.

Place: every loss, head, inference rule and metric of `falcon_svc.hierarchy` takes a `Tree`. The
coarse-fine relation of a discovery is its two-level case. A directed acyclic graph is a tree (the
first stated parents) with `extra_parents`; what needs a single line to the root refuses it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from falcon_svc.data.refusal import listed, quoted
from falcon_svc.data.spelling import one_form
from falcon_svc.errors import InputError
from falcon_svc.hierarchy import files, layout
from falcon_svc.hierarchy.structure import Structure
from falcon_svc.types import IntArray


class Tree(Structure):
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

    @classmethod
    def from_paths(cls, rows: Iterable[Sequence[str]]) -> Self:
        """Return the tree of all classes on these paths, each from the top-level class down.

        Paths may differ in length, repeat and end at inner classes; an empty end ("", None, NaN)
        is ignored. If all start with one class it is the root, otherwise a root named "root" is
        added. Nodes are sorted by depth, then as they first come.

        Parameters
        ----------
        rows
            Names from the top-level class down, one sequence per path.

        Returns
        -------
        Tree
            With every class on the paths.

        Raises
        ------
        InputError
            A name after an empty one, or no name at all.
        """
        return cls(*layout.from_paths(rows))

    @classmethod
    def from_levels(cls, table: ArrayLike) -> Self:
        """Return the tree of an (n, levels) array of names, top level first, "" for missing.

        This is the form that HiClass takes.

        Parameters
        ----------
        table
            (n, levels) names, top level first, "" for missing; or (n,) names of one level.

        Returns
        -------
        Tree
            With every class in the table.

        Raises
        ------
        InputError
            An array of another shape, a name after an empty one, or no name at all.
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

        Names are the nodes' `name`, else their `label`, else their id; empty ones are none. Several
        top nodes get a root; a node with several edges to it has the first as its parent, the
        others as extra parents. Document types (and so entities) are refused.

        Parameters
        ----------
        file
            Path of the file.

        Returns
        -------
        Tree
            With every node of the file.

        Raises
        ------
        InputError
            No GraphML, a document type in it, a cycle, or more than 100 levels.
        """
        names, edges = files.read_graphml(Path(file))
        return cls(*layout.from_edges(names, edges, several=True))

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
        return {tuple(map(one_form, path)): number for number, path in enumerate(self.paths)}

    def node(self, name: str | Sequence[str]) -> int:
        """Return the number of a class, by its name or, where names repeat, by its path.

        Parameters
        ----------
        name
            A name that occurs once, or the names from the root down.

        Returns
        -------
        int
            In [0, n_nodes).

        Raises
        ------
        InputError
            No class, or several, go by that name.
        """
        if not isinstance(name, str):
            return int(self.encode([name])[0])
        found = [number for number, one in enumerate(self.names) if one_form(one) == one_form(name)]
        if len(found) == 1:
            return found[0]
        where = f"the paths {listed(' > '.join(self.paths[i]) for i in found)}" if found else "none"
        raise InputError(
            f"Expected one class named {quoted(name)}, found {where}; "
            f"give a name of the hierarchy, or the whole path where a name repeats."
        )

    def encode(self, paths: Iterable[Sequence[str]]) -> IntArray:
        """Return the node of each path; rows of an (n, levels) array with "" are paths too.

        Parameters
        ----------
        paths
            Names from the top-level class down, one sequence per sample.

        Returns
        -------
        NDArray[int64]
            (n,) node numbers.

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
        """Return each node's path, with "" behind its end.

        `Tree.from_levels` reads this form, and HiClass does.

        Parameters
        ----------
        nodes
            (n,) node numbers.

        Returns
        -------
        NDArray[object]
            (n, levels) str.
        """
        width = max(map(len, self.paths))
        table = np.array([path + ("",) * (width - len(path)) for path in self.paths], object)
        decoded: NDArray[np.object_] = table.reshape(self.n_nodes, width)[np.asarray(nodes)]
        return decoded

    def to_paths(self) -> list[layout.Path]:
        """Return the path of every leaf; `from_paths` makes the same classes of them.

        Returns
        -------
        list of tuple of str
            One path per leaf, from the top-level class down.
        """
        return [self.paths[leaf] for leaf in self.leaves.tolist()]

    def to_graphml(self, file: str | Path) -> None:
        """Write a GraphML file, edges from parent to child; `from_graphml` reads it.

        Parameters
        ----------
        file
            The file to write.
        """
        root = 1 if self.added_root else 0
        nodes = range(root, self.n_nodes)
        edges = [(c, p) for c, p in [*enumerate(self.parents.tolist()), *self.extra_parents]]
        files.write_graphml(
            Path(file),
            {node: self.names[node] for node in nodes},
            [(child, parent) for child, parent in edges if parent >= root],
        )
