"""The review as a table, one row per sample: Parquet, CSV, JSON lines, and class paths.

Columns: `id`, `coarse` (as corrected; null = none), `coarse_given`, `class_id`, `class` (its
name), `status`, `confidence`, `by_hand`, `runner_up` (class id, null = none), `text` where the data
set has texts. `confidence` and `runner_up` are null where a correction since the last re-solve put
the sample where it is.
"""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pyarrow as pa

from falcon_svc.result.spreadsheets import harmless_table
from falcon_svc.triage.session import Session
from falcon_svc.types import CoarseDataset, IntArray


def review_table(session: Session, dataset: CoarseDataset | None = None) -> pa.Table:
    """Return the table of a review; `dataset` adds its texts."""
    review, placed = session.review, session.placement
    classes = review.classes
    by_hand, other = review.fixed, np.where(review.fine == placed.fine, placed.runner_up, -1)
    columns: dict[str, pa.Array] = {
        "id": pa.array(review.ids, pa.string()),
        "coarse": _names(review.coarse, review.coarse_names),
        "coarse_given": _names(review.given_coarse, review.coarse_names),
        "class_id": _of_class(review.fine, {n: held.id for n, held in classes.items()}),
        "class": _of_class(review.fine, {n: held.name for n, held in classes.items()}),
        "status": _of_class(review.fine, {n: held.status for n, held in classes.items()}),
        "confidence": pa.array(session.confidence(), from_pandas=True),
        "by_hand": pa.array(by_hand),
        "runner_up": _of_class(other, {n: held.id for n, held in classes.items()}),
    }
    if dataset is not None and dataset.texts is not None:
        columns["text"] = pa.array(_texts(session, dataset), pa.string())
    return pa.table(columns)


def score_of(confidence: float) -> dict[str, float]:
    """Return a confidence as other tools have it; none where it is not known (NaN)."""
    return {} if math.isnan(confidence) else {"score": round(float(confidence), 6)}


def write_parquet(table: pa.Table, path: Path) -> None:
    """Write Parquet: pandas, polars, DuckDB, Hugging Face."""
    import pyarrow.parquet as pq

    pq.write_table(table, path, compression="zstd")


def write_csv(table: pa.Table, path: Path) -> None:
    """Write CSV in UTF-8; cells that a spreadsheet would run as formulas begin with a quote."""
    from pyarrow import csv

    csv.write_csv(harmless_table(table), path)


def write_jsonl(table: pa.Table, path: Path) -> None:
    """Write one JSON object per line."""
    with path.open("w", encoding="utf-8") as file:
        for row in table.to_pylist():
            file.write(json.dumps(row, ensure_ascii=False) + "\n")


def class_paths(session: Session) -> np.ndarray:
    """Return (N, 2) names from the root: coarse class, class; ``""`` where there is none.

    The form that HiClass takes: ``LocalClassifierPerParentNode().fit(X, paths)``. Its models know
    a node by its name, so a class name that occurs under two coarse classes carries its id.
    """
    review = session.review
    names = {n: held.name for n, held in review.classes.items()}
    often = {name for name in names.values() if list(names.values()).count(name) > 1}
    often |= set(review.coarse_names)
    shown = {
        n: f"{name} ({review.classes[n].id})" if name in often else name
        for n, name in names.items()
    }
    coarse = ["" if q < 0 else review.coarse_names[q] for q in review.coarse.tolist()]
    fine = [shown.get(n, "") for n in review.fine.tolist()]
    return np.array([coarse, fine], dtype=np.str_).T


def write_paths(session: Session, path: Path) -> None:
    """Write class paths as a `.npy` of fixed-width strings; nothing in it is pickled."""
    with path.open("wb") as file:
        np.save(file, class_paths(session), allow_pickle=False)


def _names(labels: IntArray, names: tuple[str, ...]) -> pa.Array:
    return pa.array([None if q < 0 else names[q] for q in labels.tolist()], pa.string())


def _of_class(fine: IntArray, told: dict[int, str]) -> pa.Array:
    return pa.array([told.get(n) for n in fine.tolist()], pa.string())


def _texts(session: Session, dataset: CoarseDataset) -> list[str | None]:
    assert dataset.texts is not None
    text = dict(zip(dataset.ids, dataset.texts, strict=True))
    return [text.get(name) for name in session.review.ids]
