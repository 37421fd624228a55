"""`.h5ad` (AnnData): labels from ``obs``, vectors from ``obsm`` or by the recipe from ``X``.

Read with h5py alone, by the on-disk specification of anndata 0.7 and later, not through anndata:
it follows links and external storage and builds sparse matrices before their indices are
checked (scipy can crash on them), and h5py is what it would need in any case.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from falcon_svc.data.config import DataConfig
from falcon_svc.data.hdf5_probe import probe
from falcon_svc.data.refusal import listed, quoted, reading, refusal
from falcon_svc.data.singlecell import count_features
from falcon_svc.data.source import Column, Samples
from falcon_svc.errors import InputError, MissingExtraError

if TYPE_CHECKING:
    from falcon_svc.data.hdf5_guard import Guard

OBSM_KEYS = ("X_pca", "X_scVI", "X_scvi")
LEGACY_CATEGORIES = "__categories"
INDEX = "_index"
OLD_INDEX = "id"  # also answers to this name where obs has no such column


def open_h5ad(path: Path, config: DataConfig) -> H5adSource:
    """Open an AnnData file."""
    try:
        import h5py  # noqa: F401
    except ImportError as error:
        raise MissingExtraError("h5py", extra="singlecell", purpose=".h5ad") from error
    if config.probe_hdf5:
        probe(path, config)
    return H5adSource(path, config)


class H5adSource:
    """An AnnData file, opened anew for each read."""

    def __init__(self, path: Path, config: DataConfig) -> None:
        self.where = quoted(path.name)
        self._path = path
        self._config = config
        with self._open() as guard:
            obs = self._obs(guard)
            hidden = (LEGACY_CATEGORIES, _index_name(obs))
            own = tuple(name for name in guard.names(obs) if name not in hidden)
        names = [name for name in (INDEX, OLD_INDEX) if name not in own]
        self._columns = (*names, *own)
        self._own = own

    @contextmanager
    def _open(self) -> Iterator[Guard]:
        import h5py

        from falcon_svc.data.hdf5_guard import HDF5_ERRORS, Guard

        with (
            reading("an AnnData file", where=self.where, errors=HDF5_ERRORS),
            h5py.File(self._path, "r") as file,
        ):
            yield Guard(file, self._path.stat().st_size, self.where, self._config)

    def _obs(self, guard: Guard) -> Any:
        return guard.group(guard.root, "obs")

    def columns(self) -> tuple[str, ...]:
        """Return obs' columns; its index is `_index`, and `id` unless obs has such a column."""
        return self._columns

    def column(self, name: str) -> Column:
        """Return one column of obs, categories as their names."""
        with self._open() as guard:
            obs = self._obs(guard)
            return _column(guard, obs, name if name in self._own else _index_name(obs))

    def index_column(self) -> str | None:
        """Return obs' index, which AnnData keeps for this."""
        return INDEX

    def class_names(self, column: str) -> tuple[str, ...] | None:
        """Return None: categories are resolved by `column`."""
        return None

    def samples(self) -> Samples:
        """Read `obsm_key`, else the first of X_pca, X_scVI, else the recipe on X."""
        with self._open() as guard:
            values, are_counts = self._values(guard)
        if are_counts:
            values = count_features(values, where=self.where, genes_only=self._wants_genes)
        return Samples(vectors=values)

    @property
    def _wants_genes(self) -> bool:
        return self._config.count_features == "genes"

    def read_everything(self) -> None:
        """Read every column and the samples, for nothing but to see that it can be done."""
        for name in self._columns:
            with suppress(InputError):
                self.column(name)
        with self._open() as guard:
            self._values(guard)

    def _values(self, guard: Guard) -> tuple[Any, bool]:
        """Return vectors or counts, and whether they are counts."""
        there = guard.names(guard.group(guard.root, "obsm")) if "obsm" in guard.root else ()
        usual = () if self._wants_genes else OBSM_KEYS
        key = self._config.obsm_key or next((k for k in usual if k in there), "X")
        if key == "X":
            return self._counts(guard), True
        self._check_key(key, there)
        return guard.read(guard.dataset(guard.group(guard.root, "obsm"), key)), False

    def _check_key(self, key: str, there: tuple[str, ...]) -> None:
        if key not in there:
            raise refusal(
                f"the embedding {quoted(key)}",
                f"{listed(there)} in obsm",
                where=self.where,
                remedy="name one of them, or X for the recipe on counts, with obsm_key",
                code="no_such_column",
            )

    def _counts(self, guard: Guard) -> Any:
        from falcon_svc.data.sparse import read_matrix

        has_counts = "layers" in guard.root and "counts" in guard.group(guard.root, "layers")
        parent = guard.group(guard.root, "layers") if has_counts else guard.root
        return read_matrix(guard, parent, "counts" if has_counts else "X", where=self.where)


def _index_name(obs: Any) -> str:
    name = obs.attrs.get("_index", "_index")
    return name.decode() if isinstance(name, bytes) else str(name)


def _column(guard: Guard, obs: Any, name: str) -> Column:
    found = guard.child(obs, name)
    if not hasattr(found, "shape"):  # a group
        return _coded(guard, found) if "codes" in found else _nullable(guard, found)
    values = guard.read(found)
    if LEGACY_CATEGORIES in obs and name in guard.group(obs, LEGACY_CATEGORIES):
        return _looked_up(values, guard.read(guard.dataset(obs[LEGACY_CATEGORIES], name)))
    return values


def _coded(guard: Guard, group: Any) -> Column:
    codes = guard.read(guard.dataset(group, "codes"))
    categories = guard.child(group, "categories")
    words = guard.read(categories) if hasattr(categories, "shape") else _nullable(guard, categories)
    return _looked_up(codes, words)


def _looked_up(codes: Column, words: Column) -> Column:
    """Return the categories of the codes, None for -1."""
    if codes.dtype.kind not in "iu" or codes.ndim != 1 or words.ndim != 1:
        raise ValueError("codes or categories of another type than the specification's")
    if codes.size and not -1 <= int(codes.min()) <= int(codes.max()) < len(words):
        raise ValueError(f"codes outside its {len(words)} categories")
    return np.array([*words.tolist(), None], dtype=object)[codes.astype(np.int64)]


def _nullable(guard: Guard, group: Any) -> Column:
    values = guard.read(guard.dataset(group, "values"))
    mask = guard.read(guard.dataset(group, "mask"))
    if mask.shape != values.shape or mask.dtype.kind not in "biu":
        raise ValueError("a mask that does not fit its values")
    found = values.astype(object)
    found[mask.astype(np.bool_)] = None
    return found
