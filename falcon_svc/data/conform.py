"""New samples read as the data set of a discovery was: the same columns, in its order and scale."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from falcon_svc.data.config import DataConfig
from falcon_svc.data.refusal import listed, refusal
from falcon_svc.data.source import Samples
from falcon_svc.types import Note, Reading


def like_before(config: DataConfig, earlier: Reading | None) -> DataConfig:
    """Return settings under which a table gives the features of an earlier reading."""
    if earlier is not None and earlier.text_column is not None:
        column = config.text_column or earlier.text_column
        return config.model_copy(update={"samples": "texts", "text_column": column})
    if earlier is None or earlier.features is None:
        return config
    return config.model_copy(update={"feature_columns": earlier.features, "vector_column": None})


def conformed(samples: Samples, earlier: Reading, where: str) -> Samples:
    """Return samples whose columns are those of an earlier reading, matched by name.

    Raises
    ------
    InputError
        A feature is missing, or the vectors have another number of columns.
    """
    wanted, there = earlier.features, samples.names
    if samples.vectors is None or wanted is None or there is None or wanted == there:
        _check_width(samples, earlier, where)
        return samples
    missing = [name for name in wanted if name not in set(there)]
    if missing:
        raise refusal(
            f"the {len(wanted):,} features that the model was made with",
            f"all but {listed(missing)}",
            where=where,
            remedy="add these columns",
            code="missing_features",
        )
    place = {name: column for column, name in enumerate(there)}
    columns = np.array([place[name] for name in wanted])
    told = samples.told(notes=_further(len(there) - len(wanted)))
    return replace(told, vectors=samples.vectors[:, columns], names=wanted)


def _further(count: int) -> list[Note]:
    text = f"{count:,} further columns are left out: the model was made without them."
    return [Note("further_columns", text)] if count else []


def _check_width(samples: Samples, earlier: Reading, where: str) -> None:
    if earlier.scaling is None or samples.vectors is None or samples.vectors.ndim != 2:
        return
    wanted, width = len(earlier.scaling.centre), samples.vectors.shape[1]
    if wanted != width:
        raise refusal(
            f"vectors of {wanted:,} numbers, as the model was made with",
            f"{width:,}",
            where=where,
            remedy="give the same features in the same order",
            code="missing_features",
        )
