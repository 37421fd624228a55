"""One run from the command line: early checks, progress, interruption.

Shared by `falcon discover`, `falcon demo` and `falcon pretrain`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from falcon_svc.cli import BEGAN
from falcon_svc.cli.adding import class_columns
from falcon_svc.cli.show import shown_progress, warn
from falcon_svc.durable.atomic_directory import EXPLORED, MARKER, check_replaceable

if TYPE_CHECKING:
    from falcon_svc.config import DiscoveryConfig
    from falcon_svc.pipeline.discover import Inherit
    from falcon_svc.progress import Progress
    from falcon_svc.result.record import Discovery
    from falcon_svc.types import CoarseDataset

INTERRUPTED = 130


def run_discovery(
    source: Path,
    directory: Path,
    config: DiscoveryConfig,
    *,
    resume: bool,
    quiet: bool,
    add_to: Path | None = None,
    inherit: Inherit | None = None,
) -> Discovery:
    """Read the data set, discover, write `directory`, and `add_to`, a copy with the classes.

    `inherit` lets the new review go on from an earlier one.

    Raises
    ------
    FalconError
        Whatever a user can mend; `directory` is checked before anything that takes time.
    typer.Exit
        130 after an interruption.
    """
    with opened(source, directory, config, quiet=quiet) as (dataset, progress):
        from falcon_svc.pipeline.discover import discover_to

        found = discover_to(
            directory,
            dataset,
            config,
            resume=resume,
            progress=progress,
            inherit=inherit,
            began=BEGAN,
        )
    if add_to is not None:
        from falcon_svc.data.adding import add_columns

        add_columns(
            source, add_to, dataset.kept, class_columns(found.assignments, found.fine_names)
        )
    return found


@contextmanager
def opened(
    source: Path,
    directory: Path,
    config: DiscoveryConfig,
    *,
    quiet: bool,
    over: Sequence[str] = (MARKER, EXPLORED),
    resumable: bool = True,
) -> Iterator[tuple[CoarseDataset, Progress]]:
    """Yield the data set of a run that is to write `directory`, and the progress to tell.

    `over` are the markers of what may be replaced; a run that is not `resumable` begins anew
    after an interruption.
    """
    from falcon_svc.data import load_dataset

    check_replaceable(directory, over=over)
    dataset = load_dataset(source, config.reading)
    if not quiet:
        warn([note.text for note in dataset.reading.notes])
    with (
        told_how_to_go_on(directory, resumable=resumable),
        shown_progress(len(dataset), quiet=quiet) as progress,
    ):
        yield dataset, progress


@contextmanager
def told_how_to_go_on(directory: Path, *, resumable: bool) -> Iterator[None]:
    """Say after an interruption that nothing was written, and what the same command does next."""
    try:
        yield
    except KeyboardInterrupt:
        way = "with --resume goes on from the last checkpoint" if resumable else "begins anew"
        message = f"interrupted: nothing was written to {directory}; the same command {way}."
        print(message, file=sys.stderr)
        raise typer.Exit(INTERRUPTED) from None
