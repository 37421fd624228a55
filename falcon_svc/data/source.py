"""What a reader of one format hands over: columns by name, and the samples.

A `Source` makes the file safe to use; `assemble` judges what is in it. Columns are fetched by
name and only when asked for, which is how training never meets the fine labels: only
`load_truth` asks for them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from numpy.typing import NDArray

from falcon_svc.data.refusal import Finding, listed, quoted, refusal
from falcon_svc.types import BoolArray, Images, Note, SkippedRow

Column = NDArray[Any]


@dataclass(frozen=True)
class Samples:
    """Vectors, images or texts as the file holds them.

    Parameters
    ----------
    vectors
        (N, D) numbers of any float or integer width, or None.
    images
        The N readable images, or None.
    counts
        (N, genes) scipy CSR that the recipe makes vectors of, or None; `names` are the genes.
    text_column
        The column whose texts are the samples, where there are neither vectors nor images.
    kept
        (rows of the columns,) True where the row became a sample; None when all did.
    skipped
        The rows that did not, and why.
    names
        (D,) the vectors' columns, when they have names.
    content
        sha256 hex of the image files' bytes when the reader has it already, else None.
    left_out
        (column, why) of the columns that gave nothing to the samples.
    notes
        What the reader had to guess or leave.
    findings
        Rows with cells that are not numbers in columns of numbers; NaN in `vectors`.
    vector_column, obsm_key
        Which column or embedding the vectors are, where they are one.
    """

    vectors: NDArray[Any] | None = None
    images: Images | None = None
    counts: Any | None = None
    text_column: str | None = None
    kept: BoolArray | None = None
    skipped: tuple[SkippedRow, ...] = field(default=())
    names: tuple[str, ...] | None = None
    content: str | None = None
    left_out: tuple[tuple[str, str], ...] = ()
    notes: tuple[Note, ...] = ()
    findings: tuple[Finding, ...] = ()
    vector_column: str | None = None
    obsm_key: str | None = None

    def told(
        self, *, left_out: Iterable[tuple[str, str]] = (), notes: Iterable[Note] = ()
    ) -> Samples:
        """Return the samples with more to tell about them."""
        return replace(self, left_out=(*self.left_out, *left_out), notes=(*self.notes, *notes))


class Source(Protocol):
    """One opened data set."""

    @property
    def where(self) -> str:
        """The file's name, as messages show it."""
        ...

    def columns(self) -> tuple[str, ...]:
        """Return the names that `column` answers to."""
        ...

    def column(self, name: str) -> Column:
        """Return (rows,) numbers or strings; "" or a masked-out NaN stands for missing."""
        ...

    def index_column(self) -> str | None:
        """Return the column that the format itself has for ids, if any; it wins over names."""
        ...

    def class_names(self, column: str) -> tuple[str, ...] | None:
        """Return what integer labels of `column` stand for, when the file says so."""
        ...

    def samples(self) -> Samples:
        """Read vectors or images."""
        ...


def check_column(source: Source, column: str, purpose: str, setting: str) -> None:
    """Raise InputError unless the column is there; the message lists those that are."""
    if column not in source.columns():
        raise refusal(
            f"a column {quoted(column)} with {purpose}",
            f"the columns {listed(source.columns())}",
            where=source.where,
            remedy=f"name the right one with {setting}",
            code="no_such_column",
        )


def flat_column(source: Source, name: str) -> Column:
    """Return (rows,) values; one column of a matrix counts as flat.

    Raises
    ------
    InputError
        Several values per row.
    """
    values = source.column(name)
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.ndim != 1:
        raise refusal(
            f"one value per row in {quoted(name)}",
            f"shape {values.shape}",
            where=source.where,
            remedy="save it as a 1-D array; of one-hot rows, their argmax",
            code="bad_shape",
        )
    return values


def rows_of(source: Source, name: str, kept: BoolArray | None, n: int) -> Column:
    """Return a column for the n samples that were kept.

    Raises
    ------
    InputError
        Another number of values than rows.
    """
    values = flat_column(source, name)
    expected = n if kept is None else len(kept)
    if len(values) != expected:
        raise refusal(
            f"{expected:,} values in {quoted(name)}, one per sample",
            f"{len(values):,}",
            where=source.where,
            remedy="save samples and labels with the same number of rows",
            code="length_mismatch",
        )
    return values if kept is None else values[kept]
