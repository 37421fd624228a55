"""HDF5 from strangers: reach objects by plain links only, check claims before reading.

An HDF5 file can point at other files (external storage, external links, virtual data sets), loop
through soft links, claim terabytes in unwritten chunks, ask for filter plugins, and repeat one
long string for every row. Each is refused here, before a byte of data is read.
"""

from __future__ import annotations

import math
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from falcon_svc.data.config import DataConfig
from falcon_svc.data.guards.claims import check_claim
from falcon_svc.data.refusal import quoted, refusal
from falcon_svc.errors import InputError

# Everything h5py has been seen to raise on damaged files.
HDF5_ERRORS = (
    *(OSError, RuntimeError, KeyError, ValueError, TypeError, MemoryError),
    *(AttributeError, IndexError, OverflowError, SystemError, NotImplementedError),
)
FILTERS = {
    h5py.h5z.FILTER_DEFLATE,
    h5py.h5z.FILTER_SHUFFLE,
    h5py.h5z.FILTER_FLETCHER32,
    h5py.h5z.FILTER_LZF,
}
MAX_CHILDREN = 100_000
STRING_BUDGET = 256 * 2**20  # bytes of strings read at a time, were each as long as the file


class Guard:
    """Checked access to one open file."""

    def __init__(self, file: h5py.File, size: int, where: str, config: DataConfig) -> None:
        self._size = size
        self._where = where
        self._config = config
        self.root: h5py.Group = file

    def names(self, group: h5py.Group) -> tuple[str, ...]:
        """Return the names in a group."""
        if len(group) > MAX_CHILDREN:
            raise self._refusal(f"at most {MAX_CHILDREN:,} members", f"{len(group):,}", group.name)
        return tuple(name for name in group if isinstance(name, str))  # bytes: not UTF-8

    def child(self, group: h5py.Group, name: str) -> Any:
        """Return the member `name`, a group or a checked data set; KeyError if there is none."""
        if "/" in name or name not in group:
            raise KeyError(f"{group.name} has no member {name!r}")
        if not isinstance(group.get(name, getlink=True), h5py.HardLink):
            raise self._refusal("members of this file", "a link", name, code="hdf5_link")
        found = group[name]
        if isinstance(found, h5py.Dataset):
            self._check(found)
        elif not isinstance(found, h5py.Group):
            raise self._refusal("a group or a data set", "a type", name)
        return found

    def group(self, parent: h5py.Group, name: str) -> h5py.Group:
        """Return the member `name`, which must be a group."""
        found = self.child(parent, name)
        if not isinstance(found, h5py.Group):
            raise self._refusal("a group", "a data set", name)
        return found

    def dataset(self, parent: h5py.Group, name: str) -> h5py.Dataset:
        """Return the member `name`, which must be a data set."""
        found = self.child(parent, name)
        if not isinstance(found, h5py.Dataset):
            raise self._refusal("a data set", "a group", name)
        return found

    def read(self, dataset: h5py.Dataset) -> NDArray[Any]:
        """Read numbers, or strings as objects."""
        if dataset.shape is None:
            raise self._refusal("values", "an empty data space", dataset.name)
        if h5py.check_string_dtype(dataset.dtype) is not None:
            return self._strings(dataset)
        return np.asarray(dataset[()])

    def _strings(self, dataset: h5py.Dataset) -> NDArray[Any]:
        """Read (N,) strings a few at a time: many may refer to one long one."""
        if dataset.ndim != 1:
            raise self._refusal("a list of strings", f"shape {dataset.shape}", dataset.name)
        step = max(64, min(65_536, STRING_BUDGET // max(self._size, 1)))
        texts = []
        for start in range(0, len(dataset), step):
            for value in dataset[start : start + step]:
                text = value.decode() if isinstance(value, bytes) else str(value)
                texts.append(text[: self._config.max_text_letters])
        return np.array([*texts, None], dtype=object)[:-1]

    def _check(self, dataset: h5py.Dataset) -> None:
        plist = dataset.id.get_create_plist()
        name = dataset.name
        if plist.get_external_count() or dataset.is_virtual:
            raise self._refusal("data in this file", "data in other files", name, code="hdf5_link")
        filters = {plist.get_filter(i)[0] for i in range(plist.get_nfilters())}
        if not filters <= FILTERS:
            found = f"filter {sorted(filters - FILTERS)}"
            raise self._refusal("gzip or lzf compression", found, name, code="hdf5_filter")
        if dataset.dtype.kind not in "iufbSO" or (
            dataset.dtype.kind == "O" and h5py.check_string_dtype(dataset.dtype) is None
        ):
            raise self._refusal("numbers or strings", str(dataset.dtype), name, code="bad_dtype")
        self._check_claim(dataset)

    def _check_claim(self, dataset: h5py.Dataset) -> None:
        shapes = [dataset.shape or (), dataset.chunks or ()]
        claimed = max(math.prod(shape) * dataset.dtype.itemsize for shape in shapes)
        stored = max(int(dataset.id.get_storage_size()), 1)
        name = str(dataset.name)
        check_claim(
            claimed,
            stored,
            self._config,
            lambda expected, found: self._refusal(expected, found, name, code="too_large"),
        )

    def _refusal(
        self, expected: str, found: str, name: object, *, code: str = "unreadable"
    ) -> InputError:
        return refusal(
            expected,
            found,
            where=f"{quoted(name)} of {self._where}",
            remedy="write the file again with anndata",
            code=code,
        )
