"""`falcon remote ...`: the commands of this machine, carried out by a service."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from falcon_svc.errors import ConfigError

if TYPE_CHECKING:
    from falcon_svc.client import Falcon

Url = Annotated[
    str, typer.Option("--url", envvar="FALCON_URL", help="Of the service.", show_default=True)
]
Key = Annotated[str | None, typer.Option("--key", envvar="FALCON_KEY", help="API key.")]
JobId = Annotated[str, typer.Argument(metavar="JOB")]
LOCAL = "http://127.0.0.1:8000"
FILES = ("report", "model", "assignments")

remote = typer.Typer(name="remote", help="Discover on a service.", no_args_is_help=True)


@remote.command("discover")
def discover(
    source: Annotated[Path, typer.Argument(metavar="INPUT", help="One file.")],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="For the results.")],
    n_fine: Annotated[int | None, typer.Option("--n-fine", help="Fine classes in all.")] = None,
    config: Annotated[Path | None, typer.Option("--config", metavar="FILE.toml")] = None,
    coarse_column: Annotated[str | None, typer.Option("--coarse-column")] = None,
    url: Url = LOCAL,
    key: Key = None,
) -> None:
    """Send INPUT, wait for its fine classes, and save report, model and assignments."""
    tables = _tables(config, n_fine)
    options = {} if coarse_column is None else {"coarse_column": coarse_column}
    _check_out(out)
    with _service(url, key) as falcon:
        dataset = falcon.upload(source, options=options)
        job = falcon.submit(dataset["id"], tables)
        print(f"job {job['id']}", file=sys.stderr)
        _follow(falcon, job["id"])
        _save(falcon, falcon.wait(job["id"])["id"], out)


def _tables(config: Path | None, n_fine: int | None) -> dict[str, Any]:
    from falcon_svc.config import read_config

    tables = {} if config is None else read_config(config)
    return tables if n_fine is None else {**tables, "counts": {"n_fine": n_fine}}


def _check_out(out: Path) -> None:
    if out.exists() and not out.is_dir():
        raise ConfigError(f"Expected --out to name a directory, found the file {out}; rename it.")


def _follow(falcon: Falcon, job_id: str) -> None:
    for event in falcon.events(job_id):
        if event["kind"] == "state":
            print(event["state"], file=sys.stderr)
        elif event.get("done") == 0:
            print(f"  {event['stage']}", file=sys.stderr)


def _save(falcon: Falcon, job_id: str, out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    for name, suffix in zip(FILES, (".html", ".zip", ".parquet"), strict=True):
        falcon.download(job_id, name, out / f"{name}{suffix}")
    (out / "classes.json").write_text(json.dumps(falcon.classes(job_id), indent=1), "utf-8")
    (out / "graph.json").write_bytes(falcon.graph(job_id))
    print(f"{len(falcon.classes(job_id))} fine classes: {out / 'report.html'}")


@remote.command("jobs")
def jobs(url: Url = LOCAL, key: Key = None) -> None:
    """List jobs: id, state, stage, when."""
    with _service(url, key) as falcon:
        for job in falcon.jobs():
            print(f"{job['id']}  {job['state']:<10} {job['stage'] or '':<12} {job['created_at']}")


@remote.command("show")
def show(job_id: JobId, url: Url = LOCAL, key: Key = None) -> None:
    """Print a job as JSON."""
    with _service(url, key) as falcon:
        print(json.dumps(falcon.job(job_id), indent=1))


@remote.command("cancel")
def cancel(job_id: JobId, url: Url = LOCAL, key: Key = None) -> None:
    """Cancel a job."""
    with _service(url, key) as falcon:
        print(falcon.cancel(job_id)["state"])


@remote.command("fetch")
def fetch(
    job_id: JobId,
    out: Annotated[Path, typer.Option("--out", metavar="DIR")],
    url: Url = LOCAL,
    key: Key = None,
) -> None:
    """Wait for a job and save its results."""
    _check_out(out)
    with _service(url, key) as falcon:
        _save(falcon, falcon.wait(job_id)["id"], out)


def _service(url: str, key: str | None) -> Falcon:
    from falcon_svc.client import Falcon

    return Falcon(url, key)
