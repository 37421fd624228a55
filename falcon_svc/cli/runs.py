"""One run from the command line: early checks, progress, interruption.

Shared by `falcon discover`, `falcon demo` and `falcon pretrain`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from falcon_svc.cli.show import shown_progress
from falcon_svc.durable.atomic_directory import check_replaceable

if TYPE_CHECKING:
    from falcon_svc.config import DiscoveryConfig
    from falcon_svc.progress import Progress
    from falcon_svc.result.record import Discovery
    from falcon_svc.types import CoarseDataset

INTERRUPTED = 130
LISTED_SKIPPED = 5


def run_discovery(
    source: Path, directory: Path, config: DiscoveryConfig, *, resume: bool, quiet: bool
) -> Discovery:
    """Read the data set, discover, write `directory`.

    Raises
    ------
    FalconError
        Whatever a user can mend; `directory` is checked before anything that takes time.
    typer.Exit
        130 after an interruption.
    """
    with opened(source, directory, config, quiet=quiet) as (dataset, progress):
        from falcon_svc.pipeline.discover import discover_to

        return discover_to(directory, dataset, config, resume=resume, progress=progress)


@contextmanager
def opened(
    source: Path, directory: Path, config: DiscoveryConfig, *, quiet: bool
) -> Iterator[tuple[CoarseDataset, Progress]]:
    """Yield the data set of a run that is to write `directory`, and the progress to tell."""
    from falcon_svc.data import load_dataset

    check_replaceable(directory)
    dataset = load_dataset(source, config.data)
    if not quiet:
        for note in dataset.reading.notes:
            print(f"warning: {note.text}", file=sys.stderr)
        _tell_skipped([f"{skip.id}: {skip.reason}" for skip in dataset.skipped])
    with (
        _told_how_to_resume(directory),
        shown_progress(len(dataset), quiet=quiet) as progress,
    ):
        yield dataset, progress


def _tell_skipped(lines: list[str]) -> None:
    for line in lines[:LISTED_SKIPPED]:
        print(f"warning: skipped {line}", file=sys.stderr)
    if len(lines) > LISTED_SKIPPED:
        more = len(lines) - LISTED_SKIPPED
        print(f"warning: skipped {more:,} more; falcon validate lists them", file=sys.stderr)


@contextmanager
def _told_how_to_resume(directory: Path) -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        message = (
            f"interrupted: nothing was written to {directory}; the same command with --resume "
            "goes on from the last checkpoint."
        )
        print(message, file=sys.stderr)
        raise typer.Exit(INTERRUPTED) from None
