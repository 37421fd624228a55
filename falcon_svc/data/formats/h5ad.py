"""`.h5ad` (AnnData): labels from ``obs``, vectors from ``obsm`` or by the recipe from ``X``.

Read with h5py alone, by the on-disk specification of anndata 0.7 and later, not through anndata:
it follows links and external storage and builds sparse matrices before their indices are
checked (scipy can crash on them), and h5py is what it would need in any case.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from falcon_svc.data.config import DataConfig
from falcon_svc.data.formats.anndata_access import Access
from falcon_svc.data.formats.anndata_columns import LEGACY_CATEGORIES, frame_column, index_name
from falcon_svc.data.formats.anndata_matrix import read_samples
from falcon_svc.data.guards.hdf5_probe import probe
from falcon_svc.data.refusal import quoted, reading
from falcon_svc.data.source import Column, Samples
from falcon_svc.errors import InputError, MissingExtraError

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
            hidden = (LEGACY_CATEGORIES, index_name(obs))
            own = tuple(name for name in guard.names(obs) if name not in hidden)
        names = [name for name in (INDEX, OLD_INDEX) if name not in own]
        self._columns = (*names, *own)
        self._own = own

    @contextmanager
    def _open(self) -> Iterator[Access]:
        import h5py

        from falcon_svc.data.guards.hdf5_guard import HDF5_ERRORS, Guard

        with (
            reading("an AnnData file", where=self.where, errors=HDF5_ERRORS),
            h5py.File(self._path, "r") as file,
        ):
            yield Guard(file, self._path.stat().st_size, self.where, self._config)

    def _obs(self, guard: Access) -> Any:
        return guard.group(guard.root, "obs")

    def columns(self) -> tuple[str, ...]:
        """Return obs' columns; its index is `_index`, and `id` unless obs has such a column."""
        return self._columns

    def column(self, name: str) -> Column:
        """Return one column of obs, categories as their names."""
        with self._open() as guard:
            obs = self._obs(guard)
            return frame_column(guard, obs, name if name in self._own else index_name(obs))

    def index_column(self) -> str | None:
        """Return obs' index, which AnnData keeps for this."""
        return INDEX

    def class_names(self, column: str) -> tuple[str, ...] | None:
        """Return None: categories are resolved by `column`."""
        return None

    def samples(self) -> Samples:
        """Read an embedding, or counts, which the recipe is for."""
        with self._open() as guard:
            found = read_samples(guard, self.where, self._config)
        if found.are_counts:
            return Samples(counts=found.values, names=found.names, notes=found.notes)
        return Samples(
            vectors=found.values, names=found.names, notes=found.notes, obsm_key=found.key
        )

    def read_everything(self) -> None:
        """Read every column and the samples, for nothing but to see that it can be done."""
        for name in self._columns:
            with suppress(InputError):
                self.column(name)
        with self._open() as guard:
            read_samples(guard, self.where, self._config)
