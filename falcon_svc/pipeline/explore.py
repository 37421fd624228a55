"""Several totals of one structure, so that a person can choose before a head is trained.

    encoder -> features -> [labels] -> structure -> space -> cuts

Place: beside `discover`, whose first stages it shares. Of every total shown, all samples get the
fine class that the head would start from (`warm_start`); samples that the structure step did not
work on, too. What is written is told in docs/how-many-classes.md.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from falcon_svc.config import DiscoveryConfig
from falcon_svc.discovery.counts.bounds import CountBounds
from falcon_svc.discovery.explore import Candidate, explore_totals
from falcon_svc.discovery.pieces import Pieces
from falcon_svc.discovery.training.config import TrainConfig
from falcon_svc.discovery.training.prediction import predict
from falcon_svc.discovery.training.setup import first_head
from falcon_svc.discovery.training.warm_start import start_of
from falcon_svc.durable.atomic_directory import (
    EXPLORED,
    check_replaceable,
    replace_directory,
    sha256_of,
)
from falcon_svc.errors import ConfigError
from falcon_svc.pipeline.found import Found
from falcon_svc.pipeline.stage import run_stage
from falcon_svc.pipeline.stages import BY_NAME, structure_sample
from falcon_svc.progress import THOUSANDTHS, Progress
from falcon_svc.result.document import json_bytes
from falcon_svc.result.record import TotalEstimate
from falcon_svc.result.spreadsheets import harmless_table
from falcon_svc.result.table import coarse_columns, names_column
from falcon_svc.types import CoarseDataset, IntArray, LabelSource

SCHEMA_VERSION = "1.0"
BEFORE = ("encoder", "features", "labels")
"""Stages that it shares with a discovery, besides the space."""
TABLE = "explore.csv"


@dataclass(frozen=True)
class Option:
    """One total with its answer for every sample.

    Parameters
    ----------
    n_fine
        F.
    counts
        (C,) fine classes of each coarse class of the first source.
    fine
        (N,) fine class ids in ``[0, F)``, consecutive within a coarse class.
    probability, stability
        The same as in `Candidate`.
    """

    n_fine: int
    counts: IntArray
    fine: IntArray
    probability: float
    stability: float


@dataclass(frozen=True)
class Exploration:
    """What there is to choose from.

    Parameters
    ----------
    ids, sources
        (N,) samples, and their coarse labels.
    total
        The estimate: what a discovery would use unless somebody chooses.
    options
        By ascending total; one of them has `total.n_fine` classes.
    """

    ids: tuple[str, ...]
    sources: tuple[LabelSource, ...]
    total: TotalEstimate
    options: tuple[Option, ...]

    def document(self) -> dict[str, Any]:
        """Return all but the assignments, JSON-ready."""
        names = self.sources[0].names
        return {
            "schema_version": SCHEMA_VERSION,
            "n_samples": len(self.ids),
            "n_fine": self.total.n_fine,
            "n_fine_interval": [self.total.low, self.total.high],
            "n_fine_runner_up": self.total.runner_up,
            "options": [
                {
                    "n_fine": option.n_fine,
                    "probability": round(option.probability, 4),
                    "stability": round(option.stability, 4),
                    "n_fine_per_coarse": dict(zip(names, option.counts.tolist(), strict=True)),
                }
                for option in self.options
            ],
        }


def explore_to(
    directory: Path,
    dataset: CoarseDataset,
    config: DiscoveryConfig,
    *,
    progress: Progress | None = None,
) -> Exploration:
    """Cut one structure at several totals, and write `explore.json` and `explore.csv`.

    Parameters
    ----------
    directory
        Must not exist, be empty, or hold an earlier exploration, which is replaced; never a
        result.
    dataset, config
        What to look at, and how.
    progress
        Told of stages.

    Raises
    ------
    InputError, ConfigError, StorageError, DeviceError
        One sentence each; `directory` is as it was.
    """
    check_replaceable(directory, over=(EXPLORED,))
    found = explore(dataset, config, progress=progress)
    table = _csv(found)
    replace_directory(
        directory,
        {
            TABLE: table,
            EXPLORED: lambda path: _write_document(path, found),
        },
        over=(EXPLORED,),
    )
    return found


def explore(
    dataset: CoarseDataset, config: DiscoveryConfig, *, progress: Progress | None = None
) -> Exploration:
    """Cut one structure at several totals, in memory; parameters as of `explore_to`."""
    found = Found(dataset, config, None, progress)
    recorder = found.recorder
    _demand_free(found.bounds)
    for name in BEFORE:
        if BY_NAME[name].wanted(config):
            run_stage(BY_NAME[name], found)
    with recorder.stage("structure", total=THOUSANDTHS):
        seen, part = structure_sample(found)
        pieces = Pieces(recorder.advance)
        found.structure, candidates = explore_totals(
            seen, part, found.bounds, seed=config.seed, pieces=pieces
        )
    run_stage(BY_NAME["space"], found)
    options = []
    with recorder.stage("cuts", total=len(candidates)):
        for candidate in candidates:
            options.append(_option(candidate, found))
            recorder.step()
    total = found.structure.counts.total
    assert total is not None
    return Exploration(dataset.ids, dataset.sources, total, tuple(options))


def _demand_free(bounds: CountBounds) -> None:
    if bounds.total is not None:
        raise ConfigError(
            f"A number of fine classes that is still open was expected for --explore, found "
            f"{bounds.total}; leave out --n-fine and counts.n_fine and some of the counts per "
            "coarse class, or leave out --explore."
        )


def _option(candidate: Candidate, found: Found) -> Option:
    structure, inputs, seed = candidate.structure, found.spaced.inputs, found.config.seed
    start = start_of(inputs, found.rows, structure, found.believed.sources, seed=seed).head
    head = first_head(start, TrainConfig(), torch.Generator().manual_seed(seed))
    fine = predict(head, inputs, found.dataset.sources, start.relations).fine
    counts = structure.counts.n_fine
    return Option(int(counts.sum()), counts, fine, candidate.probability, candidate.stability)


def _csv(found: Exploration) -> bytes:
    """Return `explore.csv`: id, coarse labels, and a column `fine_F` for every total F."""
    import pyarrow as pa
    from pyarrow import csv

    names = coarse_columns([source.name for source in found.sources])
    labels = {
        name: names_column(source).cast(pa.string())
        for name, source in zip(names, found.sources, strict=True)
    }
    fine = {f"fine_{option.n_fine}": pa.array(option.fine) for option in found.options}
    buffer = io.BytesIO()
    table = pa.table({"id": pa.array(found.ids, pa.string()), **labels, **fine})
    csv.write_csv(harmless_table(table), buffer)
    return buffer.getvalue()


def _write_document(path: Path, found: Exploration) -> None:
    digest = sha256_of(path.with_name(TABLE))
    path.write_bytes(json_bytes({**found.document(), "files": {TABLE: digest}}))
