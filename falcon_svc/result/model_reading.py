"""How the data set of a model was read, as its files hold it, and new columns brought to that."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from falcon_svc.columns import by_number, further, matched
from falcon_svc.count_recipe import CountRecipe
from falcon_svc.errors import InputError
from falcon_svc.types import FloatArray, Note, Reading

WHERE = "the columns given"


def reading_record(reading: Reading) -> dict[str, Any]:
    """Return what a model's record says of the reading; `stored_reading` reads it back."""
    return {
        "features": None if reading.features is None else list(reading.features),
        "scaling": None if reading.scaling is None else reading.scaling.kind,
        "counts": None if reading.counts is None else reading.counts.document(),
        "reading": {
            "coarse_columns": dict(reading.coarse_columns),
            "id_column": reading.id_column,
            "vector_column": reading.vector_column,
            "obsm_key": reading.obsm_key,
            "text_column": reading.text_column,
        },
    }


def reading_tensors(reading: Reading) -> dict[str, NDArray[Any]]:
    """Return the numbers of the reading by name: scaling, recipe."""
    found = {} if reading.counts is None else reading.counts.tensors()
    if reading.scaling is not None:
        found["scaling.centre"] = reading.scaling.centre
        found["scaling.scale"] = reading.scaling.scale
    return found


def stored_reading(record: Mapping[str, Any], tensors: Mapping[str, NDArray[Any]]) -> Reading:
    """Return the reading of a model's record; the predictor itself scales, so that is left out."""
    names = [source["name"] for source in record["sources"]]
    told = record.get("reading", {})
    columns = told.get("coarse_columns", {})
    features, counts = record.get("features"), record.get("counts")
    return Reading(
        coarse_columns=tuple((name, columns.get(name, name)) for name in names),
        id_column=told.get("id_column"),
        features=None if features is None else tuple(features),
        vector_column=told.get("vector_column"),
        obsm_key=told.get("obsm_key"),
        text_column=told.get("text_column"),
        counts=None if counts is None else CountRecipe.of(counts, tensors),
    )


def arranged(
    reading: Reading, n_dims: int, vectors: FloatArray, columns: Sequence[str] | None
) -> tuple[FloatArray, tuple[Note, ...]]:
    """Return (N, D) vectors in the order of a model, and the notes on what was left out.

    Parameters
    ----------
    reading
        How the model's data set was read.
    n_dims
        D, the dimensions that the model takes.
    vectors, columns
        (N, D') numbers and the names of their columns; None = they are in order already.

    Raises
    ------
    InputError
        A feature is missing, or the model takes what an encoder made of them.
    """
    if columns is None:
        return vectors, ()
    rows = np.asarray(vectors)
    if rows.ndim != 2 or rows.shape[1] != len(columns):
        raise InputError(
            f"Expected one name for each column, found {len(columns)} names for vectors of shape "
            f"{rows.shape}; name them all, or leave the names out."
        )
    if reading.counts is not None:
        told = (*reading.counts.notes(columns), *further(reading.counts.genes, columns))
        return reading.counts.apply(rows, columns, where=WHERE), told
    if reading.features is None:
        return rows, by_number(columns)
    if len(reading.features) != n_dims:
        raise InputError(
            f"Expected vectors of {n_dims} numbers by the model's encoder, without names, found "
            "names of columns; encode the samples first, and leave the names out."
        )
    places = matched(reading.features, columns, where=WHERE)
    return rows[:, places], further(reading.features, columns)
