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

import numpy as np
import torch
from threadpoolctl import threadpool_limits

from falcon_svc.config import DiscoveryConfig
from falcon_svc.discovery.counts.bounds import CountBounds, count_bounds
from falcon_svc.discovery.explore import Candidate, explore_totals
from falcon_svc.discovery.other_sources import with_other_labels
from falcon_svc.discovery.partition.views import SHRINKAGE
from falcon_svc.discovery.training.config import TrainConfig
from falcon_svc.discovery.training.feature_space import FeatureSpace
from falcon_svc.discovery.training.prediction import predict
from falcon_svc.discovery.training.setup import first_head
from falcon_svc.discovery.training.warm_start import start_of
from falcon_svc.durable.atomic_directory import (
    EXPLORED,
    check_replaceable,
    replace_directory,
    sha256_of,
)
from falcon_svc.encoder import EncoderRun, encode, open_encoder
from falcon_svc.errors import ConfigError
from falcon_svc.pipeline.device import choose_device
from falcon_svc.pipeline.label_stage import judged_labels
from falcon_svc.pipeline.record import Recorder
from falcon_svc.pipeline.sample import structure_rows
from falcon_svc.progress import Progress, Silent
from falcon_svc.result.document import json_bytes
from falcon_svc.result.record import TotalEstimate
from falcon_svc.result.spreadsheets import harmless_table
from falcon_svc.result.table import coarse_columns, names_column
from falcon_svc.types import CoarseDataset, FloatArray, IntArray, LabelSource

SCHEMA_VERSION = "1.0"
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
        As of `Candidate`.
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
    recorder = Recorder(progress or Silent())
    bounds = count_bounds(config.counts, dataset.coarse, dataset.sources[1:])
    _demand_free(bounds)
    run = EncoderRun(
        config.encoder, config.seed, choose_device(config.device), None, recorder.progress
    )
    with recorder.stage("encoder", total=0):
        encoder = open_encoder(dataset, run)
    with recorder.stage("features", total=len(dataset)):
        features = encode(encoder, dataset, run).vectors
    _, believed = judged_labels(features, dataset, bounds, config, recorder)
    bounds = count_bounds(config.counts, believed.coarse, believed.sources[1:])
    rows = structure_rows(believed.coarse, bounds, seed=config.seed)
    sample = np.asarray(features[rows])
    part, *others = (source.at(rows) for source in believed.sources)
    seen = with_other_labels(sample, part, others)
    with recorder.stage("structure", total=0), threadpool_limits(1):
        own, candidates = explore_totals(
            seen, part, bounds, seed=config.seed, on_step=recorder.step
        )
    with recorder.stage("space", total=1):
        space = FeatureSpace.learn(sample, sample.mean(axis=0), own.fine, shrinkage=SHRINKAGE)
        inputs = space.apply(features)
    options = []
    with recorder.stage("cuts", total=len(candidates)):
        for candidate in candidates:
            options.append(_option(candidate, inputs, rows, dataset, believed, config.seed))
            recorder.step()
    assert own.counts.total is not None
    return Exploration(dataset.ids, dataset.sources, own.counts.total, tuple(options))


def _demand_free(bounds: CountBounds) -> None:
    if bounds.total is not None:
        raise ConfigError(
            f"A number of fine classes that is still open was expected for --explore, found "
            f"{bounds.total}; leave out --n-fine and counts.n_fine and some of the counts per "
            "coarse class, or leave out --explore."
        )


def _option(
    candidate: Candidate,
    inputs: FloatArray,
    rows: IntArray,
    dataset: CoarseDataset,
    believed: CoarseDataset,
    seed: int,
) -> Option:
    structure = candidate.structure
    start = start_of(inputs, rows, structure, believed.sources, seed=seed).head
    head = first_head(start, TrainConfig(), torch.Generator().manual_seed(seed))
    fine = predict(head, inputs, dataset.sources, start.relations).fine
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
