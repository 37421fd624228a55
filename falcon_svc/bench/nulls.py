"""How often a discovery that is told nothing splits what is one class: its false positive rate.

`falcon bench nulls [SET ...] [--kinds KIND,...] [--seeds 0] [--methods NAME,...]
[--split-model FILE] [--json FILE]`.
Of every set nulls of every kind are made (`falcon_svc.bench.made_sets`), in which each coarse
class holds one fine class; every coarse class with more than one found is a false positive.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from falcon_svc.bench.bench_set import BenchSet
from falcon_svc.bench.command import add_split_model, parser, progress_of
from falcon_svc.bench.made_sets import KINDS, Kind, Made
from falcon_svc.bench.methods import METHODS, chosen_among
from falcon_svc.bench.quality import reason
from falcon_svc.bench.set_name import SHIPPED, parse_all
from falcon_svc.bench.table import markdown, write_json
from falcon_svc.discovery.counts.split_model import constants_from
from falcon_svc.errors import FalconError
from falcon_svc.pipeline.record import versions
from falcon_svc.progress import Progress, Silent
from falcon_svc.result.record import VERDICTS

ALL_SETS = "all sets"
HEADER = ("set", "null", "method", "coarse classes", "split", "share split", "fine classes found")
CALLED = tuple(f"called {verdict}" for verdict in reversed(VERDICTS))
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Row:
    """What a method found in one kind of null of one set, all seeds together.

    Parameters
    ----------
    set, kind, method
        Which; `method` is the name on the command line.
    n_coarse
        Coarse classes, which is also the true number of fine classes.
    n_split
        Coarse classes of which more than one fine class was found.
    n_fine
        Fine classes found.
    verdicts
        How many coarse classes each verdict was said of; empty where the method says none.
    failure
        Why there are no figures, None where there are.
    """

    set: str
    kind: str
    method: str
    n_coarse: int = 0
    n_split: int = 0
    n_fine: int = 0
    verdicts: Counter[str] = field(default_factory=Counter)
    failure: str | None = None

    @property
    def share_split(self) -> float | None:
        """False positive rate in [0, 1]; None where nothing was measured."""
        return self.n_split / self.n_coarse if self.n_coarse else None

    def cells(self) -> tuple[str, ...]:
        """Return the cells of the Markdown table."""
        named = (self.set, self.kind, METHODS[self.method].title)
        if self.share_split is None:
            return (*named, "", "", "", f"failed: {self.failure}", *[""] * len(VERDICTS))
        share = f"{100 * self.share_split:.1f} %"
        found = (f"{self.n_coarse:,}", f"{self.n_split:,}", share, f"{self.n_fine:,}")
        return (*named, *found, *(self._called(verdict) for verdict in reversed(VERDICTS)))

    def _called(self, verdict: str) -> str:
        return f"{100 * self.verdicts[verdict] / self.n_coarse:.1f} %" if self.verdicts else ""

    def document(self) -> dict[str, Any]:
        """Return the row JSON-ready."""
        return {**vars(self), "share_split": self.share_split}


def run(
    paths: Sequence[str] = (),
    *,
    kinds: Sequence[str] | None = None,
    seeds: Sequence[int] = (0,),
    methods: Sequence[str] = ("auto",),
    json_path: Path | None = None,
    progress: Progress | None = None,
) -> str:
    """Run the benchmark.

    Parameters
    ----------
    paths
        Names of data sets or of groups of them; none = the one that ships.
    kinds
        Some of `KINDS`; None = all.
    seeds
        One null and one run per seed.
    methods
        Keys of `METHODS`; those that are told counts are told ones.
    json_path
        Where the figures are also written, anew after every set.
    progress
        Told of every null.

    Returns
    -------
    str
        Markdown table, a line per set, kind and method, and one per kind and method for all sets.

    Raises
    ------
    InputError, ConfigError
        A set, kind or method cannot be used.
    """
    chosen: list[Kind] = chosen_among(KINDS, kinds, what="kinds")
    named = chosen_among(METHODS, methods, what="methods")
    rows: list[Row] = []
    for name in parse_all(paths or (SHIPPED,)):
        data = name.load()
        for kind, method in product(chosen, named):
            (progress or Silent()).stage(f"{data.name}: {kind}, {METHODS[method].title}", 1)
            rows.append(_measured(data, kind, method, seeds))
        write_json(json_path, _document(seeds, [*rows, *_together(rows)]))
    return markdown((*HEADER, *CALLED), (row.cells() for row in [*rows, *_together(rows)]))


def _measured(data: BenchSet, kind: Kind, method: str, seeds: Sequence[int]) -> Row:
    """Run the method's first variant once per seed; a failure is a result."""
    call = next(iter(METHODS[method].variants.values()))
    try:
        nulls = ((Made(null=kind, seed=seed).apply(data), seed) for seed in seeds)
        answers = [call(null, seed) for null, seed in nulls]
    except Exception as error:
        unexpected = not isinstance(error, FalconError)
        _log.warning("%s, %s, %s failed", data.name, kind, method, exc_info=unexpected)
        return Row(data.name, kind, method, failure=reason(error))
    found = np.concatenate([answer.counts for answer in answers])
    said = Counter(word for answer in answers for word in answer.verdicts)
    return Row(data.name, kind, method, len(found), int((found > 1).sum()), int(found.sum()), said)


def _together(rows: Iterable[Row]) -> list[Row]:
    """Add up the sets that did not fail, kind by kind and method by method."""
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        if row.failure is None:
            groups.setdefault((row.kind, row.method), []).append(row)
    return [
        Row(
            *(ALL_SETS, kind, method),
            n_coarse=sum(row.n_coarse for row in group),
            n_split=sum(row.n_split for row in group),
            n_fine=sum(row.n_fine for row in group),
            verdicts=sum((row.verdicts for row in group), Counter()),
        )
        for (kind, method), group in groups.items()
    ]


def _document(seeds: Sequence[int], rows: list[Row]) -> dict[str, Any]:
    return {
        "schema_version": "1.0",
        "benchmark": "nulls",
        "seeds": list(seeds),
        "versions": versions(),
        "rows": [row.document() for row in rows],
    }


def main(argv: Sequence[str] | None = None) -> int:
    """Print the table; see this module's docstring for the arguments."""
    flags = parser("nulls", "How often a discovery splits coarse classes that hold one class.")
    flags.add_argument(
        "sets", nargs="*", metavar="SET", help="sets to measure: shipped, or FILE@KEY=VALUE,..."
    )
    flags.add_argument("--kinds", help=f"some of {','.join(KINDS)}")
    flags.add_argument("--seeds", default="0", help="seeds, one null and one run each")
    flags.add_argument("--methods", default="auto", help=f"some of {','.join(METHODS)}")
    add_split_model(flags)
    given = flags.parse_args(argv)
    with constants_from(given.split_model):
        table = run(
            given.sets,
            kinds=given.kinds.split(",") if given.kinds else None,
            seeds=[int(seed) for seed in given.seeds.split(",")],
            methods=given.methods.split(","),
            json_path=given.json,
            progress=progress_of(given),
        )
    print(table)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
