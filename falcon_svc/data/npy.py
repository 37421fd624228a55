"""`.npy` with its labels in a CSV beside it: NAME.csv, else NAME.labels.csv, else labels.csv.

float32 vectors and uint8 images stay a memory map of the file.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from falcon_svc.data.config import DataConfig
from falcon_svc.data.csv_format import open_csv
from falcon_svc.data.images import ArrayImages
from falcon_svc.data.npy_format import ArrayHeader, read_array, read_header
from falcon_svc.data.refusal import listed, quoted, refusal
from falcon_svc.data.source import Column, Samples


class NpySource:
    """An array file and the table of its labels."""

    def __init__(self, path: Path, config: DataConfig) -> None:
        self._path = path
        self._labels = open_csv(_labels_beside(path), config)
        self.where = f"{quoted(path.name)} with {self._labels.where}"

    def columns(self) -> tuple[str, ...]:
        """Return the labels file's columns."""
        return self._labels.columns()

    def column(self, name: str) -> Column:
        """Return one column of the labels file."""
        return self._labels.column(name)

    def index_column(self) -> str | None:
        """Return None: ids are found by name."""
        return None

    def class_names(self, column: str) -> tuple[str, ...] | None:
        """Return None: the table holds the labels themselves."""
        return None

    def samples(self) -> Samples:
        """Read the array: two axes are vectors, uint8 with three or four are images."""
        values = _load(self._path)
        if values.ndim == 2:
            return Samples(vectors=values)
        return Samples(images=ArrayImages.checked(values, name="the array", where=self.where))


def _labels_beside(path: Path) -> Path:
    choices = [path.with_suffix(suffix) for suffix in (".csv", ".labels.csv")]
    choices.append(path.parent / "labels.csv")
    found = next((choice for choice in choices if choice.is_file()), None)
    if found is None:
        raise refusal(
            f"the labels in one of {listed(choice.name for choice in choices)}",
            "none of them",
            where=f"the folder of {quoted(path.name)}",
            remedy="write the labels as a CSV with a column coarse, one line per row",
            code="no_labels",
        )
    return found


def _load(path: Path) -> NDArray[Any]:
    with path.open("rb") as stream:
        header = read_header(stream, size=path.stat().st_size, where=quoted(path.name))
        if _mappable(header):
            return np.memmap(path, header.dtype, mode="r", offset=stream.tell(), shape=header.shape)
        return read_array(stream, header)


def _mappable(header: ArrayHeader) -> bool:
    plain = header.dtype in (np.dtype(np.float32), np.dtype(np.uint8))
    return plain and not header.fortran and header.nbytes > 0
