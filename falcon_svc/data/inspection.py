"""`falcon validate`: everything about a data set that a person should know before a run.

Built from the same draft as loading, so what is found here is what loading would raise, only
complete: all rows of all rules instead of the first.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from falcon_svc.data.assemble import Draft, reading_of
from falcon_svc.data.files import FileImages
from falcon_svc.data.images import ArrayImages
from falcon_svc.data.source_notes import unlabelled_rows
from falcon_svc.data.vector_notes import long_rows
from falcon_svc.types import UNLABELLED, BoolArray, LabelSource, Note, SampleKind

TINY_CLASS = 21  # fewer samples than 20 neighbors and the sample itself
LISTED_WARNINGS = 1_000


@dataclass(frozen=True)
class RowProblem:
    """One row, what was found in it, and whether it stops a run.

    Parameters
    ----------
    row
        Number of the row, from 0.
    id
        Id of the sample.
    code
        Which rule, a stable word.
    what
        What was found, in words.
    severity
        "error" stops a run, "warning" does not.

    Examples
    --------
    >>> from falcon_svc.data import RowProblem
    >>> RowProblem(3, "bird-3", "not_finite", "column 1 holds NaN", "error").severity
    'error'
    """

    row: int
    id: str
    code: str
    what: str
    severity: Literal["error", "warning"]


@dataclass(frozen=True)
class SourceSummary:
    """One label source: its classes with their sizes, and how many samples it does not label.

    Parameters
    ----------
    name
        Name of the label source.
    classes
        Pairs of a class and its number of samples.
    unlabelled
        Samples that it does not label, >= 0.

    Examples
    --------
    >>> from falcon_svc.data import SourceSummary
    >>> sum(size for _, size in SourceSummary("coarse", (("cat", 2), ("dog", 3)), 1).classes)
    5
    """

    name: str
    classes: tuple[tuple[str, int], ...]
    unlabelled: int

    @property
    def tiny(self) -> tuple[tuple[str, int], ...]:
        """Classes with fewer than 21 samples, too few for 20 neighbors."""
        return tuple((name, size) for name, size in self.classes if size < TINY_CLASS)


@dataclass(frozen=True)
class Inspection:
    """What a data set holds.

    Parameters
    ----------
    where
        What was read, in words for messages.
    kind
        "vectors", "images" or "texts".
    n_samples
        N >= 0, rows with errors included, skipped images not.
    n_dims
        D >= 1 of vectors, or None for images and texts.
    sources
        One summary per label source.
    duplicates
        Samples that repeat an earlier one exactly, >= 0.
    constant_columns
        Columns of vectors that hold one value, >= 0.
    problems
        The first 1,000 rows per rule, errors before warnings.
    n_errors, n_warnings
        Rows in all, >= 0, listed or not.
    notes
        What holds for the data set as a whole: warnings, never errors.
    coarse_columns
        Pairs of label source and column.
    id_column
        Where the ids come from; None = they are row numbers.
    features
        Names (D,) of the columns of numbers; None for a matrix, lists and images.
    left_out
        Pairs of a column that is not used, and why.
    columns
        Every column of the file by name, labels and ids included.

    Examples
    --------
    >>> import numpy as np
    >>> from pathlib import Path
    >>> from falcon_svc.data import inspect_dataset
    >>> np.savez("cats.npz", x=np.eye(4, 2), coarse=["cat", "cat", "dog", "dog"])
    >>> found = inspect_dataset(Path("cats.npz"))
    >>> found.kind, found.n_samples, found.n_dims
    ('vectors', 4, 2)
    """

    where: str
    kind: SampleKind
    n_samples: int
    n_dims: int | None
    sources: tuple[SourceSummary, ...]
    duplicates: int
    constant_columns: int
    problems: tuple[RowProblem, ...]
    n_errors: int
    n_warnings: int
    notes: tuple[Note, ...]
    coarse_columns: tuple[tuple[str, str], ...]
    id_column: str | None
    features: tuple[str, ...] | None
    left_out: tuple[tuple[str, str], ...]
    columns: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether `load_dataset` accepts the data set."""
        return not self.n_errors


def inspect_draft(found: Draft) -> Inspection:
    """Summarise what was read."""
    origin = found.origin
    errors = [
        RowProblem(origin[row], found.ids.values[row], finding.code, what, "error")
        for finding in found.findings
        for row, what in finding.rows
    ]
    skipped = [
        RowProblem(skip.row, skip.id, "unreadable_image", skip.reason, "warning")
        for skip in found.samples.skipped
    ]
    repeated = list(_repeated(found))
    warnings = [_duplicate(found, origin, row, first) for row, first in repeated[:LISTED_WARNINGS]]
    others = _odd_rows(found)
    for code, what, rows in others:
        warnings += [
            RowProblem(origin[row], found.ids.values[row], code, what, "warning")
            for row in rows[:LISTED_WARNINGS]
        ]
    reading = reading_of(found)
    return Inspection(
        where=found.where,
        kind=found.kind,
        n_samples=len(found.ids.values),
        n_dims=None if found.vectors is None else found.vectors.shape[1],
        sources=tuple(_summary(source) for source in found.sources),
        duplicates=len(repeated),
        constant_columns=_constant_columns(found),
        problems=tuple(errors + skipped + warnings),
        n_errors=sum(finding.total for finding in found.findings),
        n_warnings=len(skipped) + len(repeated) + sum(len(rows) for _, _, rows in others),
        notes=reading.notes,
        coarse_columns=reading.coarse_columns,
        id_column=reading.id_column,
        features=reading.features,
        left_out=reading.left_out,
        columns=found.table,
    )


def _odd_rows(found: Draft) -> list[tuple[str, str, list[int]]]:
    """Return (code, what, rows) of the rules whose rows a run takes all the same."""
    odd = [("unlabelled", "no coarse label", unlabelled_rows(found.sources))]
    if found.vectors is not None:
        zero = np.flatnonzero(~found.vectors.any(axis=1)).tolist()
        odd.append(("zero_vector", "all numbers are 0", zero))
    if found.figures is not None:
        long = long_rows(found.figures).tolist()
        odd.append(("long_vector", "more than 50 times as long as the median vector", long))
    return odd


def _summary(source: LabelSource) -> SourceSummary:
    sizes = np.bincount(source.labels[source.labels >= 0], minlength=source.n_coarse)
    classes = tuple(zip(source.names, sizes.tolist(), strict=True))
    return SourceSummary(source.name, classes, int((source.labels == UNLABELLED).sum()))


def _repeated(found: Draft) -> Iterator[tuple[int, int]]:
    """Yield (row, first row with the same content)."""
    first: dict[bytes, int] = {}
    for row, content in enumerate(_contents(found)):
        digest = hashlib.blake2b(content, digest_size=16).digest()
        earlier = first.setdefault(digest, row)
        if earlier != row:
            yield row, earlier


def _contents(found: Draft) -> Iterator[bytes]:
    images = found.samples.images
    if found.vectors is not None:
        yield from (vector.tobytes() for vector in found.vectors)
    elif found.kind == "texts":
        yield from (text.encode() for text in found.texts or ())
    elif isinstance(images, ArrayImages):
        yield from (pixels.tobytes() for pixels in images.pixels)
    elif isinstance(images, FileImages):
        yield from (images.content(row) for row in range(len(images)))


def _duplicate(found: Draft, origin: list[int], row: int, first: int) -> RowProblem:
    labels = [source.labels[[row, first]] for source in found.sources]
    differ = any(a != b and UNLABELLED not in (a, b) for a, b in labels)
    what = f"the same sample as row {origin[first]}" + (", under another label" if differ else "")
    return RowProblem(origin[row], found.ids.values[row], "duplicate", what, "warning")


def _constant_columns(found: Draft) -> int:
    if found.vectors is None:
        return 0
    constant: BoolArray = found.vectors.min(axis=0) == found.vectors.max(axis=0)
    return int(constant.sum())
