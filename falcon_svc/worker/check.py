"""The check of a new data set: what is in it, and what is wrong with it row by row.

Place: a task of the worker. The file is read in a confined copy of this process (`isolation`),
which may be killed by what it reads; this process alone talks to the database.
"""

from __future__ import annotations

import os
import signal
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from falcon_svc.errors import FalconError
from falcon_svc.settings import Settings
from falcon_svc.storage import Database
from falcon_svc.storage.datasets import DatasetRepository, folder_key
from falcon_svc.worker.failures import NO_MEMORY
from falcon_svc.worker.isolation import apart, confine_reader
from falcon_svc.worker.limits import limit_reader, reading_s
from falcon_svc.worker.stored_files import artifacts_of, local_file
from falcon_svc.worker.telling import Outcome, for_client, told

LISTED_ROWS = 100
MOST_COLUMNS, MOST_LETTERS = 1_000, 100_000  # of names that a summary keeps
PATIENCE = 20  # times the processor time that is allowed: the machine may be busy
KILLED = {
    "code": "unreadable",
    "detail": "Expected a file that can be read, found one that stops the process which reads it, "
    "or takes all its time; write the file again.",
}


def check(settings: Settings, dataset_id: str) -> bool:
    """Read a new data set and record what was found; False if there is no such data set.

    The file of an invalid one is of no use to anybody, and deleted.
    """
    database = Database(settings.database)
    with database.read() as session:
        dataset = DatasetRepository(session).get(dataset_id)
    if dataset is None:
        return False
    artifacts = artifacts_of(settings)
    try:
        path = local_file(artifacts, dataset).resolve()
    except FalconError as missing:
        found: Outcome | None = {"error": told(missing)}
    else:
        found = for_client(_read(settings, path, dataset.options), path.name, dataset.name)
    found = found or {"error": KILLED}
    with database.write() as session:
        recorded = DatasetRepository(session).validated(
            dataset_id,
            summary=found.get("summary"),
            error=found.get("error"),
            keep_s=settings.retention_s,
        )
    if recorded and found.get("error"):
        artifacts.remove(folder_key(dataset_id))
    return True


def _read(settings: Settings, path: Path, options: dict[str, Any]) -> Outcome | None:
    """Return what a confined process found; it and this one end if it sleeps instead."""
    folder, original = path.parent, os.getpid()
    seconds = reading_s(settings, sum(file.stat().st_size for file in folder.iterdir()))

    def confine() -> None:
        limit_reader(settings, seconds, original)
        confine_reader([folder])

    signal.alarm(PATIENCE * seconds)
    try:
        return apart(partial(_inspect, path, options), confine)
    finally:
        signal.alarm(0)


def _inspect(path: Path, options: dict[str, Any]) -> Outcome:
    """Return `summary` or `error`, or both."""
    from falcon_svc.config import make_config
    from falcon_svc.data import inspect_dataset

    try:
        config = make_config({"data": {**options, "probe_hdf5": False}})  # this is the probe
        if config.data.samples == "labels":
            return {"summary": _of_labels(path, config.data.id_column)}
        found = inspect_dataset(path, config.data)
    except FalconError as refused:
        return {"error": told(refused)}
    except MemoryError:
        return {"error": {"code": "too_large", "detail": NO_MEMORY}}
    classes = {source.name: dict(source.classes) for source in found.sources}
    summary = {"n_samples": found.n_samples, "n_dims": found.n_dims, "kind": found.kind}
    rows = [asdict(one) for one in found.problems if one.severity == "error"]
    error = None if found.ok else _row_errors(rows, found.n_errors)
    notes = [asdict(note) for note in found.notes]
    more = {"classes": classes, "notes": notes, "columns": _kept(found.columns)}
    return {"summary": {**summary, **more}, "error": error}


def _kept(columns: tuple[str, ...]) -> list[str] | None:
    """Return the names of a file's columns; None where they are too many to keep."""
    few = len(columns) <= MOST_COLUMNS and sum(map(len, columns)) <= MOST_LETTERS
    return list(columns) if few else None


def _of_labels(path: Path, id_column: str | None) -> dict[str, Any]:
    """Return the summary of a data set of labels alone."""
    from falcon_svc.hierarchy.label_files import ID, LabelFile

    n_samples = len(LabelFile.read(path, id_column=id_column or ID).paths)
    return {"n_samples": n_samples, "n_dims": None, "kind": "labels", "classes": {}, "notes": []}


def _row_errors(errors: list[Outcome], in_all: int) -> Outcome:
    """The rows' own code, if it is the same one for all of them."""
    codes = {one["code"] for one in errors}
    return {
        "code": codes.pop() if len(codes) == 1 else "bad_rows",
        "detail": f"Expected rows without errors, found {in_all:,} with one; mend those listed.",
        "errors": errors[:LISTED_ROWS],
    }
