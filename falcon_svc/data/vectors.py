"""Judging vectors: plain numbers, two axes, finite, of a magnitude whose square stays finite."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np
from numpy.typing import NDArray

from falcon_svc.data.config import DataConfig
from falcon_svc.data.refusal import Finding, findings, quoted, refusal
from falcon_svc.types import FloatArray

# Squared lengths are summed in float32 (limit 3.4e38): 65,536 components of 1e15 give 7e34.
MAX_MAGNITUDE = 1e15
PIECE_BYTES = 16 * 2**20


def to_vectors(values: NDArray[Any], *, where: str, config: DataConfig) -> FloatArray:
    """Return (N, D) float32; float32 input, memory maps included, is passed on as it is.

    Raises
    ------
    InputError
        Another type than float, integer or bool, not two axes, D < 2 or above the limit.
    """
    if values.dtype.kind == "b":
        values = values.astype(np.float32)
    if values.dtype.kind not in "fiu":
        raise refusal(
            "numbers (float or integer) in x",
            f"the type {values.dtype.name}",
            where=where,
            remedy="convert the array with x.astype('float32')",
            code="bad_dtype",
        )
    if values.ndim != 2 or not 2 <= values.shape[1] <= config.max_dimensions:
        wide = values.ndim == 2 and values.shape[1] > config.max_dimensions
        raise refusal(
            f"one row per sample with 2 to {config.max_dimensions:,} columns",
            f"shape {values.shape}",
            where=where,
            remedy="save x with shape (N, D)" + (", or raise max_dimensions" if wide else ""),
            code="bad_shape",
        )
    with np.errstate(over="ignore", invalid="ignore"):
        return np.ascontiguousarray(values, dtype=np.float32)


def vector_findings(
    vectors: FloatArray, names: tuple[str, ...] | None = None, told: Collection[int] = ()
) -> list[Finding]:
    """Return the rows with NaN, infinity or a magnitude above 1e15, without those in `told`."""
    step = max(1, PIECE_BYTES // (vectors.shape[1] * vectors.itemsize))
    with np.errstate(invalid="ignore"):
        bad = [
            start + np.flatnonzero(~(_magnitude(vectors[start : start + step]) <= MAX_MAGNITUDE))
            for start in range(0, len(vectors), step)
        ]
    return findings(
        "non_finite",
        f"finite numbers of at most {MAX_MAGNITUDE:g} in x",
        "remove or impute these rows" + (", or name the column in ignore_columns" if names else ""),
        [row for row in (np.concatenate(bad).tolist() if bad else []) if row not in told],
        lambda row: _describe(vectors[row], names),
    )


def _magnitude(piece: FloatArray) -> FloatArray:
    """Return (B,) the largest absolute value of each row; NaN where there is one."""
    largest: FloatArray = np.maximum(piece.max(axis=1), -piece.min(axis=1))
    return largest


def _describe(vector: FloatArray, names: tuple[str, ...] | None) -> str:
    with np.errstate(invalid="ignore"):
        column = int(np.flatnonzero(~(np.abs(vector) <= MAX_MAGNITUDE))[0])
    value = float(vector[column])
    name = "NaN or an empty cell" if np.isnan(value) and names else f"{value:g}"
    return f"{name} (column {quoted(names[column]) if names else column})"
