"""`.zarr` of AnnData: the same layout as `.h5ad`, as a folder of chunks (extra ``[zarr]``).

The zarr package reads the chunks. Codecs are checked first, since one of them is Python's pickle,
and so are the sizes that the metadata claim.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from falcon_svc.data.config import DataConfig
from falcon_svc.data.formats.anndata_access import Access
from falcon_svc.data.formats.h5ad import H5adSource
from falcon_svc.data.guards.claims import check_claim
from falcon_svc.data.refusal import quoted, reading, refusal
from falcon_svc.errors import InputError, MissingExtraError

CODECS = {
    *("bytes", "blosc", "gzip", "zlib", "zstd", "lz4", "vlen-utf8", "transpose", "crc32c"),
    *("shuffle", "sharding_indexed"),
}
# Everything zarr and numcodecs have been seen to raise on damaged folders.
ZARR_ERRORS = (
    *(OSError, RuntimeError, KeyError, ValueError, TypeError, AttributeError, IndexError),
    *(NotImplementedError, OverflowError, AssertionError),
)


def open_zarr(path: Path, config: DataConfig) -> ZarrSource:
    """Open an AnnData store."""
    try:
        import zarr  # noqa: F401
    except ImportError as error:
        raise MissingExtraError("zarr", extra="zarr", purpose=".zarr") from error
    return ZarrSource(path, config)


class ZarrSource(H5adSource):
    """An AnnData store; what is in it is read as from `.h5ad`."""

    @contextmanager
    def _open(self) -> Iterator[Access]:
        import zarr

        with (
            warnings.catch_warnings(),
            reading("an AnnData store", where=self.where, errors=ZARR_ERRORS),
        ):
            warnings.simplefilter("ignore")
            root = zarr.open_group(str(self._path), mode="r", use_consolidated=False)
            yield ZarrGuard(root, self._path, self.where, self._config)


class ZarrGuard:
    """Checked access to one store."""

    def __init__(self, root: Any, path: Path, where: str, config: DataConfig) -> None:
        self.root = root
        self._path = path
        self._where = where
        self._config = config

    def names(self, group: Any) -> tuple[str, ...]:
        """Return the names in a group, sorted."""
        return tuple(sorted(group.keys()))

    def child(self, group: Any, name: str) -> Any:
        """Return the member `name`, a group or a checked array; KeyError if there is none."""
        if "/" in name or name in (".", "..") or name not in group:
            raise KeyError(f"{group.path} has no member {name!r}")
        found = group[name]
        if hasattr(found, "shape"):
            self._check(found)
        return found

    def group(self, parent: Any, name: str) -> Any:
        """Return the member `name`, which must be a group."""
        found = self.child(parent, name)
        if hasattr(found, "shape"):
            raise self._refusal("a group", "an array", name)
        return found

    def dataset(self, parent: Any, name: str) -> Any:
        """Return the member `name`, which must be an array."""
        found = self.child(parent, name)
        if not hasattr(found, "shape"):
            raise self._refusal("an array", "a group", name)
        return found

    def read(self, dataset: Any) -> NDArray[Any]:
        """Read numbers, or strings as objects."""
        values = np.asarray(dataset[...])
        if values.dtype.kind in "biufc":
            return values
        most = self._config.max_text_letters
        return np.array([*(str(value)[:most] for value in values.tolist()), None], object)[:-1]

    def _check(self, array: Any) -> None:
        codecs = set(_codecs(array.metadata))
        if not codecs <= CODECS:
            found = f"{sorted(codecs - CODECS)}"
            raise self._refusal("ordinary compression", found, array.path, code="zarr_codec")
        claimed = math.prod(array.shape) * getattr(array.dtype, "itemsize", 1)
        claimed = max(claimed, math.prod(array.chunks) * getattr(array.dtype, "itemsize", 1))
        folder = self._path / array.path
        stored = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
        name = array.path
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
            remedy="write the store again with anndata",
            code=code,
        )


def _codecs(metadata: Any) -> list[str]:
    """Return the names of all codecs of an array, of format 2 or 3."""
    if metadata.zarr_format == 2:
        used = [*(metadata.filters or ()), *([metadata.compressor] if metadata.compressor else [])]
        return [str(getattr(codec, "codec_id", type(codec).__name__)) for codec in used]
    return [str(codec.to_dict()["name"]) for codec in metadata.codecs]
