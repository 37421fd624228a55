"""Scale benchmark: seconds, memory and accuracy as the number of samples grows.

`falcon bench scale [--sizes 10000,100000,1000000] [--json FILE]`. Planted data of 128 dimensions,
100 coarse and 1,000 fine classes (`falcon_svc.bench.planted`); the total of 1,000 is given. Every
size runs in a process of its own, so that its peak memory is its own: it reads the data set from
disk, discovers, and writes the whole result directory. The exponent b of seconds ~ N^b is the
slope of a straight line through log seconds over log N; 1 is linear growth.
"""

from __future__ import annotations

import multiprocessing
import os
import tempfile
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from falcon_svc.bench.command import parser, progress_of
from falcon_svc.bench.planted import Planted
from falcon_svc.bench.scale_child import SEED, Run, measure
from falcon_svc.bench.scores import TITLES
from falcon_svc.bench.table import markdown, write_json
from falcon_svc.pipeline.record import versions
from falcon_svc.progress import Progress, Silent

SIZES = (10_000, 100_000, 1_000_000)


def run(
    sizes: Sequence[int] = SIZES,
    json_path: Path | None = None,
    progress: Progress | None = None,
    *,
    planted: Planted | None = None,
) -> str:
    """Run the benchmark.

    Parameters
    ----------
    sizes
        Numbers of samples.
    json_path
        Where the figures are also written, anew after every size.
    progress
        Told of every size.
    planted
        The data; None = those of this module's docstring.

    Returns
    -------
    str
        Markdown table and a line with the growth exponent.
    """
    planted, runs = planted or Planted(), []
    for size in sorted(sizes):
        (progress or Silent()).stage(f"{size:,} samples", 1)
        runs.append(_in_child(size, planted))
        write_json(json_path, _document(planted, runs))
    return _report(runs)


def _in_child(size: int, planted: Planted) -> Run:
    """Run one size in a fresh process; a killed one is a result too."""
    context = multiprocessing.get_context("spawn")
    with (
        tempfile.TemporaryDirectory(prefix="falcon-scale-") as folder,
        ProcessPoolExecutor(1, mp_context=context) as pool,
    ):
        path = planted.write(Path(folder), size, seed=SEED)
        try:
            return pool.submit(measure, path, planted).result()
        except BrokenProcessPool:
            return Run(size, failure="the process was killed, most likely for its memory")


def growth_exponent(runs: Sequence[Run]) -> float | None:
    """Return the least-squares slope of log seconds over log N; None below two sizes."""
    done = [run for run in runs if run.failure is None]
    if len({run.n_samples for run in done}) < 2:
        return None
    size, seconds = ([getattr(run, name) for run in done] for name in ("n_samples", "seconds"))
    return float(np.polyfit(np.log(size), np.log(seconds), 1)[0])


def _document(planted: Planted, runs: list[Run]) -> dict[str, Any]:
    return {
        "schema_version": "1.0",
        "benchmark": "scale",
        "cpus": os.cpu_count(),
        "planted": asdict(planted),
        "versions": versions(),
        "runs": [asdict(run) for run in runs],
        "growth_exponent": growth_exponent(runs),
    }


def _report(runs: list[Run]) -> str:
    stages = list(dict.fromkeys(name for run in runs for name in run.stages))
    titles = (*TITLES.values(), *(f"{name} s" for name in stages))
    header = ("samples", "s", "peak RSS GiB", *titles)
    table = markdown(header, (_cells(run, stages) for run in runs))
    slope = growth_exponent(runs)
    return table if slope is None else f"{table}\n\nGrowth exponent of seconds: {slope:.2f}"


def _cells(run: Run, stages: list[str]) -> tuple[str, ...]:
    size = f"{run.n_samples:,}"
    if run.failure is not None:
        return (size, run.failure, *[""] * (1 + len(TITLES) + len(stages)))
    return (
        size,
        f"{run.seconds:.1f}",
        f"{run.peak_rss_bytes / 2**30:.2f}",
        *(f"{100 * getattr(run, name):.1f}" for name in TITLES),
        *(f"{run.stages.get(name, 0.0):.1f}" for name in stages),
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Print the table; see this module's docstring for the arguments."""
    flags = parser("scale", "Seconds, memory and accuracy as the number of samples grows.")
    flags.add_argument(
        "--sizes", default=",".join(map(str, SIZES)), help="numbers of samples to measure"
    )
    given = flags.parse_args(argv)
    sizes = [int(size) for size in given.sizes.split(",")]
    print(run(sizes, given.json, progress_of(given)))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
