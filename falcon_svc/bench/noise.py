"""Noise benchmark: coarse labels made wrong on purpose, found again, and what they cost.

`falcon bench noise [SET ...] [--rates 0,0.05,0.1,0.2,0.4] [--kinds uniform,near] [--seed 0]
[--discover] [--json FILE]`; sets are named as in `falcon_svc.bench.bench_set`. ``uniform`` moves a
label to any other coarse class, ``near`` to the one whose mean is nearest to that of its own.
Precision and recall are of the samples with the highest probabilities, as many as were estimated
to be wrong. With ``--discover`` two discoveries follow, given the true total: with all labels
believed, and with `coarse_noise = "auto"`; their ACC is over the samples whose label was not moved.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from falcon_svc.bench.bench_set import BenchSet
from falcon_svc.bench.command import parser, progress_of
from falcon_svc.bench.set_name import SHIPPED, SetName
from falcon_svc.bench.table import markdown, write_json
from falcon_svc.config import make_config
from falcon_svc.discovery.labels.noise import find_label_noise
from falcon_svc.discovery.partition.shared_metric import class_means
from falcon_svc.errors import ConfigError
from falcon_svc.metrics import accuracy_score
from falcon_svc.pipeline.discover import discover
from falcon_svc.pipeline.record import versions
from falcon_svc.progress import Progress, Silent
from falcon_svc.result.record import LabelNoise
from falcon_svc.types import BoolArray, FloatArray, IntArray, LabelSource

RATES = (0.0, 0.05, 0.1, 0.2, 0.4)
HEADER = (
    *("set", "kind", "wrong", "found", "90 % interval", "precision", "recall", "proposal right"),
    *("ACC, all believed", "ACC, judged", "s"),
)


@dataclass(frozen=True)
class Row:
    """One set at one rate; None where there is nothing to count."""

    set: str
    kind: str
    rate: float
    found: float
    low: float
    high: float
    precision: float | None
    recall: float | None
    proposal_right: float | None
    seconds: float
    acc_believed: float | None = None
    acc_judged: float | None = None

    def cells(self) -> tuple[str, ...]:
        """Return the cells of the Markdown table."""
        return (
            *(self.set, self.kind, _percent(self.rate), _percent(self.found)),
            f"{_percent(self.low)}-{_percent(self.high)}",
            *map(_percent, (self.precision, self.recall, self.proposal_right)),
            *map(_percent, (self.acc_believed, self.acc_judged)),
            f"{self.seconds:.1f}",
        )


_Random = np.random.Generator


def moved_uniformly(x: FloatArray, source: LabelSource, rows: IntArray, rng: _Random) -> IntArray:
    """Return new labels (len(rows),), every other class alike."""
    shift = rng.integers(1, source.n_coarse, len(rows))
    return np.asarray((source.labels[rows] + shift) % source.n_coarse)


def moved_near(x: FloatArray, source: LabelSource, rows: IntArray, rng: _Random) -> IntArray:
    """Return new labels (len(rows),): the class of the nearest mean."""
    means = class_means(x, source.labels + 1, source.n_coarse + 1)[1:]
    distance = ((means[:, None] - means[None]) ** 2).sum(axis=2)
    np.fill_diagonal(distance, np.inf)
    return np.asarray(distance.argmin(axis=1)[source.labels[rows]])


KINDS: dict[str, Callable[[FloatArray, LabelSource, IntArray, _Random], IntArray]] = {
    "uniform": moved_uniformly,
    "near": moved_near,
}
"""How labels are moved, by name."""


def with_wrong_labels(data: BenchSet, kind: str, rate: float, seed: int) -> BenchSet:
    """Return the set with a share of its coarse labels moved."""
    source, random = data.dataset.coarse, np.random.default_rng(seed)
    labelled = np.flatnonzero(source.labels >= 0)
    rows = random.permutation(labelled)[: round(rate * len(labelled))]
    labels = source.labels.copy()
    labels[rows] = KINDS[kind](data.features, source, rows, random)
    sources = (replace(source, labels=labels), *data.dataset.sources[1:])
    return replace(data, dataset=replace(data.dataset, sources=sources, digest=f"{kind}{rate}"))


def run(
    paths: Sequence[str] = (),
    *,
    rates: Sequence[float] = RATES,
    kinds: Sequence[str] = tuple(KINDS),
    seed: int = 0,
    discoveries: bool = False,
    json_path: Path | None = None,
    progress: Progress | None = None,
) -> str:
    """Run the benchmark and return its table; see this module's docstring for the parameters."""
    unknown = sorted(set(kinds) - set(KINDS))
    if unknown:
        raise ConfigError(f"Expected kinds among {', '.join(KINDS)}, found {', '.join(unknown)}.")
    rows: list[Row] = []
    for data in (SetName.parse(path).load() for path in paths or (SHIPPED,)):
        for kind, rate in _cases(kinds, rates):
            (progress or Silent()).stage(f"{data.name}: {kind} {rate:g}", 1)
            rows.append(measured(data, kind, rate, seed=seed, discoveries=discoveries))
            write_json(json_path, _document(seed, rows))
    return markdown(HEADER, (row.cells() for row in rows))


def _cases(kinds: Sequence[str], rates: Sequence[float]) -> Iterator[tuple[str, float]]:
    """Nothing moved is the same whatever the kind."""
    for place, kind in enumerate(kinds):
        for rate in rates:
            if rate > 0 or place == 0:
                yield kind, rate


def measured(data: BenchSet, kind: str, rate: float, *, seed: int, discoveries: bool) -> Row:
    """Return one row."""
    noisy = with_wrong_labels(data, kind, rate, seed)
    before, after = data.dataset.coarse, noisy.dataset.coarse
    began = time.perf_counter()
    noise = find_label_noise(noisy.features, after, None, seed=seed)
    seconds = time.perf_counter() - began
    if noise is None:
        raise ConfigError(f"The labels of {data.name} cannot be judged: too few samples a class.")
    row = Row(
        *(data.name, kind, rate, noise.rate, noise.low, noise.high),
        *_hits(noise, before, after),
        seconds=seconds,
    )
    if not discoveries:
        return row
    clean = before.labels == after.labels
    return replace(
        row,
        acc_believed=_accuracy(noisy, "none", data.n_fine, clean, seed),
        acc_judged=_accuracy(noisy, "auto", data.n_fine, clean, seed),
    )


def _hits(
    noise: LabelNoise, before: LabelSource, after: LabelSource
) -> tuple[float | None, float | None, float | None]:
    """Precision, recall, and the share of right proposals among the suspects rightly found."""
    moved = before.labels != after.labels
    doubt = np.nan_to_num(noise.wrong_probability, nan=-1.0)
    top = np.argsort(-doubt, kind="stable")[: round(float(noise.expected.sum()))]
    caught = noise.suspected[moved[noise.suspected]]
    right = noise.proposed[caught] == before.labels[caught]
    return (
        float(moved[top].mean()) if len(top) and moved.any() else None,
        float(moved[top].sum() / moved.sum()) if moved.any() else None,
        float(right.mean()) if len(right) else None,
    )


def _accuracy(data: BenchSet, coarse_noise: str, n_fine: int, clean: BoolArray, seed: int) -> float:
    """ACC over the clean rows; `n_fine` is the true total, which moved labels hide."""
    settings = {"counts": {"n_fine": n_fine}, "labels": {"coarse_noise": coarse_noise}}
    config = make_config({**settings, "seed": seed, "encoder": {"name": "none"}})
    found = discover(data.dataset, config).discovery.assignments.fine
    rows = data.judged[clean[data.judged]]
    return accuracy_score(data.truth[rows], found[rows])


def _document(seed: int, rows: list[Row]) -> dict[str, object]:
    return {
        "schema_version": "1.0",
        "benchmark": "noise",
        "seed": seed,
        "versions": versions(),
        "rows": [asdict(row) for row in rows],
    }


def _percent(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.1f}"


def main(argv: Sequence[str] | None = None) -> int:
    """Print the table; see this module's docstring for the arguments."""
    flags = parser("noise", "Wrong coarse labels found, and what they cost.")
    flags.add_argument(
        "sets", nargs="*", metavar="SET", help="sets to measure: shipped, or FILE@KEY=VALUE,..."
    )
    flags.add_argument("--rates", default=",".join(f"{rate:g}" for rate in RATES))
    flags.add_argument("--kinds", default=",".join(KINDS))
    flags.add_argument("--seed", type=int, default=0)
    flags.add_argument("--discover", action="store_true", help="make two discoveries per row, too")
    given = flags.parse_args(argv)
    table = run(
        given.sets,
        rates=[float(rate) for rate in given.rates.split(",")],
        kinds=given.kinds.split(","),
        seed=given.seed,
        discoveries=given.discover,
        json_path=given.json,
        progress=progress_of(given),
    )
    print(table)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
