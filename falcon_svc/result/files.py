"""A discovery as a directory of documented files, and back.

Place: the last stage of a run; read by `falcon evaluate`, the service and users. What each
file holds is in docs/result-files.md. Reading needs `discovery.json`, `assignments.parquet`,
`arrays.safetensors` and `run.jsonl`; the others are for other programs and for people.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from falcon_svc.durable.atomic_directory import (
    MARKER,
    FileContent,
    replace_directory,
    sha256_of,
)
from falcon_svc.errors import InputError, StorageError
from falcon_svc.result.document import (
    discovery_document,
    json_bytes,
    json_line,
    read_classes,
    read_counts,
    read_feature_names,
    read_label_noise,
    read_left_out,
    read_notes,
    read_relation,
    read_shared_pairs,
    read_stages,
    read_total,
)
from falcon_svc.result.graph import graph_graphml, graph_node_link
from falcon_svc.result.record import SCHEMA_VERSION, Discovery, LabelNoise, SourceRelation
from falcon_svc.result.table import (
    assignments_parquet,
    coarse_columns,
    noise_columns,
    read_assignments,
    table_assignments,
    table_floats,
    table_labels,
    table_source,
)
from falcon_svc.types import FloatArray, LabelSource

if TYPE_CHECKING:
    import pyarrow as pa

ASSIGNMENTS = "assignments.parquet"
ARRAYS = "arrays.safetensors"
RUN = "run.jsonl"
REPORT = "report.html"
FEATURES = "features.npy"
REVIEW = "review"
"""Folder of the result's review, which changes: its files have no digests here."""


def write_discovery(
    directory: Path,
    discovery: Discovery,
    *,
    model_files: Mapping[str, FileContent],
    report_html: str,
) -> None:
    """Write all files of a result; `directory` appears whole or not at all.

    Parameters
    ----------
    directory
        Must not exist, be empty, or hold an earlier result, which is replaced.
    discovery
        What to write.
    model_files
        ``model.safetensors``, ``model.json``, ...: bytes, or functions that write a path.
    report_html
        The page of `falcon_svc.report.render_report`.

    Raises
    ------
    StorageError
        `directory` is something else, or could not be written (disk full); it is as before.
    """
    replace_directory(
        Path(directory),
        {
            ASSIGNMENTS: assignments_parquet(discovery),
            ARRAYS: _arrays_bytes(discovery),
            **{proof_name(i): r.proof for i, r in enumerate(discovery.relations) if r.proof},
            "graph.json": json_bytes(graph_node_link(discovery)),
            "graph.graphml": graph_graphml(discovery),
            RUN: _run_lines(discovery).encode(),
            **model_files,
            REPORT: report_html.encode(),
            MARKER: lambda path: _write_document(path, discovery),
        },
    )


def read_discovery(directory: Path) -> Discovery:
    """Read back what `write_discovery` wrote.

    Raises
    ------
    InputError
        `directory` holds no result, or one of a version that this program does not read.
    StorageError
        A file is missing or not as it was written.
    """
    directory = Path(directory)
    document = read_document(directory)
    try:
        return _discovery(directory, document)
    except (KeyError, TypeError, ValueError) as error:
        raise _damaged(directory, MARKER) from error


def read_settings(directory: Path) -> dict[str, Any]:
    """Return every setting of the run that wrote a result, also where its model alone is left.

    Raises
    ------
    InputError, StorageError
        As `read_discovery`.
    """
    settings = read_document(directory).get("config")
    if not isinstance(settings, dict):
        raise _damaged(directory, MARKER)
    return settings


def read_fine_names(directory: Path) -> tuple[str, ...]:
    """Return the (F,) working names of a result's fine classes, also where its model alone is left.

    Raises
    ------
    InputError, StorageError
        As `read_discovery`.
    """
    classes = read_document(directory).get("classes", [])
    return tuple(one.get("name", "") for one in classes)


def features_file(features: FloatArray) -> Callable[[Path], None]:
    """Return what writes (N, D) features, possibly a memory map, as the result's `features.npy`."""

    def write(path: Path) -> None:
        with path.open("wb") as file:
            np.save(file, features, allow_pickle=False)

    return write


def read_features(directory: Path) -> FloatArray:
    """Return the (N, D) float32 features of a result, as a read-only memory map.

    Raises
    ------
    InputError
        The result was written by a release that did not keep them.
    StorageError
        The file is not as it was written.
    """
    document = read_document(directory)
    path = _intact_path(directory, FEATURES, document)
    if path is None:
        raise InputError(
            f"Triage needs the features of the discovery in {directory / FEATURES}, but this "
            "result was written without them; run falcon discover again."
        )
    features: FloatArray = np.load(path, mmap_mode="r", allow_pickle=False)
    if features.ndim != 2 or len(features) != document["n_samples"]:
        raise _damaged(directory, FEATURES)
    return features


def intact_path(directory: Path, name: str) -> Path | None:
    """Return the path of a file of a result; None where the result was written without it.

    Raises
    ------
    InputError, StorageError
        As `read_discovery`; also where the file is not as it was written.
    """
    return _intact_path(directory, name, read_document(directory))


def _intact_path(directory: Path, name: str, document: dict[str, Any]) -> Path | None:
    listed: dict[str, str] = document.get("files", {})
    if name not in listed:
        return None
    path = directory / name
    if not path.is_file() or sha256_of(path) != listed[name]:
        raise _damaged(directory, name)
    return path


def read_intact(directory: Path, names: Sequence[str]) -> list[bytes]:
    """Return the bytes of files of a result.

    Raises
    ------
    InputError, StorageError
        As `read_discovery`.
    """
    document = read_document(directory)
    try:
        return [_intact(directory, name, document) for name in names]
    except (KeyError, TypeError) as error:
        raise _damaged(directory, MARKER) from error


def proof_name(source: int) -> str:
    """Return the name of the file with the proof of a label source's relation."""
    return f"relation.{source}.npz"


def damaged_files(directory: Path) -> list[str]:
    """Return the names of files that are missing or not as they were written.

    Raises
    ------
    InputError, StorageError
        As `read_discovery`.
    """
    listed: dict[str, str] = read_document(directory)["files"]
    return [
        name
        for name, digest in listed.items()
        if not (directory / name).is_file() or sha256_of(directory / name) != digest
    ]


def _discovery(directory: Path, document: dict[str, Any]) -> Discovery:
    """Put a document and the files beside it together."""
    table = read_assignments(_intact(directory, ASSIGNMENTS, document))
    arrays = _read_arrays(_intact(directory, ARRAYS, document))
    relations = tuple(
        read_relation(
            document,
            record,
            arrays[_regret_key(record["source"])],
            _proof(directory, i, document),
        )
        for i, record in enumerate(document["relations"])
    )
    ids = tuple(table.column("id").to_pylist())
    return Discovery(
        ids=ids,
        dataset_digest=document["dataset_digest"],
        sources=_sources(table, relations),
        assignments=table_assignments(table),
        classes=read_classes(document, ids),
        relations=relations,
        counts=read_counts(document),
        total=read_total(document),
        map_rows=arrays["map_rows"],
        map_xy=arrays["map_xy"],
        map_method=document.get("map_method", "pca"),
        history=_read_run(_intact(directory, RUN, document)),
        stages=read_stages(document),
        seed=document["seed"],
        config=document["config"],
        versions=document["versions"],
        label_noise=tuple(
            _label_noise(table, record, relations) for record in document.get("label_noise", ())
        ),
        shared_pairs=read_shared_pairs(document),
        notes=read_notes(document),
        features=read_feature_names(document),
        left_out=read_left_out(document),
    )


def _proof(directory: Path, source: int, document: Mapping[str, Any]) -> bytes:
    """Return the proof of a source's relation; results of schema 1.1 have none."""
    name = proof_name(source)
    return _intact(directory, name, document) if name in document["files"] else b""


def _label_noise(
    table: pa.Table, record: dict[str, Any], relations: tuple[SourceRelation, ...]
) -> LabelNoise:
    names = {relation.source: relation.coarse_names for relation in relations}[record["source"]]
    wrong, better, sure = noise_columns(record["source"], first=relations[0].source)
    return read_label_noise(
        record,
        table_floats(table, wrong),
        table_labels(table, better, names),
        table_floats(table, sure),
    )


def _write_document(path: Path, discovery: Discovery) -> None:
    """Write `discovery.json`, the last file: it lists the digests of those beside it."""
    others = sorted(other for other in path.parent.iterdir() if other.is_file())
    digests = {other.name: sha256_of(other) for other in others if other.name != path.name}
    path.write_bytes(json_bytes(discovery_document(discovery, digests)))


def read_document(directory: Path) -> dict[str, Any]:
    """Return `discovery.json` as it is, of a version that this program reads."""
    try:
        document: dict[str, Any] = json.loads((directory / MARKER).read_bytes())
        version = document["schema_version"]
    except OSError as error:
        raise InputError(
            f"A result directory with the file {MARKER} was expected, but {directory} has none; "
            "give the directory that `falcon discover --out` wrote; a classifier's file is for "
            "`falcon classify`."
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise _damaged(directory, MARKER) from error
    if version.split(".")[0] != SCHEMA_VERSION.split(".")[0]:
        raise InputError(
            f"This program reads results of schema version {SCHEMA_VERSION}, but {directory} has "
            f"version {version}; read it with the release that wrote it."
        )
    return document


def _intact(directory: Path, name: str, document: Mapping[str, Any]) -> bytes:
    """Return a file's bytes, which must be those that were written."""
    path = directory / name
    if not path.is_file() or sha256_of(path) != document["files"][name]:
        raise _damaged(directory, name)
    return path.read_bytes()


def _damaged(directory: Path, name: str) -> StorageError:
    return StorageError(
        f"The result in {directory} is damaged: {name} is missing or not as it was written; "
        "run the discovery again."
    )


def _sources(table: pa.Table, relations: tuple[SourceRelation, ...]) -> tuple[LabelSource, ...]:
    columns = coarse_columns([relation.source for relation in relations])
    return tuple(
        table_source(table, column, r.source, r.coarse_names)
        for column, r in zip(columns, relations, strict=True)
    )


def _arrays_bytes(discovery: Discovery) -> bytes:
    from safetensors.numpy import save

    regrets = {_regret_key(r.source): r.regret for r in discovery.relations}
    arrays = {"map_rows": discovery.map_rows, "map_xy": discovery.map_xy, **regrets}
    return save({name: np.ascontiguousarray(array) for name, array in arrays.items()})


def _read_arrays(data: bytes) -> dict[str, Any]:
    from safetensors.numpy import load

    return load(data)


def _regret_key(source: str) -> str:
    return f"regret/{source}"


def _run_lines(discovery: Discovery) -> str:
    return "".join(f"{json_line(epoch)}\n" for epoch in discovery.history)


def _read_run(data: bytes) -> tuple[dict[str, float], ...]:
    epochs = (json.loads(line) for line in data.decode().split("\n") if line)
    return tuple({k: math.nan if v is None else v for k, v in epoch.items()} for epoch in epochs)
