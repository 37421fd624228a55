"""`.npz`: arrays by name: samples (x, X, features, ...), labels (coarse, y, labels, ...).

Arrays without names (``arr_0``, ``arr_1``) are samples and labels. ``<label>_names`` gives the
classes' names for integer labels. A sparse matrix of scipy has its labels in a file beside it.
Arrays are read one by one when asked for, so a file may hold more than fits.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from falcon_svc.data.beside import BesideSource, beside
from falcon_svc.data.column_names import DEFAULT_SOURCE, VECTOR_NAMES, Roles, first_of
from falcon_svc.data.config import DataConfig
from falcon_svc.data.formats.npy_format import read_array, read_header
from falcon_svc.data.guards.zip_guard import ZipMember, open_member, read_directory
from falcon_svc.data.images import ArrayImages
from falcon_svc.data.labels import as_strings
from falcon_svc.data.refusal import listed, quoted, refusal
from falcon_svc.data.source import Column, Samples, Source
from falcon_svc.data.text_column import (
    LOOKED_AT,
    no_texts,
    text_column,
    text_note,
    unused_text_note,
)
from falcon_svc.types import Note

ARRAY_NAMES = ("images", "image", "imgs", "pixels", "data", "arr_0")
NAMES_OF_CLASSES = ("target_names", "class_names", "label_names", "classes")
LABELS_WITHOUT_NAME = "arr_1"


def open_npz(path: Path, config: DataConfig) -> Source:
    """Open arrays; a sparse matrix, and arrays without labels, have them in a file beside."""
    source = NpzSource(path, config)
    return source if source.has_labels else BesideSource.of(path, source, config)


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

    @property
    def has_labels(self) -> bool:
        """Whether labels, or truth, or anything else but the samples is here."""
        return not self._is_sparse and (len(self._members) > 1 or not beside(self._path))

    def columns(self) -> tuple[str, ...]:
        """Return the arrays' names; the second array without name is called as labels are."""
        unnamed = LABELS_WITHOUT_NAME in self._members and "arr_0" in self._members
        return (*self._members, *(["label"] if unnamed and "label" not in self._members else []))

    def column(self, name: str) -> Column:
        """Return one array, whatever its shape."""
        return self._read(name if name in self._members else LABELS_WITHOUT_NAME)

    def index_column(self) -> str | None:
        """Return None: ids are found by name."""
        return None

    def class_names(self, column: str) -> tuple[str, ...] | None:
        """Return ``<column>_names``, or the usual names' array, when the file has it."""
        usual = NAMES_OF_CLASSES if (DEFAULT_SOURCE, column) in self._roles.sources else ()
        name = first_of((f"{column}_names", *usual), self._members)
        if name is None:
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
        """Read the samples: two axes are vectors, uint8 with three or four are images."""
        if self._is_sparse:
            from falcon_svc.data.formats.sparse import read_sparse  # loads scipy

            matrix = read_sparse(self._read, where=self.where, config=self._config)
            return Samples(vectors=matrix)
        if self._config.samples == "texts":
            return self._texts()
        name = self._vector_name()
        values = self._read(name)
        unused = tuple(
            (other, "not asked for") for other in self._members if other not in self._used
        )
        if values.ndim == 2:
            text = self._roles.text_column
            notes = () if text not in self._members else (unused_text_note(str(text)),)
            others = [n for n, _ in unused if first_of(VECTOR_NAMES, [n])]
            told = (*notes, *_other_arrays(name, others))
            return Samples(vectors=values, left_out=unused, notes=told, vector_column=name)
        images = ArrayImages.checked(values, name=name, where=self.where)
        return Samples(images=images, left_out=unused)

    def _texts(self) -> Samples:
        words = [name for name in self._members if self._is_words(name)]
        column = text_column(words, self._look, self._roles, self._config)
        if column is None:
            raise no_texts(words, self.where)
        return Samples(text_column=column, notes=(text_note(column, words, self._look),))

    def _look(self, name: str) -> list[str]:
        cells: list[str] = self._read(name)[:LOOKED_AT].astype(str).tolist()
        return cells

    def _is_words(self, name: str) -> bool:
        """Return whether an array holds one text per row."""
        member = self._members[name]
        with open_member(self._path, member) as stream:
            header = read_header(stream, size=member.size, where=self.where)
        return header.dtype.kind == "U" and len(header.shape) == 1 and not name.endswith("_names")

    @property
    def _is_sparse(self) -> bool:
        """Whether this is what scipy.sparse.save_npz writes."""
        return set(self._members) >= {"format", "shape", "data"}

    @property
    def _used(self) -> set[str]:
        """Names of the arrays that are read at one time or another."""
        roles = self._roles
        columns = [column for _, column in roles.sources]
        named = (self._vector_name(), roles.id_column, roles.text_column, roles.fine_column)
        if "label" in columns and "label" not in self._members:
            columns.append(LABELS_WITHOUT_NAME)
        names = (*(f"{column}_names" for column in columns), *NAMES_OF_CLASSES)
        return {*columns, *names, *filter(None, named)}

    @property
    def _roles(self) -> Roles:
        return Roles.of(self.columns(), self._config)

    def _vector_name(self) -> str:
        wanted = self._config.vector_column
        usual = first_of((*VECTOR_NAMES, *ARRAY_NAMES), self._members)
        name = (wanted if wanted in self._members else None) if wanted else usual
        if name is None:
            raise refusal(
                f"an array {quoted(wanted or 'x')} with the samples",
                f"the arrays {listed(self._members)}",
                where=self.where,
                remedy="rename the array or name it with vector_column",
                code="no_such_column",
            )
        return name

    def _read(self, name: str) -> NDArray[Any]:
        member = self._members[name]
        where = f"array {quoted(name)} of {self.where}"
        with open_member(self._path, member) as stream:
            header = read_header(stream, size=member.size, where=where)
            return read_array(stream, header)


def _other_arrays(used: str, others: list[str]) -> tuple[Note, ...]:
    """Return the note on arrays that might be the vectors too."""
    if not others:
        return ()
    text = f"The vectors are taken from {quoted(used)}; {listed(others)} may be vectors too: "
    return (Note("other_embeddings", f"{text}choose with vector_column."),)
