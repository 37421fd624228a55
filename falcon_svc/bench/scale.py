"""Scale benchmark: seconds, memory and accuracy as samples or coarse classes grow in number.

`falcon bench scale [--sizes 10000,100000,1000000] [--coarse 500,2000] [--json FILE]`. Sizes are
numbers of samples: planted data of 128 dimensions, 100 coarse and 1,000 fine classes
(`falcon_svc.bench.planted`); the total of 1,000 is given. With `--coarse` it is the number of
coarse classes that grows (`MANY`): each holds 3 fine classes of 30 samples in 64 dimensions, and
nothing is given. Every run is a process of its own, so that its peak memory is its own: it reads
the data set from disk, discovers, and writes the whole result directory. The exponent b of
seconds ~ N^b is the slope of a straight line through log seconds over log N; 1 is linear growth.
"""

from __future__ import annotations

import multiprocessing
import os
import tempfile
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, replace
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

MANY = Planted(dim=64, n_coarse=1, n_fine=3, coarse_spread=10.0, fine_spread=1.5)
"""One coarse class of those that `--coarse` plants many of."""

MANY_ROWS = 90
"""Samples of one of them."""


def run(
    sizes: Sequence[int] = SIZES,
    json_path: Path | None = None,
    progress: Progress | None = None,
    *,
    planted: Planted | None = None,
    coarse: Sequence[int] = (),
) -> str:
    """Run the benchmark.

    Parameters
    ----------
    sizes
        Numbers of samples.
    json_path
        Where the figures are also written, anew after every run.
    progress
        Told of every run.
    planted
        The data; None = those of this module's docstring.
    coarse
        Numbers of coarse classes to measure besides.

    Returns
    -------
    str
        Markdown table and a line with the growth exponent.
    """
    planted, runs = planted or Planted(), list[Run]()
    cases = [(size, planted, True) for size in sorted(sizes)]
    cases += [(n * MANY_ROWS, many_coarse(n), False) for n in sorted(coarse)]
    for size, data, total_given in cases:
        text = f"{size:,} samples, {data.n_coarse:,} coarse classes"
        (progress or Silent()).stage(text, 1)
        runs.append(_in_child(size, data, total_given=total_given))
        write_json(json_path, _document(planted, runs))
    return _report(runs)


def many_coarse(n_coarse: int) -> Planted:
    """Return `MANY` times a number of coarse classes."""
    return replace(MANY, n_coarse=n_coarse, n_fine=n_coarse * MANY.n_fine)


def _in_child(size: int, planted: Planted, *, total_given: bool) -> Run:
    """Run one size in a fresh process; a killed one is a result too."""
    context = multiprocessing.get_context("spawn")
    with (
        tempfile.TemporaryDirectory(prefix="falcon-scale-") as folder,
        ProcessPoolExecutor(1, mp_context=context) as pool,
    ):
        path = planted.write(Path(folder), size, seed=SEED)
        try:
            return pool.submit(measure, path, planted, total_given=total_given).result()
        except BrokenProcessPool:
            why = "the process was killed, most likely for its memory"
            return Run(size, planted.n_coarse, total_given, failure=why)


def growth_exponent(runs: Sequence[Run]) -> float | None:
    """Return the least-squares slope of log seconds over log N; None below two sizes.

    Parameters
    ----------
    runs
        Of one kind of data.
    """
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
        "growth_exponent": growth_exponent(_kind(runs, total_given=True)),
        "growth_exponent_coarse": growth_exponent(_kind(runs, total_given=False)),
    }


def _kind(runs: Sequence[Run], *, total_given: bool) -> list[Run]:
    return [run for run in runs if run.total_given is total_given]


def _report(runs: list[Run]) -> str:
    stages = list(dict.fromkeys(name for run in runs for name in run.stages))
    titles = (*TITLES.values(), *(f"{name} s" for name in stages))
    header = ("samples", "coarse classes", "given", "s", "peak RSS GiB", *titles)
    parts = [markdown(header, (_cells(run, stages) for run in runs))]
    for what, total_given in (("samples", True), ("coarse classes", False)):
        slope = growth_exponent(_kind(runs, total_given=total_given))
        if slope is not None:
            parts.append(f"Growth exponent of seconds over {what}: {slope:.2f}")
    return "\n\n".join(parts)


def _cells(run: Run, stages: list[str]) -> tuple[str, ...]:
    given = "total" if run.total_given else "nothing"
    case = (f"{run.n_samples:,}", f"{run.n_coarse:,}", given)
    if run.failure is not None:
        return (*case, run.failure, *[""] * (1 + len(TITLES) + len(stages)))
    return (
        *case,
        f"{run.seconds:.1f}",
        f"{run.peak_rss_bytes / 2**30:.2f}",
        *(f"{100 * getattr(run, name):.1f}" for name in TITLES),
        *(f"{run.stages.get(name, 0.0):.1f}" for name in stages),
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Print the table; see this module's docstring for the arguments."""
    flags = parser("scale", "Seconds, memory and accuracy as samples or coarse classes grow.")
    flags.add_argument(
        "--sizes",
        help="numbers of samples to measure; "
        + f"{','.join(map(str, SIZES))} unless --coarse is given",
    )
    flags.add_argument("--coarse", help="numbers of coarse classes to measure, such as 500,2000")
    given = flags.parse_args(argv)
    coarse = _numbers(given.coarse)
    sizes = _numbers(given.sizes) or (() if coarse else SIZES)
    print(run(sizes, given.json, progress_of(given), coarse=coarse))
    return 0


def _numbers(text: str | None) -> tuple[int, ...]:
    return tuple(int(number) for number in text.split(",")) if text else ()


if __name__ == "__main__":
    raise SystemExit(main())
