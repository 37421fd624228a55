"""The flags that the benchmarks share, and progress as lines on stderr.

Place: under each benchmark's `main`, which `falcon bench NAME` and `python -m` call.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from falcon_svc.discovery.counts.split_model import SHIPPED
from falcon_svc.progress import Progress, Silent


class StderrLines:
    """A line on stderr whenever a stage begins."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    def stage(self, name: str, total: int) -> None:
        """Print the seconds since the start and the stage's name."""
        print(f"{time.monotonic() - self._began:7.1f} s  {name}", file=sys.stderr, flush=True)

    def advance(self, done: int, metrics: Mapping[str, float]) -> None:
        """Print nothing."""


def parser(name: str, description: str) -> argparse.ArgumentParser:
    """Return a parser with ``--json`` and ``--quiet``."""
    made = argparse.ArgumentParser(f"falcon bench {name}", description=description)
    made.add_argument("--json", type=Path, metavar="FILE", help="file to write the figures to, too")
    made.add_argument("--quiet", action="store_true", help="show no progress on stderr")
    return made


def add_split_model(flags: argparse.ArgumentParser) -> None:
    """Add ``--split-model``, to leave the family of a set out of the constants."""
    flags.add_argument(
        "--split-model",
        type=Path,
        default=SHIPPED,
        help="file with other constants of the count posterior, as "
        "falcon_svc.bench.fit_splits writes it",
    )


def progress_of(arguments: argparse.Namespace) -> Progress:
    """Return lines on stderr, or silence where that was asked for."""
    return Silent() if arguments.quiet else StderrLines()
