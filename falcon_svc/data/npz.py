"""`.npz`: arrays by name. `x` holds vectors or images, `coarse` and `coarse_*` the labels.

`<label>_names` gives the classes' names for integer labels. Arrays are read one by one when
asked for, so a file may hold more than fits.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from falcon_svc.data.config import DataConfig
from falcon_svc.data.images import ArrayImages
from falcon_svc.data.labels import as_strings
from falcon_svc.data.npy_format import read_array, read_header
from falcon_svc.data.refusal import listed, quoted, refusal
from falcon_svc.data.source import Column, Samples
from falcon_svc.data.zip_guard import ZipMember, open_member, read_directory

VECTOR_NAMES = ("x", "vector", "embedding")


class NpzSource:
    """An `.npz` file whose directory has been checked."""

    def __init__(self, path: Path, config: DataConfig) -> None:
        self._path = path
        self._config = config
        self.where = quoted(path.name)
        self._members = self._arrays(read_directory(path, config))

    def _arrays(self, members: tuple[ZipMember, ...]) -> dict[str, ZipMember]:
        others = [member.name for member in members if not member.name.endswith(".npy")]
        if others:
            raise refusal(
                "only numpy arrays (.npy) inside an .npz",
                listed(others),
                where=self.where,
                remedy="write it with numpy.savez; images in folders go into a .zip",
                code="wrong_format",
            )
        return {member.name.removesuffix(".npy"): member for member in members}

    def columns(self) -> tuple[str, ...]:
        """Return the arrays' names."""
        return tuple(self._members)

    def column(self, name: str) -> Column:
        """Return one array, whatever its shape."""
        return self._read(name)

    def index_column(self) -> str | None:
        """Return None: ids are found by name."""
        return None

    def class_names(self, column: str) -> tuple[str, ...] | None:
        """Return ``<column>_names`` when the file has it."""
        name = f"{column}_names"
        if name not in self._members:
            return None
        values = self._read(name)
        if values.ndim != 1 or values.dtype.kind not in "US":
            raise refusal(
                f"one string per class in {name}",
                f"{values.dtype.name} of shape {values.shape}",
                where=self.where,
                remedy=f"save {name} as a 1-D array of strings",
                code="bad_dtype",
            )
        return tuple(as_strings(values, what=name, where=self.where))

    def samples(self) -> Samples:
        """Read `x`: two axes are vectors, uint8 with three or four are images."""
        name = self._vector_name()
        values = self._read(name)
        if values.ndim == 2:
            return Samples(vectors=values)
        return Samples(images=ArrayImages.checked(values, name=name, where=self.where))

    def _vector_name(self) -> str:
        wanted = self._config.vector_column
        for name in (wanted,) if wanted else VECTOR_NAMES:
            if name in self._members:
                return name
        raise refusal(
            f"an array {quoted(wanted or 'x')} with the samples",
            f"the arrays {listed(self._members)}",
            where=self.where,
            remedy="rename the array or name it with vector_column",
            code="no_such_column",
        )

    def _read(self, name: str) -> NDArray[Any]:
        member = self._members[name]
        where = f"array {quoted(name)} of {self.where}"
        with open_member(self._path, member) as stream:
            header = read_header(stream, size=member.size, where=where)
            return read_array(stream, header)
