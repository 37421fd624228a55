"""What a reader of one format hands over: columns by name, and the samples.

A `Source` makes the file safe to use; `assemble` judges what is in it. Columns are fetched by
name and only when asked for, which is how training never meets the fine labels: only
`load_truth` asks for them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

from numpy.typing import NDArray

from falcon_svc.types import BoolArray, Images, SkippedRow

Column = NDArray[Any]


@dataclass(frozen=True)
class Samples:
    """Vectors or images as the file holds them.

    Parameters
    ----------
    vectors
        (N, D) numbers of any float or integer width, or None.
    images
        The N readable images, or None.
    kept
        (rows of the columns,) True where the row became a sample; None when all did.
    skipped
        The rows that did not, and why.
    names
        (D,) the vectors' columns, when they have names.
    content
        sha256 hex of the image files' bytes when the reader has it already, else None.
    """

    vectors: NDArray[Any] | None = None
    images: Images | None = None
    kept: BoolArray | None = None
    skipped: tuple[SkippedRow, ...] = field(default=())
    names: tuple[str, ...] | None = None
    content: str | None = None


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

    def class_names(self, column: str) -> tuple[str, ...] | None:
        """Return what integer labels of `column` stand for, when the file says so."""
        ...

    def samples(self) -> Samples:
        """Read vectors or images."""
        ...
