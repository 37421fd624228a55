"""A report as a file that is there whole, or as before."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from falcon_svc.errors import StorageError

Report = Annotated[
    Path | None,
    typer.Option("--report", metavar="FILE.html", help="Write a page with plots too."),
]


def write_page(page: str, to: Path) -> None:
    """Write a hidden sibling and rename it.

    Raises
    ------
    StorageError
        The file cannot be written.
    """
    fresh = to.with_name(f".{to.name}.tmp")
    try:
        fresh.write_text(page, "utf-8")
        fresh.replace(to)
    except OSError as error:
        raise StorageError(
            f"Cannot write {to} ({error.strerror or error}); name another --report."
        ) from error
    finally:
        fresh.unlink(missing_ok=True)
