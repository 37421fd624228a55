"""Quality benchmark: our discovery beside baselines, on the same features in the same run.

`falcon bench quality [SET ...] [--seeds 0,1,2] [--methods NAME,...] [--json FILE]`; how sets are
named is told in `falcon_svc.bench.set_name`. Figures are over samples with a fine label: ACC by
one Hungarian match over all fine classes, ARI, macro accuracy under the same match, and how far
the numbers of fine classes per coarse class are off. Nothing that trains or selects reads the
fine truth; where a method is "given" counts, they come from it and through the configuration.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from falcon_svc.bench.bench_set import BenchSet
from falcon_svc.bench.command import add_split_model, parser, progress_of
from falcon_svc.bench.methods import METHODS, Answer, Variant, chosen_among
from falcon_svc.bench.scores import TITLES, agreement
from falcon_svc.bench.set_name import SHIPPED, parse_all
from falcon_svc.bench.table import Figure, markdown, write_json
from falcon_svc.discovery.counts.split_model import constants_from
from falcon_svc.errors import FalconError
from falcon_svc.pipeline.record import versions
from falcon_svc.progress import Progress, Silent

SEEDS = (0, 1, 2)
HEADER = (
    *("set", "method", *TITLES.values(), *(f"{title} unmasked" for title in TITLES.values())),
    *("F", "misplaced", "interval", "s", "variant"),
)
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Row:
    """One method on one set.

    Parameters
    ----------
    set, method, title
        Which; `method` is the name on the command line.
    n_fine_true
        F of the set.
    variant
        Which of the method's variants is shown.
    variants
        Per variant that did not fail acc, ari, macro_acc, n_fine, n_misplaced, seconds; of heads
        the first three also with _unmasked; where the method gives intervals of the number of
        fine classes per coarse class, interval_holds (share) and interval_width (mean).
    failure
        What went wrong where no variant came through, else None.
    """

    set: str
    method: str
    title: str
    n_fine_true: int
    variant: str
    variants: dict[str, dict[str, Figure]]
    failure: str | None = None

    @property
    def figures(self) -> dict[str, Figure]:
        """Figures of the variant that is shown; empty on failure."""
        return self.variants.get(self.variant, {})

    def cells(self) -> tuple[str, ...]:
        """Return the cells of the Markdown table."""
        if self.failure is not None:
            return (self.set, self.title, *[""] * (len(HEADER) - 3), f"failed: {self.failure}")
        names = [f"{name}{form}" for form in ("", "_unmasked") for name in TITLES]
        return (
            self.set,
            self.title,
            *(self.figures[name].percent() if name in self.figures else "" for name in names),
            f"{round(self.figures['n_fine'].mean, 1):g} of {self.n_fine_true}",
            f"{round(self.figures['n_misplaced'].mean, 1):g}",
            self._interval(),
            f"{self.figures['seconds'].mean:.1f}",
            self.variant,
        )

    def _interval(self) -> str:
        if "interval_holds" not in self.figures:
            return ""
        width = self.figures["interval_width"].mean
        return f"{self.figures['interval_holds'].percent()} (width {width:.1f})"

    def document(self) -> dict[str, Any]:
        """Return the row JSON-ready."""
        variants = {
            name: {key: figure.document() for key, figure in figures.items()}
            for name, figures in self.variants.items()
        }
        figures = variants.get(self.variant, {})
        return {**vars(self), "figures": figures, "variants": variants}


def run(
    paths: Sequence[str] = (),
    *,
    seeds: Sequence[int] = SEEDS,
    methods: Sequence[str] | None = None,
    json_path: Path | None = None,
    progress: Progress | None = None,
) -> str:
    """Run the benchmark.

    Parameters
    ----------
    paths
        Names of data sets or of groups of them; none = the one that ships.
    seeds
        One run per seed.
    methods
        Keys of `METHODS`; None = all.
    json_path
        Where the figures are also written, anew after every set.
    progress
        Told of every method on every set.

    Returns
    -------
    str
        Markdown table, a line per set and method. A method that fails on a set says so there.

    Raises
    ------
    InputError, ConfigError
        A set or method cannot be used.
    """
    names = parse_all(paths or (SHIPPED,))
    chosen = chosen_among(METHODS, methods, what="methods")
    rows: list[Row] = []
    sets: list[dict[str, Any]] = []
    for name in names:
        data = name.load()
        sets.append(data.document())
        for method in chosen:
            (progress or Silent()).stage(f"{data.name}: {METHODS[method].title}", len(seeds))
            rows.append(_measured(data, method, seeds))
        write_json(json_path, _document(seeds, sets, rows))
    return markdown(HEADER, (row.cells() for row in rows))


def _document(seeds: Sequence[int], sets: list[dict[str, Any]], rows: list[Row]) -> dict[str, Any]:
    return {
        "schema_version": "1.0",
        "benchmark": "quality",
        "seeds": list(seeds),
        "versions": versions(),
        "sets": sets,
        "rows": [row.document() for row in rows],
    }


def _measured(data: BenchSet, name: str, seeds: Sequence[int]) -> Row:
    """Run all variants and keep the best; a failure is a result, not the end of the run."""
    method = METHODS[name]
    found: dict[str, dict[str, Figure]] = {}
    failure = None
    for variant, call in method.variants.items():
        try:
            found[variant] = _figures(data, call, seeds if method.seeded else seeds[:1])
        except Exception as error:
            unexpected = not isinstance(error, FalconError)
            _log.warning("%s, %s (%s) failed", data.name, name, variant, exc_info=unexpected)
            failure = reason(error)
    best = max(found, key=lambda variant: found[variant]["acc"].mean, default="")
    return Row(data.name, name, method.title, data.n_fine, best, found, None if found else failure)


def reason(error: Exception) -> str:
    """Return the first line of what went wrong; errors that a user can mend need no type."""
    line = str(error).splitlines()[0] if str(error) else ""
    return line if isinstance(error, FalconError) else f"{type(error).__name__}: {line}"


def _figures(data: BenchSet, call: Variant, seeds: Sequence[int]) -> dict[str, Figure]:
    """Return every figure over the seeds."""
    runs = [_figures_of_run(data, call, seed) for seed in seeds]
    return {name: Figure(tuple(run[name] for run in runs)) for name in runs[0]}


def _figures_of_run(data: BenchSet, call: Variant, seed: int) -> dict[str, float]:
    began = time.perf_counter()
    answer = call(data, seed)
    seconds = time.perf_counter() - began
    return {**_scores(data, answer), **_of_counts(data, answer), "seconds": seconds}


def _scores(data: BenchSet, answer: Answer) -> dict[str, float]:
    rows = data.judged
    figures = agreement(data.truth[rows], answer.fine[rows])
    if answer.unmasked is None:
        return figures
    unmasked = agreement(data.truth[rows], answer.unmasked[rows])
    return figures | {f"{name}_unmasked": score for name, score in unmasked.items()}


def _of_counts(data: BenchSet, answer: Answer) -> dict[str, float]:
    r"""Return how far the numbers of fine classes are off.

    Misplaced are :math:`\sum_q |k_q - k^*_q|` fine classes over the coarse classes with fine truth;
    an interval holds where :math:`l_q \le k^*_q \le h_q`, and is :math:`h_q - l_q` wide.
    """
    known, true = data.has_truth, data.true_counts[data.has_truth]
    figures = {
        "n_fine": float(answer.counts.sum()),
        "n_misplaced": float(np.abs(answer.counts[known] - true).sum()),
    }
    if answer.interval is None:
        return figures
    low, high = answer.interval[known].T
    holds, width = float(((low <= true) & (true <= high)).mean()), float((high - low).mean())
    return {**figures, "interval_holds": holds, "interval_width": width}


def main(argv: Sequence[str] | None = None) -> int:
    """Print the table; see this module's docstring for the arguments."""
    flags = parser("quality", "How well our discovery does beside baselines.")
    flags.add_argument(
        "sets", nargs="*", metavar="SET", help="sets to measure: shipped, or FILE@KEY=VALUE,..."
    )
    flags.add_argument("--seeds", default="0,1,2", help="seeds, one run each")
    flags.add_argument("--methods", help=f"some of {','.join(METHODS)}")
    add_split_model(flags)
    given = flags.parse_args(argv)
    with constants_from(given.split_model):
        table = run(
            given.sets,
            seeds=[int(seed) for seed in given.seeds.split(",")],
            methods=given.methods.split(",") if given.methods else None,
            json_path=given.json,
            progress=progress_of(given),
        )
    print(table)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
