"""The forms in which labels come to a classifier, and in which its predictions go back.

Place: between `HierarchicalClassifier` and node numbers. A table of paths is HiClass's form:
(n, levels) names, top level first, "" behind the end of shorter paths.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from falcon_svc.data.refusal import quoted
from falcon_svc.data.spelling import label_text
from falcon_svc.errors import ConfigError, InputError
from falcon_svc.hierarchy.layout import ROOT_NAME
from falcon_svc.hierarchy.tree import Tree
from falcon_svc.types import IntArray

Form = Literal["classes", "names", "paths", "sets"]
FORMS: tuple[str, ...] = get_args(Form)


@dataclass(frozen=True)
class Labels:
    """Labels as nodes, and what they were.

    Parameters
    ----------
    form
        "classes": any values, a flat tree of them. "names": (n,) names of a given tree's nodes.
        "paths": a table or a list of paths. "sets": (n, n_nodes) bool.
    tree
        The tree, given or made of the labels.
    nodes
        (n,) node of each sample, the root where it has no label; (n, n_nodes) bool for sets,
        closed upwards.
    classes
        What each column of the probabilities stands for: values, names or paths (tuples).
    """

    form: Form
    tree: Tree
    nodes: NDArray[Any]
    classes: NDArray[Any]

    @property
    def n_unlabelled(self) -> int:
        """Samples without any label: they train nothing."""
        below = self.nodes[:, 1:].any(axis=1) if self.form == "sets" else self.nodes > 0
        return int((~below).sum())


def read_labels(y: Any, tree: Tree | None) -> Labels:
    """Return labels in any of the forms as nodes.

    Parameters
    ----------
    y
        (n,) values, or names of the tree's nodes ("" = no label); an (n, levels) array of names;
        n paths of any lengths; (n, n_nodes) bool sets of a given tree's nodes.
    tree
        The tree; None = made of the labels.

    Raises
    ------
    InputError
        A name or path that is not in the tree, or a path with a gap.
    """
    values = _array(y)
    if values.ndim == 1 and not _is_path(values):
        return _classes(values) if tree is None else _names(values, tree)
    if values.dtype.kind == "b":
        return _sets(values, tree)
    rows = values.tolist() if values.ndim == 2 else values
    known, nodes = _encoded([tuple(row) for row in rows], tree)
    return Labels("paths", known, nodes, _paths_of(known))


def _encoded(rows: list[tuple[str, ...]], tree: Tree | None) -> tuple[Tree, IntArray]:
    """Return the tree and each row's node; equal rows, of which there are many, are read once."""
    place = {row: i for i, row in enumerate(dict.fromkeys(rows))}
    try:
        known = Tree.from_paths(place) if tree is None else tree
        nodes = known.encode(place)
    except InputError:  # say it again with the number of the sample's row
        known = Tree.from_paths(rows) if tree is None else tree
        return known, known.encode(rows)
    return known, nodes[[place[row] for row in rows]]


def written(nodes: IntArray, form: Form, tree: Tree, classes: NDArray[Any]) -> NDArray[Any]:
    """Return predicted nodes in the form in which the labels came.

    Parameters
    ----------
    nodes
        (n,) predicted nodes; leaves where the form is "classes".
    form, tree, classes
        As in `Labels`.
    """
    if form == "classes":
        return classes[nodes - 1]
    return classes[nodes] if form == "names" else tree.decode(nodes)


def columns(form: Form, tree: Tree) -> NDArray[np.str_] | NDArray[np.object_]:
    """Return what each node is called in `Labels.classes`, where it follows from the tree."""
    return np.array(tree.names) if form == "names" else _paths_of(tree)


def _array(y: Any) -> NDArray[Any]:
    """Lists of paths become 1-D arrays of paths, whatever their lengths."""
    if isinstance(y, list | tuple) and y and isinstance(y[0], list | tuple | np.ndarray):
        table = np.empty(len(y), object)
        table[:] = [tuple(row) for row in y]
        return table
    values = np.asarray(y)
    if values.ndim in (1, 2):
        return values
    raise InputError(
        f"Expected labels of shape (n,) or (n, levels), found {values.shape}; "
        "give one label or one path per sample."
    )


def _is_path(values: NDArray[Any]) -> bool:
    return bool(len(values)) and isinstance(values[0], list | tuple | np.ndarray)


def _classes(values: NDArray[Any]) -> Labels:
    classes, codes = np.unique(values, return_inverse=True)
    names = (ROOT_NAME, *(str(value) or "''" for value in classes))
    parents = np.array([-1, *[0] * len(classes)], np.int64)
    return Labels("classes", Tree(names, parents, (), True), codes + 1, classes)


def _names(values: NDArray[Any], tree: Tree) -> Labels:
    names = [label_text(value) for value in values.tolist()]
    node = {"": 0, **{name: tree.node(name) for name in set(names) if name}}
    nodes = np.array([node[name] for name in names], np.int64)
    return Labels("names", tree, nodes, columns("names", tree))


def _sets(values: NDArray[Any], tree: Tree | None) -> Labels:
    if tree is None or values.shape[1:] != (tree.n_nodes,):
        wanted = "with a given tree" if tree is None else f"of shape (n, {tree.n_nodes})"
        raise InputError(
            f"Expected sets of labels as a bool array {wanted}, found shape {values.shape}; "
            "give the tree and a column for each of its nodes."
        )
    above = tree.ancestors_sparse.astype(np.int64)
    closed = np.asarray((values.astype(np.int64) @ above) > 0)
    closed[:, 0] = True
    return Labels("sets", tree, closed, _paths_of(tree))


def _paths_of(tree: Tree) -> NDArray[np.object_]:
    paths = np.empty(tree.n_nodes, object)
    paths[:] = tree.paths
    return paths


def read_texts(texts: Any, tree: Tree) -> NDArray[np.float32]:
    """Return (n_nodes, E) text embeddings of a tree's class names.

    Parameters
    ----------
    texts
        (n_nodes, E) array in the tree's order, a mapping from class names to vectors, or the
        path of an ``.npz`` file with arrays `names` and `embeddings`. The root needs none.

    Raises
    ------
    ConfigError
        None are given.
    InputError
        A class has no embedding, shapes differ, or a number is not finite.
    """
    if texts is None:
        raise ConfigError(
            "Expected text embeddings of the class names for the loss hccf, found none; give "
            "texts as an array, a mapping or an .npz file with names and embeddings."
        )
    table = _text_table(texts, tree) if not isinstance(texts, np.ndarray) else texts
    if table.ndim != 2 or len(table) != tree.n_nodes or not np.isfinite(table).all():
        raise InputError(
            f"Expected finite text embeddings of shape ({tree.n_nodes}, dimensions), a row for "
            f"every node of the tree, found shape {table.shape}; embed every class name."
        )
    return np.asarray(table, np.float32)


def _text_table(texts: Any, tree: Tree) -> NDArray[np.float32]:
    vectors = dict(texts) if hasattr(texts, "keys") else text_file(texts)
    missing = [name for name in tree.names[1:] if name not in vectors]
    if missing:
        raise InputError(
            f"Expected a text embedding for every class, found none for {quoted(missing[0])}"
            f"{f' and {len(missing) - 1} more' if missing[1:] else ''}; embed their names."
        )
    width = np.shape(next(iter(vectors.values())))
    rows = [vectors.get(name, np.zeros(width)) for name in tree.names]
    if len({np.shape(row) for row in rows}) > 1:
        raise InputError(
            "Expected text embeddings of one length, found several; take one text encoder for all."
        )
    return np.array(rows, np.float32)


def text_file(path: Any) -> dict[str, NDArray[Any]]:
    """Return name -> embedding of an ``.npz`` file with arrays `names` and `embeddings`.

    Raises
    ------
    InputError
        It cannot be read as that.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            return dict(zip(file["names"].tolist(), file["embeddings"], strict=True))
    except (OSError, KeyError, ValueError) as error:
        raise InputError(
            f"Expected an .npz file with arrays 'names' and 'embeddings' of one length, but "
            f"{quoted(path)} cannot be read as that ({error}); write it with numpy.savez."
        ) from error


def array_like(y: Any) -> Any:
    """Return frames, series and the like as arrays; lists of paths stay as they are."""
    return y if y is None or isinstance(y, list | tuple) else np.asarray(y)


def is_plain(y: Any) -> bool:
    """Return whether labels are values, not paths; a column of numbers is one value each."""
    first = y[0] if len(y) else 0
    return np.ndim(first) == 0 or (isinstance(y, np.ndarray) and _is_number_column(y))


def _is_number_column(y: NDArray[Any]) -> bool:
    return y.ndim == 2 and y.shape[1] == 1 and y.dtype.kind in "biuf"
