"""From a coarsely labelled data set to a discovery: the stages of `stages`, one after the other.

`discover` runs them in memory; `discover_to` also writes the result directory. With a work
directory every stage that costs time leaves what it found there, and a resumed run goes on from
it to the same result.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from falcon_svc.config import DiscoveryConfig
from falcon_svc.discovery.counts.bounds import count_bounds
from falcon_svc.durable.atomic_directory import FileContent, check_replaceable
from falcon_svc.pipeline.ahead import loaded_ahead
from falcon_svc.pipeline.found import Found
from falcon_svc.pipeline.stage import run_stage
from falcon_svc.pipeline.stages import STAGES
from falcon_svc.progress import Progress, Silent
from falcon_svc.report import render_report
from falcon_svc.result.ancestry import Inherited
from falcon_svc.result.files import FEATURES, REVIEW, features_file, write_discovery
from falcon_svc.result.record import Discovery
from falcon_svc.result.samples import samples_file
from falcon_svc.types import CoarseDataset, FloatArray

if TYPE_CHECKING:
    from falcon_svc.pipeline.outcome import Run

Inherit = Callable[[Discovery, FloatArray, FloatArray], Inherited]
"""What a new result takes over, from its discovery, (N, D) features and (N, K) head inputs."""


def discover_to(
    directory: Path,
    dataset: CoarseDataset,
    config: DiscoveryConfig,
    *,
    resume: bool = False,
    progress: Progress | None = None,
    inherit: Inherit | None = None,
    began: float | None = None,
) -> Discovery:
    """Run a discovery and write its result directory, whole or not at all.

    Parameters
    ----------
    directory
        Must not exist, be empty, or hold an earlier result, which is replaced at the end.
    dataset, config
        What to discover in, and how.
    resume
        Take over from the work directory that a killed run left beside `directory` what the
        stages found whose data and settings are the same; without it that is deleted first.
    progress
        Told of stages, of "report" and "write" too, and of what is done of each.
    inherit
        Lets the result's review go on from that of an earlier one, such as
        `falcon_svc.triage.continuing.Heir`.
    began
        Moment in monotonic seconds since when the user has waited, which the report tells; None =
        this call.

    Raises
    ------
    InputError, ConfigError, StorageError, DeviceError, DivergedError
        One sentence each; `directory` is as it was.
    """
    began = time.monotonic() if began is None else began
    check_replaceable(directory)
    work_dir = directory.parent / f".{directory.name}.work"
    if not resume:
        shutil.rmtree(work_dir, ignore_errors=True)
    progress = progress or Silent()
    with loaded_ahead():
        run = discover(dataset, config, work_dir=work_dir, progress=progress)
    inherited = None if inherit is None else inherit(run.discovery, run.features, run.inputs)
    progress.stage("report", 1)
    ancestry = None if inherited is None else inherited.ancestry
    page = render_report(run.discovery, dataset, run.features, ancestry=ancestry, began=began)
    progress.stage("write", len(dataset))
    kept: dict[str, FileContent] = {**run.model_files(), FEATURES: features_file(run.features)}
    if config.keep_samples:
        kept |= samples_file(dataset, on_rows=lambda done: progress.advance(done, {}))
    if inherited is not None:
        kept[REVIEW] = inherited.write
    write_discovery(directory, run.discovery, model_files=kept, report_html=page)
    shutil.rmtree(work_dir, ignore_errors=True)
    progress.advance(len(dataset), {})
    return run.discovery


def discover(
    dataset: CoarseDataset,
    config: DiscoveryConfig,
    *,
    work_dir: Path | None = None,
    progress: Progress | None = None,
) -> Run:
    """Run a discovery in memory; see `discover_to` for the parameters.

    What `work_dir` holds under the keys of this run's stages is taken over.
    """
    found = Found(dataset, config, work_dir, progress)
    count_bounds(config.counts, dataset.coarse, dataset.sources[1:])
    if config.relation.constraints:
        from falcon_svc.pipeline.constraint_stage import check_constraints

        check_constraints(dataset, config)
    for stage in STAGES:
        if stage.wanted(config):
            run_stage(stage, found)
    from falcon_svc.pipeline.outcome import Run

    return Run.of(found)
