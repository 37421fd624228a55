"""What an attempt at a job gets and gives, and who does the work of each kind of job.

Place: between `worker.main`, which talks to the record, and the modules that do the work: these
know neither jobs nor attempts. Each loads what it needs when it is called.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from falcon_svc.storage.kinds import ADVICE, CLASSIFIER, DISCOVERY, METRICS

if TYPE_CHECKING:
    from falcon_svc.progress import Progress
    from falcon_svc.settings import Settings


@dataclass(frozen=True)
class Beside:
    """A data set that a job names beside its own: its file, its name, its reading options."""

    file: Path
    name: str
    options: dict[str, Any]


@dataclass(frozen=True)
class Order:
    """What is to be made.

    Parameters
    ----------
    settings
        Of the service.
    config, options
        Of the job, and the reading options of its data set.
    data, name
        The data set's file, and what its owner calls it.
    source, source_options
        Result of the job that this one names, and how that read its data set; None, {} where it
        names none.
    earlier
        How the attempts before this one ended.
    begin
        Tells that the data set was read; returns the folder to work in, with the files that the
        attempt before this one left.
    progress
        Told of every stage; it ends the process if the job is not wanted any more.
    beside
        The other data set that the job names; None where it names none.
    """

    settings: Settings
    config: dict[str, Any]
    options: dict[str, Any]
    data: Path
    name: str
    source: Path | None
    source_options: dict[str, Any]
    earlier: Sequence[str | None]
    begin: Callable[[], Path]
    progress: Progress
    beside: Beside | None = None


@dataclass(frozen=True)
class Made:
    """A result.

    Parameters
    ----------
    folder, last
        Its files, and the name of the one that says that all are there.
    summary
        Of the job.
    measured
        (kind, label) -> a figure that is added to the measures of all jobs.
    beside
        Files that are kept with it, but are no part of it.
    """

    folder: Path
    last: str
    summary: dict[str, Any]
    measured: Mapping[tuple[str, str], float]
    beside: tuple[Path, ...] = ()


def make(kind: str, order: Order) -> Made:
    """Do the work of a job."""
    from falcon_svc.worker import advice, classifier, discovery, metrics

    work = {
        DISCOVERY: discovery.make,
        CLASSIFIER: classifier.make,
        ADVICE: advice.make,
        METRICS: metrics.make,
    }
    return work[kind](order)
