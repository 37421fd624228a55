"""Results as a client sees them: classes, samples of a class, graph, assignments, relation.

A result directory is read once and kept while it is asked for; it never changes under its key.
"""

from __future__ import annotations

import csv
import io
import json
import logging
import math
from collections.abc import Callable, Iterator
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

from falcon_svc.errors import InputError, StorageError
from falcon_svc.result.doubt import border_rows, suspect_rows
from falcon_svc.result.files import read_discovery
from falcon_svc.result.graph import graph_cytoscape, graph_graphml, graph_node_link
from falcon_svc.result.record import Discovery
from falcon_svc.result.spreadsheets import harmless
from falcon_svc.result.table import assignments_parquet, noise_columns
from falcon_svc.service import jobs, kinds
from falcon_svc.service.context import Context
from falcon_svc.service.keys import Caller
from falcon_svc.service.refusals import RequestError, not_found
from falcon_svc.storage.artifacts import missing
from falcon_svc.storage.kinds import CLASSIFIER, DISCOVERY
from falcon_svc.storage.states import EXPIRED, SUCCEEDED
from falcon_svc.storage.tables import Job

KEPT = 8
PIECE_BYTES = 2**16
KINDS = ("medoid", "border", "suspect")
Record = dict[str, Any]
Loaded = TypeVar("Loaded")
_log = logging.getLogger(__name__)


def directory(
    context: Context, caller: Caller, job_id: str, kind: str = DISCOVERY
) -> tuple[Job, Path]:
    """Return a job of a kind that has succeeded, and where its result lies.

    Raises
    ------
    RequestError
        It is of another kind (code ``wrong_kind``), has no result, or no longer (``no_result``,
        ``expired``).
    """
    job = jobs.get(context, caller, job_id)
    kinds.require(job, kind)
    return job, _place(context, job)


def _place(context: Context, job: Job) -> Path:
    if job.state == EXPIRED:
        raise RequestError(
            f"Expected a result that is still kept, found {job.id} expired; run the job again.",
            code="expired",
        )
    if job.state != SUCCEEDED or job.result_key is None:
        raise RequestError(
            f"Expected a job that has succeeded, found {job.id} {job.state}; its result is there "
            "once it has.",
            code="no_result",
        )
    return context.artifacts.local_path(job.result_key)


def read(context: Context, caller: Caller, job_id: str) -> Discovery:
    """Return the discovery of a job."""
    return whole_files(_discovery, directory(context, caller, job_id)[1])


def whole_files(load: Callable[[Path], Loaded], path: Path) -> Loaded:
    """Return what `load` makes of a result directory.

    Raises
    ------
    StorageError
        A file is gone or not as it was written (code ``artifact_missing``).
    """
    try:
        return load(path)
    except (InputError, StorageError, OSError) as error:
        _log.error("a result cannot be read: %s", error)
        raise missing() from error


@lru_cache(KEPT)
def _discovery(path: Path) -> Discovery:
    return read_discovery(path)


def classes(found: Discovery) -> list[Record]:
    """Return all fine classes."""
    return [_class(found, i) for i in range(found.n_fine)]


def whole(found: Discovery) -> Record:
    """Return classes, assignments and graph in one document."""
    return {
        "classes": classes(found),
        "assignments": [_sample(found, row) for row in range(len(found.ids))],
        "graph": graph_node_link(found),
    }


def one_class(found: Discovery, class_id: int) -> Record:
    """Return one fine class."""
    if not 0 <= class_id < found.n_fine:
        raise not_found("fine class", str(class_id))
    return _class(found, class_id)


def _class(found: Discovery, class_id: int) -> Record:
    fine = found.classes[class_id]
    names = {source.name: source.names for source in found.sources}
    return {
        "id": fine.id,
        "name": fine.name,
        "coarse": {source: names[source][k] for source, k in fine.coarse.items()},
        "size": fine.size,
        "mean_confidence": fine.mean_confidence,
        "stability": fine.stability,
        "medoids": [found.ids[row] for row in fine.medoids],
        "also_in": {s: [names[s][k] for k in parents] for s, parents in fine.also_in.items()},
        "not_told_from": _not_told_from(found, class_id),
    }


def _not_told_from(found: Discovery, class_id: int) -> list[int]:
    """Return the classes of other coarse classes that this one cannot be told apart from."""
    pairs = (pair.fine for pair in found.shared_pairs if class_id in pair.fine)
    return sorted(sum(pair) - class_id for pair in pairs)


def samples(found: Discovery, class_id: int, kind: str, *, most: int) -> list[Record]:
    """Return samples of a class: its medoids, those near its border, or those that look strange.

    Border samples have a small margin over the runner-up; suspects carry a coarse label that
    looks wrong (`Discovery.suspects`). Strongest cases first.
    """
    one_class(found, class_id)
    return [_sample(found, row) for row in _rows(found, class_id, kind)[:most]]


def _rows(found: Discovery, class_id: int, kind: str) -> list[int]:
    if kind == "medoid":
        return list(found.classes[class_id].medoids)
    rows = border_rows if kind == "border" else suspect_rows
    return [int(row) for row in rows(found, class_id)]


def _sample(found: Discovery, row: int) -> Record:
    table, runner_up = found.assignments, int(found.assignments.runner_up[row])
    record: Record = {"id": found.ids[row]}
    for place, source in enumerate(found.sources):
        label = int(source.labels[row])
        column = "coarse" if place == 0 else f"coarse_{source.name}"
        record[column] = source.names[label] if label >= 0 else None
    return record | {
        "fine": int(table.fine[row]),
        "fine_name": found.classes[table.fine[row]].name or None,
        "confidence": float(table.confidence[row]),
        "margin": float(table.margin[row]),
        "runner_up": runner_up if runner_up >= 0 else None,
        "fine_unmasked": int(table.fine_unmasked[row]),
        **_label_doubt(found, row),
    }


def _label_doubt(found: Discovery, row: int) -> Record:
    """Per judged source: that the label is wrong, the better one and its probability."""
    record: Record = {}
    names = {source.name: source.names for source in found.sources}
    for noise in found.label_noise:
        columns = noise_columns(noise.source, first=found.sources[0].name)
        better = int(noise.proposed[row])
        values = (
            _number(float(noise.wrong_probability[row])),
            names[noise.source][better] if better >= 0 else None,
            _number(float(noise.proposed_probability[row])),
        )
        record |= dict(zip(columns, values, strict=True))
    return record


def counts(found: Discovery) -> list[Record]:
    """Return per coarse class of the first label source its number of fine classes, and whence."""
    names = found.sources[0].names
    return [
        {**asdict(one), "coarse": names[one.coarse], "verdict": one.verdict} for one in found.counts
    ]


def verification(context: Context, caller: Caller, job_id: str) -> Record:
    """Return whether a result is what it says, and what was checked; solves, so it takes time."""
    try:
        from falcon_svc.result.verification import verify_result  # loads the solver
    except ImportError as error:
        raise RequestError(
            "Expected the solver where the API runs, found an installation without it; download "
            "the result's files and run falcon verify.",
            code="no_solver",
        ) from error
    checks = whole_files(verify_result, directory(context, caller, job_id)[1])
    return {"ok": all(c.ok for c in checks), "checks": [asdict(check) for check in checks]}


def relations(context: Context, caller: Caller, job_id: str) -> list[Record]:
    """Return per label source the matrix (F, C), the regret of every other choice, the proof."""
    return [
        {
            "source": r.source,
            "coarse_names": list(r.coarse_names),
            "relation": r.relation.astype(int).tolist(),
            "regret": [[_number(v) for v in row] for row in r.regret.tolist()],
            "status": r.status,
            "certificate": dict(r.certificate),
        }
        for r in read(context, caller, job_id).relations
    ]


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None


def report(context: Context, caller: Caller, job_id: str) -> Path:
    """Return the path of a job's report, of any kind."""
    job, _ = directory(context, caller, job_id, jobs.get(context, caller, job_id).kind)
    return context.artifacts.local_path(f"{job.result_key}/report.html")


MODELS = {DISCOVERY: "model.zip", CLASSIFIER: "classifier.safetensors"}
"""Kind of job -> the file of its model."""


def model(context: Context, caller: Caller, job_id: str) -> Path:
    """Return the path of the model of a discovery or of a classifier.

    Raises
    ------
    StorageError
        It is not there any more (code ``artifact_missing``).
    """
    kind = jobs.get(context, caller, job_id).kind
    job, _ = directory(context, caller, job_id, kind if kind in MODELS else DISCOVERY)
    return context.artifacts.local_path(f"{job.result_key}/{MODELS[kind]}")


def _json_rows(found: Discovery) -> Iterator[bytes]:
    yield b"["
    for row in range(len(found.ids)):
        yield (b"," if row else b"") + json.dumps(_sample(found, row)).encode()
    yield b"]"


def _ndjson_rows(found: Discovery) -> Iterator[bytes]:
    for row in range(len(found.ids)):
        yield json.dumps(_sample(found, row)).encode() + b"\n"


def _csv_rows(found: Discovery) -> Iterator[bytes]:
    """Rows for spreadsheets: a text that would start a formula gets a quote before it."""
    buffer = io.StringIO()
    writer: csv.DictWriter[str] | None = None
    for row in range(len(found.ids)):
        record = {name: harmless(value) for name, value in _sample(found, row).items()}
        if writer is None:
            writer = csv.DictWriter(buffer, list(record))
            writer.writeheader()
        writer.writerow(record)
        yield buffer.getvalue().encode()
        buffer.seek(0)
        buffer.truncate()


def assignments(found: Discovery, media_type: str) -> Iterator[bytes]:
    """Give every sample's fine class in a media type of `ASSIGNMENTS`, in pieces of 64 KiB."""
    gathered = bytearray()
    for piece in ASSIGNMENTS[media_type](found):
        gathered += piece
        if len(gathered) >= PIECE_BYTES:
            yield bytes(gathered)
            gathered.clear()
    yield bytes(gathered)


ASSIGNMENTS: dict[str, Callable[[Discovery], Iterator[bytes]]] = {
    "application/json": _json_rows,
    "application/x-ndjson": _ndjson_rows,
    "text/csv": _csv_rows,
    "application/vnd.apache.parquet": lambda found: iter([assignments_parquet(found)]),
}
"""Media type -> the assignments in it."""

GRAPHS: dict[str, Callable[[Discovery], bytes]] = {
    "json": lambda found: json.dumps(graph_node_link(found)).encode(),
    "graphml": graph_graphml,
    "cytoscape": lambda found: json.dumps(graph_cytoscape(found)).encode(),
}
"""Format -> the coarse-fine graph in it."""
