"""Speed benchmark: head training, a whole discovery, and the neighbor search.

`falcon bench speed [--json FILE]`. Three parts, each with its yardstick measured in the same run:

1. head training in sample-steps/s at F = 150, D = 384, 5 neighbors, batch 1024, beside the steps
   of the released code (`falcon_svc.bench.reference_loop`);
2. seconds per stage of a discovery on the set that ships, total given;
3. neighbor search inside coarse classes beside scikit-learn's brute force.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.neighbors import NearestNeighbors

from falcon_svc.bench.command import parser, progress_of
from falcon_svc.bench.reference_loop import ReferenceLoop
from falcon_svc.bench.table import markdown, write_json
from falcon_svc.config import DiscoveryConfig
from falcon_svc.data import load_dataset
from falcon_svc.data.shipped import DEMO_N_FINE, demo_path
from falcon_svc.discovery.counts.config import CountConfig
from falcon_svc.discovery.partition.shared_metric import unit_rows
from falcon_svc.discovery.training.config import TrainConfig
from falcon_svc.discovery.training.epoch_report import EpochReport
from falcon_svc.discovery.training.head_start import random_start
from falcon_svc.discovery.training.trainer import train_head
from falcon_svc.neighbors import search_neighbors
from falcon_svc.pipeline.discover import discover
from falcon_svc.pipeline.record import versions
from falcon_svc.progress import Progress, Silent
from falcon_svc.types import FloatArray, IntArray, LabelSource, Neighbors

K = 20
TIMED_EPOCHS = 3


@dataclass(frozen=True)
class Workload:
    """Random features in equal coarse classes, with random neighbors of the same class.

    Parameters
    ----------
    n_samples, dim, n_fine, n_coarse
        N, D, F, C.
    batch_size, sampled_neighbors
        B and L.
    """

    n_samples: int = 20_480
    dim: int = 384
    n_fine: int = 150
    n_coarse: int = 10
    batch_size: int = 1024
    sampled_neighbors: int = 5

    def source(self) -> LabelSource:
        """Return the coarse labels."""
        labels = np.arange(self.n_samples, dtype=np.int64) % self.n_coarse
        return LabelSource("coarse", labels, tuple(str(q) for q in range(self.n_coarse)))

    def features(self) -> FloatArray:
        """Return (N, D) standard normal numbers."""
        random = np.random.default_rng(0)
        return random.standard_normal((self.n_samples, self.dim), np.float32)

    def neighbors(self) -> Neighbors:
        """Return K random samples of the own class per sample; speed does not depend on which."""
        steps = np.random.default_rng(1).integers(1, self.n_samples // self.n_coarse, (1, K))
        rows = np.arange(self.n_samples)[:, None]
        index: IntArray = (rows + self.n_coarse * steps) % self.n_samples
        return Neighbors(index, "none")


@dataclass(frozen=True)
class Line:
    """One line of the table; `times` is how many times as fast as the part's yardstick."""

    part: str
    what: str
    value: float
    unit: str
    times: float | None = None


def run(
    json_path: Path | None = None,
    progress: Progress | None = None,
    *,
    workload: Workload | None = None,
    path: Path | None = None,
) -> str:
    """Run the benchmark.

    Parameters
    ----------
    json_path
        Where the figures are also written.
    progress
        Told of every part.
    workload
        Workload of head training and neighbor search; None = the sizes of this module's docstring.
    path
        Data set of the discovery, with `DEMO_N_FINE` fine classes; None = the shipped one.

    Returns
    -------
    str
        Markdown table.
    """
    progress, workload = progress or Silent(), workload or Workload()
    parts: dict[str, Callable[[], list[Line]]] = {
        "head training": lambda: head_lines(workload),
        "discovery": lambda: discovery_lines(path or demo_path()),
        "neighbor search": lambda: search_lines(workload),
    }
    lines: list[Line] = []
    for name, part in parts.items():
        progress.stage(name, 1)
        lines += part()
    write_json(json_path, _document(workload, lines))
    return _table(lines)


def head_lines(workload: Workload) -> list[Line]:
    """Train our head under three settings and the reference's steps, fed in two ways."""
    reference = _reference_speed(workload, loader=False)
    changed = {
        "batch_size": workload.batch_size,
        "sampled_neighbors": workload.sampled_neighbors,
        "epochs": 1 + TIMED_EPOCHS,
    }
    paper, ours = (c.model_copy(update=changed) for c in (TrainConfig.paper(), TrainConfig()))
    reports = {
        "ours, as discover trains": _our_epochs(workload, ours),
        "ours, the paper's losses, remembered neighbors": _our_epochs(
            workload, paper.model_copy(update={"fresh_neighbors": False})
        ),
        "ours, the paper's losses, fresh neighbors": _our_epochs(workload, paper),
    }
    speeds = {
        what: statistics.median(report.samples_per_s for report in epochs)
        for what, epochs in reports.items()
    }
    speeds["released code's steps (yardstick)"] = reference
    speeds["released code's steps behind its loader"] = _reference_speed(workload, loader=True)
    lines = [
        Line("head training", what, speed, "sample-steps/s", speed / reference)
        for what, speed in speeds.items()
    ]
    share = _relation_share(reports["ours, as discover trains"])
    return [*lines, Line("head training", "of it the relation step", 100 * share, "% of time")]


def _relation_share(epochs: list[EpochReport]) -> float:
    return sum(e.relation_seconds for e in epochs) / sum(e.seconds for e in epochs)


def _our_epochs(workload: Workload, config: TrainConfig) -> list[EpochReport]:
    """Train and return the reports of all epochs but the first."""
    source = workload.source()
    reports: list[EpochReport] = []
    start = random_start(workload.n_fine, workload.dim, (source,), seed=0)
    train_head(
        workload.features(),
        (source,),
        (workload.neighbors(),),
        start,
        config,
        seed=0,
        on_epoch=reports.append,
    )
    return reports[1:]


def _reference_speed(workload: Workload, *, loader: bool) -> float:
    loop = ReferenceLoop(
        torch.from_numpy(workload.features()),
        torch.from_numpy(workload.source().labels),
        torch.from_numpy(workload.neighbors().index),
        workload.n_fine,
        workload.n_coarse,
        workload.batch_size,
        workload.sampled_neighbors,
    )
    return statistics.median([loop.train_epoch(loader=loader) for _ in range(1 + TIMED_EPOCHS)][1:])


def discovery_lines(path: Path) -> list[Line]:
    """Discover once, the total given, and return the seconds of each stage and of all."""
    config = DiscoveryConfig(counts=CountConfig(n_fine=DEMO_N_FINE))
    began = time.perf_counter()
    dataset = load_dataset(path)
    read = time.perf_counter() - began
    run_of_set = discover(dataset, config)
    total = time.perf_counter() - began
    stages = [(stage.name, stage.seconds) for stage in run_of_set.discovery.stages]
    name = f"discovery, {len(dataset):,} samples"
    return [Line(name, what, s, "s") for what, s in [("read", read), *stages, ("in all", total)]]


def search_lines(workload: Workload) -> list[Line]:
    """Search K neighbors with both, one class at a time, and compare what they find."""
    features, source = workload.features(), workload.source()
    began = time.perf_counter()
    found = search_neighbors(features, source, K, seed=0)
    ours = time.perf_counter() - began
    began = time.perf_counter()
    expected = _brute_force(features, source)
    theirs = time.perf_counter() - began
    same = float(
        np.mean([len(set(a) & set(b)) for a, b in zip(found.index, expected, strict=True)])
    )
    part = f"neighbor search, {len(features):,} x {features.shape[1]}"
    return [
        Line(
            part, f"ours ({found.backend}), {100 * same / K:.1f} % alike", ours, "s", theirs / ours
        ),
        Line(part, "scikit-learn brute force (yardstick)", theirs, "s", 1.0),
    ]


def _brute_force(features: FloatArray, source: LabelSource) -> IntArray:
    index = np.empty((len(features), K), np.int64)
    for rows in source.rows_by_class():
        unit = unit_rows(features[rows])
        nearest = NearestNeighbors(n_neighbors=K, algorithm="brute").fit(unit)
        index[rows] = rows[nearest.kneighbors(return_distance=False)]
    return index


def _document(workload: Workload, lines: list[Line]) -> dict[str, Any]:
    return {
        "schema_version": "1.0",
        "benchmark": "speed",
        "cpus": os.cpu_count(),
        "torch_threads": torch.get_num_threads(),
        "workload": asdict(workload),
        "versions": versions(),
        "lines": [asdict(line) for line in lines],
    }


def _table(lines: list[Line]) -> str:
    rows = [
        (
            line.part,
            line.what,
            f"{line.value:,.0f}" if line.value >= 1_000 else f"{line.value:.2f}",
            line.unit,
            "" if line.times is None else f"{line.times:.3g}",
        )
        for line in lines
    ]
    return markdown(("part", "what", "value", "unit", "times the yardstick"), rows)


def main(argv: Sequence[str] | None = None) -> int:
    """Print the table; see this module's docstring for the arguments."""
    given = parser("speed", "Head training, a whole discovery, neighbor search.").parse_args(argv)
    print(run(given.json, progress_of(given)))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
