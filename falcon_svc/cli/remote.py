"""`falcon remote ...`: the commands of this machine, carried out by a service."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from falcon_svc.cli import options
from falcon_svc.cli.table_file import TableFile, check_name, write_table
from falcon_svc.errors import ConfigError, InputError

if TYPE_CHECKING:
    from falcon_svc.client import Falcon
    from falcon_svc.client.documents import Dataset, Job

Url = Annotated[
    str,
    typer.Option("--url", envvar="FALCON_URL", help="Address of the service.", show_default=True),
]
Key = Annotated[
    str | None,
    typer.Option("--key", envvar="FALCON_KEY", help="API key, where the service needs one."),
]
JobId = Annotated[str, typer.Argument(metavar="JOB")]
OutDir = Annotated[Path, typer.Option("--out", metavar="DIR", help="Directory for the results.")]
LOCAL = "http://127.0.0.1:8000"
FILES = ("report", "model", "assignments")

remote = typer.Typer(name="remote", help="Discover on a service.", no_args_is_help=True)


@remote.command("discover")
def discover(
    source: Annotated[Path, typer.Argument(metavar="INPUT", help="The data set, as one file.")],
    out: OutDir,
    n_fine: Annotated[
        int | None, typer.Option("--n-fine", help="Number of fine classes in all.")
    ] = None,
    config: options.ConfigFile = None,
    coarse_column: options.CoarseColumn = None,
    url: Url = LOCAL,
    key: Key = None,
) -> None:
    """Send INPUT, wait for its fine classes, and save report, model and assignments."""
    tables = _tables(config, n_fine)
    _check_source(source)
    _check_out(out)
    with _service(url, key) as falcon:
        dataset = _send(falcon, source, coarse_column)
        job = falcon.submit(dataset["id"], tables)
        print(f"job {job['id']}", file=sys.stderr)
        _follow(falcon, job["id"])
        _save(falcon, falcon.wait(job["id"]), out)


def _tables(config: Path | None, n_fine: int | None) -> dict[str, Any]:
    from falcon_svc.config import read_config

    tables = {} if config is None else read_config(config)
    if n_fine is None:
        return tables
    return {**tables, "counts": {**tables.get("counts", {}), "n_fine": n_fine}}


def _check_source(source: Path) -> None:
    if not source.is_file():
        raise InputError(
            f"Expected INPUT to be a file, found none at {source}; mend the path, or zip a folder.",
            code="not_found",
        )


def _check_out(out: Path) -> None:
    if out.exists() and not out.is_dir():
        raise ConfigError(f"Expected --out to name a directory, found the file {out}; rename it.")


def _send(falcon: Falcon, source: Path, coarse_column: str | None) -> Dataset:
    reading = {} if coarse_column is None else {"coarse_column": coarse_column}
    labels = _labels_beside(source)
    if labels is not None:
        return falcon.upload_with_labels(source, labels, options=reading)
    return falcon.upload(source, options=reading)


def _labels_beside(source: Path) -> Path | None:
    """Return the CSV that goes with a `.npy` file, as on this machine."""
    labels = source.with_suffix(".csv")
    return labels if source.suffix == ".npy" and labels.is_file() else None


def _follow(falcon: Falcon, job_id: str) -> None:
    for event in falcon.events(job_id):
        if event["kind"] == "state":
            print(event["state"], file=sys.stderr)
        elif event.get("done") == 0:
            print(f"  {event['stage']}", file=sys.stderr)


def _save(falcon: Falcon, job: Job, out: Path) -> None:
    """Save what a job of its kind has made."""
    out.mkdir(parents=True, exist_ok=True)
    save = {
        "discovery": _save_discovery,
        "classifier": _save_classifier,
        "advice": _save_advice,
        "metrics": _save_metrics,
    }
    save[job["kind"]](falcon, job["id"], out)


def _save_classifier(falcon: Falcon, job_id: str, out: Path) -> None:
    classifier = falcon.classifier(job_id)
    (out / "card.json").write_text(json.dumps(classifier.card(), indent=1), "utf-8")
    print(f"a classifier: {classifier.download(out / 'classifier.safetensors')}")


def _save_advice(falcon: Falcon, job_id: str, out: Path) -> None:
    advice = falcon.advice(job_id)
    (out / "advice.json").write_text(json.dumps(advice, indent=1), "utf-8")
    print(advice["text"])


def _save_metrics(falcon: Falcon, job_id: str, out: Path) -> None:
    (out / "metrics.json").write_text(json.dumps(falcon.job_metrics(job_id), indent=1), "utf-8")
    print(f"figures: {falcon.download(job_id, 'report', out / 'report.html')}")


def _save_discovery(falcon: Falcon, job_id: str, out: Path) -> None:
    for name, suffix in zip(FILES, (".html", ".zip", ".parquet"), strict=True):
        falcon.download(job_id, name, out / f"{name}{suffix}")
    classes = falcon.classes(job_id)
    (out / "classes.json").write_text(json.dumps(classes, indent=1), "utf-8")
    (out / "graph.json").write_bytes(falcon.graph(job_id))
    print(f"{len(classes)} fine classes: {out / 'report.html'}")


@remote.command("predict")
def predict(
    job_id: JobId,
    source: options.Input,
    out: TableFile,
    coarse_column: options.CoarseColumn = None,
    least_confidence: options.LeastConfidence = 0.0,
    precision: options.Precision = None,
    url: Url = LOCAL,
    key: Key = None,
) -> None:
    """Assign fine classes by the model of JOB to the samples of INPUT, read as the job's were."""
    check_name(out)
    _check_source(source)
    import pyarrow as pa

    from falcon_svc.cli.show import warn

    given = {} if coarse_column is None else {"coarse_column": coarse_column}
    with _service(url, key) as falcon:
        found = falcon.predict_file(
            job_id,
            source,
            labels=_labels_beside(source),
            options=given,
            least_confidence=least_confidence,
            precision=precision,
        )
    warn([note["text"] for note in found["notes"]])
    write_table(pa.Table.from_pylist(found["predictions"]), out)
    print(f"{len(found['predictions']):,} samples assigned: {out}")


@remote.command("jobs")
def jobs(
    state: Annotated[
        str | None, typer.Option("--state", help="List only jobs in this state, such as failed.")
    ] = None,
    url: Url = LOCAL,
    key: Key = None,
) -> None:
    """List jobs: id, kind, state, stage, when."""
    filters = {} if state is None else {"state": state}
    with _service(url, key) as falcon:
        for job in falcon.jobs(**filters):
            how = f"{job['kind']:<10} {job['state']:<10} {job['stage'] or '':<12}"
            print(f"{job['id']}  {how} {job['created_at']}")


@remote.command("datasets")
def datasets(url: Url = LOCAL, key: Key = None) -> None:
    """List data sets: id, state, bytes, name."""
    with _service(url, key) as falcon:
        for one in falcon.datasets():
            print(f"{one['id']}  {one['state']:<10} {one['size_bytes']:>14,}  {one['name']}")


@remote.command("show")
def show(
    identity: Annotated[str, typer.Argument(metavar="ID", help="Id of a job or a data set.")],
    url: Url = LOCAL,
    key: Key = None,
) -> None:
    """Print a job or a data set as JSON."""
    with _service(url, key) as falcon:
        find: Any = falcon.dataset if _is_dataset(identity) else falcon.job
        print(json.dumps(find(identity), indent=1))


def _is_dataset(identity: str) -> bool:
    return identity.startswith("ds_")


@remote.command("cancel")
def cancel(job_id: JobId, url: Url = LOCAL, key: Key = None) -> None:
    """Cancel a job."""
    with _service(url, key) as falcon:
        print(falcon.cancel(job_id)["state"])


@remote.command("delete")
def delete(
    identity: Annotated[str, typer.Argument(metavar="ID", help="Id of a job or a data set.")],
    url: Url = LOCAL,
    key: Key = None,
) -> None:
    """Delete an ended job with its result, or a data set with all jobs on it."""
    with _service(url, key) as falcon:
        (falcon.delete_dataset if _is_dataset(identity) else falcon.delete_job)(identity)


@remote.command("fetch")
def fetch(job_id: JobId, out: OutDir, url: Url = LOCAL, key: Key = None) -> None:
    """Wait for a job and save its results."""
    _check_out(out)
    with _service(url, key) as falcon:
        _save(falcon, falcon.wait(job_id), out)


def _service(url: str, key: str | None) -> Falcon:
    from falcon_svc.client import Falcon

    return Falcon(url, key)
