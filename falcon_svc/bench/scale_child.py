"""One size of the scale benchmark, as the process that is started for it runs it.

Place: a module of its own because a new process imports what it is to run by name.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path

from falcon_svc.bench.planted import Planted
from falcon_svc.bench.scores import agreement
from falcon_svc.config import DiscoveryConfig
from falcon_svc.data import load_dataset, load_truth
from falcon_svc.discovery.counts.config import CountConfig
from falcon_svc.pipeline.discover import discover_to
from falcon_svc.pipeline.record import peak_rss_bytes

SEED = 0


@dataclass(frozen=True)
class Run:
    """One size.

    Parameters
    ----------
    n_samples, n_coarse
        N and C.
    total_given
        Whether the total of fine classes was given; else nothing was.
    stages
        Stage -> seconds, in order; `read` and `write` are around the discovery.
    seconds
        From reading to the written result; making and judging the data is outside.
    peak_rss_bytes
        Most resident memory of the process, its imports and data included.
    acc, ari, macro_acc
        ACC, ARI and macro ACC of the masked assignments.
    failure
        Why there are no figures, None where there are.
    """

    n_samples: int
    n_coarse: int
    total_given: bool
    stages: dict[str, float] = field(default_factory=dict)
    seconds: float = 0.0
    peak_rss_bytes: int = 0
    acc: float = 0.0
    ari: float = 0.0
    macro_acc: float = 0.0
    failure: str | None = None


def measure(path: Path, planted: Planted, *, total_given: bool) -> Run:
    """Read, discover and write as `falcon discover` does, then judge the result.

    Parameters
    ----------
    path
        The `.npy` file that `Planted.write` left.
    planted
        What it holds.
    total_given
        Whether the discovery is told how many fine classes there are.
    """
    known = CountConfig(n_fine=planted.n_fine if total_given else None)
    config = DiscoveryConfig(counts=known, seed=SEED)
    began = time.perf_counter()
    dataset = load_dataset(path)
    read = time.perf_counter() - began
    found = discover_to(path.parent / "result", dataset, config)
    seconds, peak = time.perf_counter() - began, peak_rss_bytes()
    stages = {"read": read} | {stage.name: stage.seconds for stage in found.stages}
    stages["write"] = seconds - sum(stages.values())
    true, pred = load_truth(path).aligned_to(found.ids), found.assignments.fine
    scores = agreement(true, pred)
    return Run(
        *(len(true), planted.n_coarse, total_given, stages, seconds, peak),
        acc=scores["acc"],
        ari=scores["ari"],
        macro_acc=scores["macro_acc"],
    )
