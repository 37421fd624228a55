"""Predictions over the API: vectors in, records out, by the predictor of a job's result."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from falcon_svc.data.formats.npy_format import read_array, read_header
from falcon_svc.errors import InputError
from falcon_svc.result.given_labels import Labels
from falcon_svc.result.prediction_records import records
from falcon_svc.result.predictor import Predictor
from falcon_svc.result.surety import ANY, Demand
from falcon_svc.service import results
from falcon_svc.service.context import Context
from falcon_svc.service.keys import Caller
from falcon_svc.types import FloatArray

KEPT = 8


@dataclass(frozen=True)
class Wish:
    """What is to be predicted; see `Predictor.predict`.

    Parameters
    ----------
    vectors, coarse, columns, demand
        As there.
    """

    vectors: FloatArray
    coarse: Labels | Mapping[str, Labels] | None = None
    columns: list[str] | None = None
    demand: Demand = ANY


def predict(context: Context, caller: Caller, job_id: str, wish: Wish) -> dict[str, Any]:
    """Return one record per vector by the model of a job, and notes, as the API gives them."""
    _, directory = results.directory(context, caller, job_id)
    model = model_of(directory)
    found = model.predict(wish.vectors, wish.coarse, columns=wish.columns, demand=wish.demand)
    notes = [{"code": note.code, "text": note.text} for note in found.notes]
    return {"predictions": records(model, found), "notes": notes}


def model_of(directory: Path) -> Predictor:
    """Return the model of a result directory, loaded once.

    Raises
    ------
    StorageError
        A file is gone or not as it was written (code ``artifact_missing``).
    """
    return results.whole_files(_load, directory)


def as_vectors(rows: list[list[float]]) -> FloatArray:
    """Return rows of numbers as (N, D) float32; raises as `as_table`."""
    with np.errstate(over="ignore"):
        return as_table(rows).astype(np.float32)


def as_table(rows: list[list[float]]) -> NDArray[np.float64]:
    """Return rows of numbers as (N, D) float64.

    Raises
    ------
    InputError
        The rows differ in length.
    """
    lengths = {len(row) for row in rows}
    if len(lengths) != 1:
        raise InputError(
            f"Expected vectors of one length, found {sorted(lengths)[:5]}; fill or drop the others."
        )
    return np.asarray(rows, np.float64)


def read_vectors(stream: BinaryIO) -> FloatArray:
    """Return the (N, D) numbers of a npy file as float32; nothing is unpickled.

    Raises
    ------
    InputError
        Not a npy file, other kinds of values, fewer bytes than it claims.
    """
    size = stream.seek(0, io.SEEK_END)
    stream.seek(0)
    values = read_array(stream, read_header(stream, size=size, where="the request's body"))
    if values.dtype.kind not in "fiu":
        raise InputError(f"Expected numbers, found values of type {values.dtype}; convert them.")
    with np.errstate(over="ignore"):
        return values.astype(np.float32)


@lru_cache(KEPT)
def _load(path: Path) -> Predictor:
    return Predictor.load(path)
