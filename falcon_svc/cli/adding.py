"""The classes as columns of the user's own file, for `falcon discover` and `falcon predict`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from falcon_svc.errors import ConfigError

if TYPE_CHECKING:
    from falcon_svc.data.adding import Columns
    from falcon_svc.result.record import Assignments

AddTo = Annotated[
    Path | None,
    typer.Option(
        "--add-to",
        metavar="FILE",
        help="Write a copy of INPUT with the classes as further columns.",
    ),
]
Overwrite = Annotated[
    bool, typer.Option("--overwrite", help="Let --add-to replace a file, even INPUT itself.")
]


def check_add_to(source: Path, add_to: Path | None, *, overwrite: bool) -> None:
    """Raise ConfigError unless the copy can be written; before anything takes time."""
    from falcon_svc.data.adding import check_target

    if add_to is not None:
        check_target(source, add_to, overwrite=overwrite)
    elif overwrite:
        raise ConfigError("Expected --add-to with --overwrite, found none; leave --overwrite out.")


def class_columns(found: Assignments, names: Sequence[str]) -> Columns:
    """Return the columns that are added, one value per sample; `names` are the classes'."""
    import numpy as np

    columns: Columns = {"falcon_fine": found.fine, "falcon_confidence": found.confidence}
    if not any(names):  # a result from before there were any
        return columns
    return {**columns, "falcon_fine_name": np.array(names)[found.fine]}
