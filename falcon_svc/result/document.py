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

from falcon_svc.result.graph import next_best_parent
from falcon_svc.result.record import (
    SCHEMA_VERSION,
    CountEstimate,
    Discovery,
    FineClass,
    LabelNoise,
    SharedPair,
    SourceRelation,
    StageRecord,
    TotalEstimate,
)
from falcon_svc.types import FloatArray, IntArray, Note

Record = dict[str, Any]
SOLVE_FIELDS = ("status", "method", "objective", "bound", "gap", "seconds", "certificate")


def discovery_document(discovery: Discovery, files: Mapping[str, str]) -> Record:
    """Return the document; `files` maps the other files' names to their sha256."""
    names = {source.name: source.names for source in discovery.sources}
    return {
        "schema_version": SCHEMA_VERSION,
        "n_samples": discovery.n_samples,
        "n_fine": discovery.n_fine,
        **_estimate(discovery),
        "dataset_digest": discovery.dataset_digest,
        "seed": discovery.seed,
        "counts": [_count(count, discovery) for count in discovery.counts],
        "label_noise": [_noise(noise, names[noise.source]) for noise in discovery.label_noise],
        "classes": [_fine_class(fine, names, discovery.ids) for fine in discovery.classes],
        "relations": [_relation(relation) for relation in discovery.relations],
        "edges": [edge for relation in discovery.relations for edge in _edges(relation)],
        "shared_pairs": [_shared_pair(pair, discovery) for pair in discovery.shared_pairs],
        "map_method": discovery.map_method,
        "notes": [asdict(note) for note in discovery.notes],
        "features": None if discovery.features is None else list(discovery.features),
        "left_out": [{"column": name, "why": why} for name, why in discovery.left_out],
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
            also_in={
                source: tuple(index[source][name] for name in parents)
                for source, parents in record.get("also_in", {}).items()
            },
            name=record.get("name", ""),
        )
        for record in document["classes"]
    )


def read_relation(
    document: Record, record: Record, regret: FloatArray, proof: bytes
) -> SourceRelation:
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
        source=record["source"],
        coarse_names=names,
        relation=relation,
        regret=regret,
        proof=proof,
        **solve,
    )


def read_counts(document: Record) -> tuple[CountEstimate, ...]:
    """Return the document's counts, of the first source's classes."""
    names = document["relations"][0]["coarse_names"]
    return tuple(
        CountEstimate(
            names.index(record["coarse"]),
            *(record[name] for name in ("n_fine", "low", "high", "origin", "whole")),
        )
        for record in document["counts"]
    )


def read_label_noise(
    record: Record, wrong: FloatArray, proposed: IntArray, sure: FloatArray
) -> LabelNoise:
    """Return one source's record, with its columns of the assignments."""
    classes = record["coarse"]
    return LabelNoise(
        source=record["source"],
        given=record["origin"] == "given",
        rate=record["rate"],
        low=record["rate_interval"][0],
        high=record["rate_interval"][1],
        expected=np.array([c["expected"] for c in classes], np.float64),
        expected_low=np.array([c["low"] for c in classes], np.float64),
        expected_high=np.array([c["high"] for c in classes], np.float64),
        wrong_probability=wrong,
        proposed=proposed,
        proposed_probability=sure,
    )


def read_shared_pairs(document: Record) -> tuple[SharedPair, ...]:
    """Return the document's pairs; none in documents of schema 1.0."""
    return tuple(
        SharedPair(
            fine=(record["fine"][0], record["fine"][1]),
            balanced_accuracy=record["balanced_accuracy"],
            upper=record["upper"],
            p_value=record["p_value"],
        )
        for record in document.get("shared_pairs", ())
    )


def read_left_out(document: Record) -> tuple[tuple[str, str], ...]:
    """Return the columns that were not used, and why; results of schema 1.1 do not say."""
    return tuple((one["column"], one["why"]) for one in document.get("left_out", ()))


def read_feature_names(document: Record) -> tuple[str, ...] | None:
    """Return the names of the columns that were used; None where they have none."""
    names = document.get("features")
    return None if names is None else tuple(names)


def read_stages(document: Record) -> tuple[StageRecord, ...]:
    """Return the document's stages."""
    return tuple(StageRecord(**record) for record in document["stages"])


def read_notes(document: Record) -> tuple[Note, ...]:
    """Return the document's notes; results of before have none."""
    return tuple(Note(**record) for record in document.get("notes", ()))


def _estimate(discovery: Discovery) -> Record:
    """Return the total's estimate, None where the user gave it, its interval and its curve."""
    total = discovery.total
    return {
        "n_fine_estimated": None if total is None else total.n_fine,
        "n_fine_interval": list(discovery.n_fine_interval),
        "n_fine_runner_up": None if total is None else total.runner_up,
        "n_fine_curve": [] if total is None else _curve(total),
    }


def _curve(total: TotalEstimate) -> list[Record]:
    columns = (total.totals.tolist(), total.probability.tolist(), total.stability.tolist())
    return [
        {"n_fine": n, "probability": probability, "stability": stability}
        for n, probability, stability in zip(*columns, strict=True)
    ]


def read_total(document: Record) -> TotalEstimate | None:
    """Return the document's estimate of the total; None where it was given."""
    if document["n_fine_estimated"] is None:
        return None
    curve, (low, high) = document["n_fine_curve"], document["n_fine_interval"]
    return TotalEstimate(
        document["n_fine_estimated"],
        low,
        high,
        document["n_fine_runner_up"],
        np.array([point["n_fine"] for point in curve], np.int64),
        np.array([point["probability"] for point in curve], np.float32),
        np.array([point["stability"] for point in curve], np.float32),
    )


def _count(count: CountEstimate, discovery: Discovery) -> Record:
    name = discovery.sources[0].names[count.coarse]
    return {
        "coarse": name,
        "n_fine": count.n_fine,
        "low": count.low,
        "high": count.high,
        "origin": count.origin,
        "whole": count.whole,
        "verdict": count.verdict,
    }


def _noise(noise: LabelNoise, names: Sequence[str]) -> Record:
    columns = (noise.expected, noise.expected_low, noise.expected_high)
    return {
        "source": noise.source,
        "origin": "given" if noise.given else "estimated",
        "rate": noise.rate,
        "rate_interval": [noise.low, noise.high],
        "n_suspected": len(noise.suspected),
        "coarse": [
            {"coarse": name, "expected": wrong, "low": low, "high": high}
            for name, wrong, low, high in zip(names, *(c.tolist() for c in columns), strict=True)
        ],
    }


def _shared_pair(pair: SharedPair, discovery: Discovery) -> Record:
    source = discovery.sources[0]
    parents = (discovery.classes[fine].coarse[source.name] for fine in pair.fine)
    return {**asdict(pair), "coarse": [source.names[parent] for parent in parents]}


def _fine_class(fine: FineClass, names: Mapping[str, Sequence[str]], ids: Sequence[str]) -> Record:
    return {
        "id": fine.id,
        "name": fine.name,
        "coarse": {source: names[source][k] for source, k in fine.coarse.items()},
        "size": fine.size,
        "mean_confidence": fine.mean_confidence,
        "stability": fine.stability,
        "medoids": [ids[row] for row in fine.medoids],
        "also_in": {s: [names[s][k] for k in parents] for s, parents in fine.also_in.items()},
    }


def _relation(relation: SourceRelation) -> Record:
    return {
        "source": relation.source,
        "coarse_names": list(relation.coarse_names),
        **{name: getattr(relation, name) for name in SOLVE_FIELDS},
    }


def _edges(relation: SourceRelation) -> list[Record]:
    return [_edge(relation, fine, k) for fine, k in np.argwhere(relation.relation).tolist()]


def _edge(relation: SourceRelation, fine: int, coarse: int) -> Record:
    """One edge, with the next best parent and the price of it."""
    other = next_best_parent(relation, fine)
    return {
        "source": relation.source,
        "fine": fine,
        "coarse": relation.coarse_names[coarse],
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
