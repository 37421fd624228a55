"""What writers leave in an Arrow schema's metadata: pandas its index, Hugging Face class names."""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa


def pandas_index(schema: pa.Schema) -> list[str]:
    """Return the columns that pandas' metadata call the index."""
    try:
        found = (schema.pandas_metadata or {}).get("index_columns", [])
    except (ValueError, TypeError, AttributeError):
        return []
    return [name for name in found if isinstance(name, str)] if isinstance(found, list) else []


def class_names_of(schema: pa.Schema, column: str) -> tuple[str, ...] | None:
    """Return the names of a Hugging Face ClassLabel column; None where there are none."""
    raw = (schema.metadata or {}).get(b"huggingface")
    try:
        info: Any = json.loads(raw)["info"]["features"][column] if raw else None
        names = info["names"] if info and info.get("_type") == "ClassLabel" else None
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None
    plain = isinstance(names, list) and all(isinstance(name, str) for name in names)
    return tuple(names) if plain and names else None
