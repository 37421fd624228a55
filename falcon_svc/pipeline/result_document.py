"""`discovery.json`: what a run found and how, without the per-sample and per-cell numbers.

Place: between `Discovery` and `result_files`; pure functions. Documented in
docs/result-files.md, whose example a test holds against the real document.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from falcon_svc.discovery.result import (
    SCHEMA_VERSION,
    CountEstimate,
    Discovery,
    FineClass,
    SourceRelation,
    StageRecord,
)
from falcon_svc.pipeline.graph import next_best_parent
from falcon_svc.types import FloatArray, Note

Record = dict[str, Any]
SOLVE_FIELDS = ("status", "method", "objective", "bound", "gap", "seconds", "certificate")


def discovery_document(discovery: Discovery, files: Mapping[str, str]) -> Record:
    """Return the document; `files` maps the other files' names to their sha256."""
    names = {source.name: source.names for source in discovery.sources}
    return {
        "schema_version": SCHEMA_VERSION,
        "n_samples": discovery.n_samples,
        "n_fine": discovery.n_fine,
        **_estimate(discovery.counts),
        "dataset_digest": discovery.dataset_digest,
        "seed": discovery.seed,
        "counts": [_count(count, discovery) for count in discovery.counts],
        "classes": [_fine_class(fine, names, discovery.ids) for fine in discovery.classes],
        "relations": [_relation(relation) for relation in discovery.relations],
        "edges": [edge for relation in discovery.relations for edge in _edges(relation)],
        "notes": [asdict(note) for note in discovery.notes],
        "stages": [asdict(stage) for stage in discovery.stages],
        "config": dict(discovery.config),
        "versions": dict(discovery.versions),
        "files": dict(files),
    }


def json_bytes(document: Mapping[str, Any]) -> bytes:
    """Return JSON with one line per entry of each top-level list, so that results can be diffed."""
    entries = (f"{_json(key)}: {_json_block(value)}" for key, value in document.items())
    return ("{\n" + ",\n".join(entries) + "\n}\n").encode()


def json_line(record: Mapping[str, Any]) -> str:
    """Return one line of JSON; numbers that JSON does not have become null."""
    return _json(record)


def read_classes(document: Record, ids: Sequence[str]) -> tuple[FineClass, ...]:
    """Return the document's classes; medoid ids become rows of `ids`."""
    row_of = {sample_id: row for row, sample_id in enumerate(ids)}
    index = {
        relation["source"]: {name: k for k, name in enumerate(relation["coarse_names"])}
        for relation in document["relations"]
    }
    return tuple(
        FineClass(
            id=record["id"],
            coarse={source: index[source][name] for source, name in record["coarse"].items()},
            size=record["size"],
            mean_confidence=record["mean_confidence"],
            medoids=tuple(row_of[medoid] for medoid in record["medoids"]),
            stability=record["stability"],
        )
        for record in document["classes"]
    )


def read_relation(document: Record, record: Record, regret: FloatArray) -> SourceRelation:
    """Return one source's relation, rebuilt from its edges."""
    names = tuple(record["coarse_names"])
    index = {name: k for k, name in enumerate(names)}
    relation = np.zeros(regret.shape, np.bool_)
    for edge in document["edges"]:
        if edge["source"] == record["source"]:
            relation[edge["fine"], index[edge["coarse"]]] = True
    solve = {name: record[name] for name in SOLVE_FIELDS}
    for name in ("objective", "bound", "gap"):
        solve[name] = math.inf if solve[name] is None else solve[name]
    return SourceRelation(
        source=record["source"], coarse_names=names, relation=relation, regret=regret, **solve
    )


def read_counts(document: Record) -> tuple[CountEstimate, ...]:
    """Return the document's counts, of the first source's classes."""
    names = document["relations"][0]["coarse_names"]
    return tuple(
        CountEstimate(**{**record, "coarse": names.index(record["coarse"])})
        for record in document["counts"]
    )


def read_stages(document: Record) -> tuple[StageRecord, ...]:
    """Return the document's stages."""
    return tuple(StageRecord(**record) for record in document["stages"])


def read_notes(document: Record) -> tuple[Note, ...]:
    """Return the document's notes; results of before have none."""
    return tuple(Note(**record) for record in document.get("notes", ()))


def _estimate(counts: Sequence[CountEstimate]) -> Record:
    """Return the total's estimate, None where the user gave it, and its interval."""
    estimated = any(count.origin == "estimated" for count in counts)
    return {
        "n_fine_estimated": sum(count.n_fine for count in counts) if estimated else None,
        "n_fine_interval": [sum(c.low for c in counts), sum(c.high for c in counts)],
    }


def _count(count: CountEstimate, discovery: Discovery) -> Record:
    name = discovery.sources[0].names[count.coarse]
    return {
        "coarse": name,
        "n_fine": count.n_fine,
        "low": count.low,
        "high": count.high,
        "origin": count.origin,
    }


def _fine_class(fine: FineClass, names: Mapping[str, Sequence[str]], ids: Sequence[str]) -> Record:
    return {
        "id": fine.id,
        "coarse": {source: names[source][k] for source, k in fine.coarse.items()},
        "size": fine.size,
        "mean_confidence": fine.mean_confidence,
        "stability": fine.stability,
        "medoids": [ids[row] for row in fine.medoids],
    }


def _relation(relation: SourceRelation) -> Record:
    return {
        "source": relation.source,
        "coarse_names": list(relation.coarse_names),
        **{name: getattr(relation, name) for name in SOLVE_FIELDS},
    }


def _edges(relation: SourceRelation) -> list[Record]:
    return [_edge(relation, fine) for fine in range(len(relation.relation))]


def _edge(relation: SourceRelation, fine: int) -> Record:
    """One edge, with the next best parent and the price of it."""
    other = next_best_parent(relation, fine)
    return {
        "source": relation.source,
        "fine": fine,
        "coarse": relation.coarse_names[int(relation.relation[fine].argmax())],
        "next_best": relation.coarse_names[other.coarse] if other else None,
        "price": other.price if other else None,
    }


def _json_block(value: Any) -> str:
    if not (isinstance(value, list) and value and isinstance(value[0], dict)):
        return _json(value)
    return "[\n  " + ",\n  ".join(map(_json, value)) + "\n]"


def _json(value: Any) -> str:
    return json.dumps(_finite(value), ensure_ascii=False, allow_nan=False)


def _finite(value: Any) -> Any:
    """Return `value` with None for NaN and infinities, which JSON does not have."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value
