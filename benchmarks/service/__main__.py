"""Service benchmark: a real `falcon serve` under load, beside the targets it must reach.

`python -m benchmarks.service [--quick] [--only NAME,...] [--soak-s S] [--json FILE]`, in a clone:
the load generator is no part of the wheel. One service on loopback with a temporary data directory,
a discovery that trains on all cores at the default niceness, and a client whose own processor time
is reported. Everything ends with the benchmark and nothing is left. Linux only, as it reads /proc.
"""

from __future__ import annotations

import os
import platform
import shutil
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from benchmarks.service import jobs, listing, reads, small, streams, transfers
from benchmarks.service.processes import PROC
from benchmarks.service.row import QUICK, Row, Sizes
from benchmarks.service.site import Site
from falcon_svc import __version__
from falcon_svc.bench.command import parser, progress_of
from falcon_svc.bench.table import markdown, write_json
from falcon_svc.errors import ConfigError, FalconError
from falcon_svc.progress import Progress, Silent

Case = Callable[[Site, Sizes], Iterable[Row]]
CASES: dict[str, Case] = {
    "small_jobs": small.small_jobs,
    "predict": reads.predict,
    "status": reads.status,
    "slow_clients": reads.slow_clients,
    "overload": reads.overload,
    "uploads": transfers.uploads,
    "downloads": transfers.downloads,
    "submits": jobs.submits,
    "streams": streams.streams,
    "fairness": jobs.fairness,
    "cancel": jobs.cancel,
    "listing": listing.listing,
}
"""In the order in which they run: first what needs a free slot, last what changes the most."""


def run(
    json_path: Path | None = None,
    progress: Progress | None = None,
    *,
    sizes: Sizes | None = None,
    only: Sequence[str] = (),
) -> str:
    """Run the benchmark.

    Parameters
    ----------
    json_path
        Where the figures are also written, after every case.
    progress
        Told of every case.
    sizes
        How much of everything; None = as in the targets.
    only
        Names of `CASES`; none = all.

    Returns
    -------
    str
        Markdown table.

    Raises
    ------
    ConfigError
        An unknown case, no Linux, or too little room for the files.
    """
    sizes = sizes or Sizes()
    _check(only, sizes)
    rows: list[Row] = []
    with (
        tempfile.TemporaryDirectory(prefix="falcon-bench-") as folder,
        Site(Path(folder), sizes) as site,
    ):
        for name, case in CASES.items():
            if not only or name in only:
                (progress or Silent()).stage(name, 1)
                rows += _rows(name, case, site, sizes)
            write_json(json_path, _document(sizes, rows))
    return _table(rows)


def _rows(name: str, case: Case, site: Site, sizes: Sizes) -> list[Row]:
    """Run a case; one that breaks off says so in its row, and the others go on."""
    try:
        return list(case(site, sizes))
    except (FalconError, OSError) as error:
        return [Row(name, name, "", f"{type(error).__name__}: {error}", passed=False)]


def _check(only: Sequence[str], sizes: Sizes) -> None:
    unknown = sorted(set(only) - set(CASES))
    if unknown:
        raise ConfigError(
            f"Expected --only with names among {', '.join(CASES)}, found {unknown[0]!r}; leave it "
            "out."
        )
    if not PROC.is_dir():
        raise ConfigError("Expected /proc, found none; run this benchmark on Linux.")
    needed = 3 * max(sizes.uploads * sizes.upload_bytes, sizes.download_bytes)
    free = shutil.disk_usage(tempfile.gettempdir()).free
    if free < needed:
        raise ConfigError(
            f"Expected {needed / 1e9:.1f} GB free in {tempfile.gettempdir()}, found "
            f"{free / 1e9:.1f}; free some, name another folder in TMPDIR, or take --quick."
        )


def _document(sizes: Sizes, rows: list[Row]) -> dict[str, Any]:
    return {
        "schema_version": "1.0",
        "benchmark": "service",
        "cpus": os.cpu_count(),
        "version": __version__,
        "python": platform.python_version(),
        "sizes": asdict(sizes),
        "rows": [asdict(row) for row in rows],
    }


def _table(rows: list[Row]) -> str:
    header = ("what", "target", "measured", "", "load", "client", "API", "job")
    return markdown(header, (_cells(row) for row in rows))


def _cells(row: Row) -> tuple[str, ...]:
    during = row.during
    told = (row.what, row.target, row.measured, "pass" if row.passed else "FAIL")
    if during is None:
        return (*told, "", "", "", "")
    cores = (during.client_cores, during.api_cores, during.job_cores)
    return (*told, f"{during.load_average:.1f}", *(f"{n:.2f}" for n in cores))


def main(argv: Sequence[str] | None = None) -> int:
    """Print the table; see this module's docstring for the arguments."""
    flags = parser("service", "A real service under load, beside its targets.")
    flags.prog = "python -m benchmarks.service"
    flags.add_argument("--quick", action="store_true", help="take a tenth of the bytes and rows")
    flags.add_argument("--only", default="", metavar="NAME,...", help=", ".join(CASES))
    soak_s, help_s = Sizes().soak_s, "seconds of the event streams"
    flags.add_argument("--soak-s", type=float, default=soak_s, metavar="S", help=help_s)
    given = flags.parse_args(argv)
    sizes = replace(QUICK if given.quick else Sizes(), soak_s=given.soak_s)
    only = [name for name in given.only.split(",") if name]
    print(run(given.json, progress_of(given), sizes=sizes, only=only))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
