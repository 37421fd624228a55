"""`.npy`: an array of vectors or images, with its labels in a file beside it.

float32 vectors and uint8 images stay a memory map of the file.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from falcon_svc.data.beside import ArrayLabels, BesideSource
from falcon_svc.data.config import DataConfig
from falcon_svc.data.formats.npy_format import ArrayHeader, read_array, read_header
from falcon_svc.data.images import ArrayImages
from falcon_svc.data.refusal import quoted
from falcon_svc.data.source import Samples, Source


def open_npy(path: Path, config: DataConfig) -> Source:
    """Open an array with its labels."""
    return BesideSource.of(path, ArrayFile(path), config)


class ArrayFile(ArrayLabels):
    """The samples of an `.npy` file."""

    def samples(self) -> Samples:
        """Read the array: two axes are vectors, uint8 with three or four are images."""
        values = _load(self._path)
        if values.ndim == 2:
            return Samples(vectors=values)
        return Samples(images=ArrayImages.checked(values, name="the array", where=self.where))


def _load(path: Path) -> NDArray[Any]:
    with path.open("rb") as stream:
        header = read_header(stream, size=path.stat().st_size, where=quoted(path.name))
        if _mappable(header):
            return np.memmap(path, header.dtype, mode="r", offset=stream.tell(), shape=header.shape)
        return read_array(stream, header)


def _mappable(header: ArrayHeader) -> bool:
    plain = header.dtype in (np.dtype(np.float32), np.dtype(np.uint8))
    return plain and not header.fortran and header.nbytes > 0
