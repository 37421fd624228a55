"""Which matrix of an AnnData file the samples are: an embedding of obsm, else counts.

Counts are looked for in ``layers["counts"]``, ``X``, the layers of the usual names, ``raw``, and
the only layer, in this order; an ``X`` with negative values (scaled by scanpy's recipe) is passed
over where there is another. What was chosen among several becomes a note.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from falcon_svc.data.config import DataConfig
from falcon_svc.data.formats.anndata_access import Access
from falcon_svc.data.formats.anndata_columns import frame_column, frame_numbers, index_name
from falcon_svc.data.formats.sparse import read_matrix
from falcon_svc.data.labels import as_strings
from falcon_svc.data.refusal import listed, quoted, refusal
from falcon_svc.types import Note

OBSM_KEYS = ("X_pca", "X_scVI", "X_scvi")
PLOTS = (
    "X_umap",
    "X_tsne",
    "X_draw_graph_fa",
    "X_draw_graph_fr",
    "X_diffmap",
    "spatial",
    "X_phate",
)
COUNTS = "X"
COUNT_LAYERS = ("raw_counts", "raw", "umis", "umi", "count")


@dataclass(frozen=True)
class Matrix:
    """Vectors, or counts that the recipe turns into vectors.

    Parameters
    ----------
    values
        (N, D) numbers, or (N, genes) CSR.
    key
        The embedding's key of obsm, or ``"X"`` for counts.
    names
        (D,) names of the columns, where they have any.
    """

    values: Any
    key: str
    names: tuple[str, ...] | None = None
    notes: tuple[Note, ...] = ()

    @property
    def are_counts(self) -> bool:
        """Whether the recipe is still to come."""
        return self.key == COUNTS


def read_samples(guard: Access, where: str, config: DataConfig) -> Matrix:
    """Read `obsm_key`, else the first of X_pca, X_scVI, else counts.

    Raises
    ------
    InputError
        No such embedding, or no matrix at all.
    """
    there = guard.names(guard.group(guard.root, "obsm")) if "obsm" in guard.root else ()
    usual = () if config.count_features == "genes" else OBSM_KEYS
    key = config.obsm_key or next((name for name in usual if name in there), COUNTS)
    if key == COUNTS:
        found = _counts(guard, where)
        told = () if config.obsm_key or config.count_features == "genes" else _unused(there)
        return replace(found, notes=(*found.notes, *told))
    if key not in there:
        raise refusal(
            f"the embedding {quoted(key)}",
            f"{listed(there)} in obsm",
            where=where,
            remedy="name one of them, or X for the recipe on counts, with obsm_key",
            code="no_such_column",
        )
    notes = () if config.obsm_key else _others(key, there)
    return _embedding(guard, key, where, config, notes)


def _embedding(
    guard: Access, key: str, where: str, config: DataConfig, notes: tuple[Note, ...]
) -> Matrix:
    """Read one member of obsm: an array, a data frame, or a sparse matrix."""
    obsm = guard.group(guard.root, "obsm")
    found = guard.child(obsm, key)
    if hasattr(found, "shape"):
        return Matrix(guard.read(found), key, None, notes)
    if "indptr" not in found:
        values, names = frame_numbers(guard, found)
        return Matrix(values, key, names, notes)
    matrix = read_matrix(guard, obsm, key, where=where)
    size = 4 * matrix.shape[0] * matrix.shape[1]
    if matrix.shape[1] > config.max_dimensions or size > config.max_bytes:
        raise refusal(
            f"at most {config.max_dimensions:,} columns and {config.max_bytes:,} bytes",
            f"{matrix.shape[1]:,} columns and {size:,} bytes",
            where=f"obsm[{quoted(key)}] of {where}",
            remedy="reduce the vectors, or raise max_dimensions or max_bytes",
            code="too_large",
        )
    return Matrix(matrix.toarray(), key, None, notes)


def _unused(there: tuple[str, ...]) -> tuple[Note, ...]:
    """Return the note on embeddings that are passed over for the counts."""
    others = [name for name in there if name not in PLOTS]
    if not others:
        return ()
    text = f"Vectors are made of the counts, though obsm holds {listed(others)}; "
    return (Note("other_embeddings", text + "choose one with obsm_key if it is an embedding."),)


def _others(key: str, there: tuple[str, ...]) -> tuple[Note, ...]:
    others = [name for name in there if name not in (key, *PLOTS)]
    if not others:
        return ()
    text = f"Vectors are obsm[{quoted(key)}]; obsm also holds {listed(others)}; "
    return (Note("other_embeddings", text + "choose with obsm_key."),)


def _counts(guard: Access, where: str) -> Matrix:
    root = guard.root
    layers = guard.group(root, "layers") if "layers" in root else None
    names = guard.names(layers) if layers is not None else ()
    if "counts" in names:
        return _genes_of(guard, root, read_matrix(guard, layers, "counts", where=where))
    found = read_matrix(guard, root, "X", where=where) if _has_x(guard) else None
    if found is not None and not _is_negative(found):
        return _genes_of(guard, root, found)
    for parent, name, told in _elsewhere(guard, layers, names):
        why = "there is no X" if found is None else "X holds negative numbers"
        note = Note("counts_elsewhere", f"Counts are read from {told}, since {why}.")
        counts = read_matrix(guard, parent, name, where=where)
        return _genes_of(guard, parent if "var" in parent else root, counts, (note,))
    if found is not None:
        return _genes_of(guard, root, found)  # the recipe says what is wrong with it
    raise refusal(
        "counts in X, in a layer or in raw, or an embedding in obsm",
        f"the layers {listed(names)} and no X",
        where=where,
        remedy="name the layer of the counts counts, or choose an embedding with obsm_key",
        code="no_such_column",
    )


def _genes_of(guard: Access, parent: Any, counts: Any, notes: tuple[Note, ...] = ()) -> Matrix:
    """Return counts with the names of their genes; their numbers where var does not fit them."""
    var = guard.group(parent, "var") if "var" in parent else None
    index = None if var is None else index_name(var)
    if var is None or index not in guard.names(var):
        names = [str(k) for k in range(counts.shape[1])]
    else:
        found = frame_column(guard, var, index)
        names = as_strings(found, what="the index of var", where="var")
    if len(names) != counts.shape[1]:
        raise ValueError(f"{len(names)} names for {counts.shape[1]} genes")
    return Matrix(counts, COUNTS, tuple(names), notes)


def _has_x(guard: Access) -> bool:
    """Return whether there is an X; newer files write None as an empty array."""
    if "X" not in guard.root:
        return False
    return getattr(guard.child(guard.root, "X"), "shape", ()) is not None


def _elsewhere(guard: Access, layers: Any, names: tuple[str, ...]) -> list[tuple[Any, str, str]]:
    """Return (group, name, how it is called) of the places of counts besides X, best first."""
    usual = [name for name in COUNT_LAYERS if name in names]
    places = [(layers, name, f"layers[{quoted(name)}]") for name in usual]
    if "raw" in guard.root and hasattr(guard.child(guard.root, "raw"), "keys"):
        raw = guard.group(guard.root, "raw")
        places += [(raw, "X", "raw")] if "X" in raw else []
    if len(names) == 1 and not usual:
        places.append((layers, names[0], f"layers[{quoted(names[0])}]"))
    return places


def _is_negative(matrix: Any) -> bool:
    return bool(matrix.data.size and np.nanmin(matrix.data) < 0)
