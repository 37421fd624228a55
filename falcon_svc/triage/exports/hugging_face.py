"""A Hugging Face data set folder: Parquet under `data/`, and a card that says what it is.

`datasets.load_dataset("FOLDER")` reads it; class labels are `ClassLabel` features by the schema's
metadata, so that names and numbers come along.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from falcon_svc.triage.exports.table import review_table
from falcon_svc.triage.session import Session
from falcon_svc.types import CoarseDataset


def write_hugging_face(session: Session, dataset: CoarseDataset | None, folder: Path) -> None:
    """Write `data/train-00000-of-00001.parquet` and `README.md` into a folder."""
    table = _labelled(session, review_table(session, dataset))
    (folder / "data").mkdir()
    pq.write_table(table, folder / "data" / "train-00000-of-00001.parquet", compression="zstd")
    (folder / "README.md").write_text(_card(session, table), "utf-8")


def _labelled(session: Session, table: pa.Table) -> pa.Table:
    """Add `label` and `coarse_label` as whole numbers with their names (-1 = none)."""
    review = session.review
    numbers = list(review.classes)
    place = np.full(review.next_number + 1, -1, np.int64)
    place[numbers] = np.arange(len(numbers))
    label, coarse = place[review.fine], review.coarse
    table = table.append_column("label", pa.array(label)).append_column(
        "coarse_label", pa.array(coarse)
    )
    features = {name: _feature(table.schema.field(name).type) for name in table.column_names}
    features["label"] = _class_label([_unique(review.classes[n].name, n, session) for n in numbers])
    features["coarse_label"] = _class_label(list(review.coarse_names))
    info = json.dumps({"info": {"features": features}})
    return table.replace_schema_metadata({"huggingface": info})


def _unique(name: str, number: int, session: Session) -> str:
    """ClassLabel refuses equal names: those that occur twice carry the class's id."""
    often = sum(held.name == name for held in session.review.classes.values()) > 1
    return f"{name} (c{number})" if often else name


def _class_label(names: list[str]) -> dict[str, Any]:
    return {"names": names, "_type": "ClassLabel"}


def _feature(kind: pa.DataType) -> dict[str, Any]:
    names = {"float": "float32", "double": "float64", "bool": "bool", "int64": "int64"}
    return {"dtype": names.get(str(kind), "string"), "_type": "Value"}


def _card(session: Session, table: pa.Table) -> str:
    review = session.review
    accepted = sum(held.status == "accepted" for held in review.classes.values())
    task = ["task_categories:", "- text-classification"] if "text" in table.column_names else []
    lines = [
        *("---", *task, "configs:", "- config_name: default", "  data_files:"),
        *("  - split: train", "    path: data/train-*", "---", ""),
        *("# Reviewed classes", ""),
        f"{table.num_rows:,} samples in {len(review.classes):,} classes under "
        f"{len(review.coarse_names):,} coarse ones; {accepted:,} classes were accepted by hand. "
        f"Found by falcon-svc in a data set with digest `{session.discovery.dataset_digest}`, "
        f"reviewed up to revision `{session.head[:12]}`.",
        "",
        "`label` is the class, `coarse_label` the coarse class as corrected (-1 = none), "
        "`by_hand` says whether a person placed the sample, `confidence` is the model's "
        "(none where a correction since then put the sample where it is).",
        "",
    ]
    return "\n".join(lines)
