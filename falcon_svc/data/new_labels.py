"""Coarse labels of new samples: any number of classes, none at all too.

Which names a model knows is its own business: `falcon_svc.result.predictor` marks the others.
"""

from __future__ import annotations

import numpy as np

from falcon_svc.data.column_names import DEFAULT_SOURCE
from falcon_svc.types import SEVERAL, UNLABELLED, CoarseDataset, LabelSource, Note


def no_labels(n: int) -> LabelSource:
    """Return a source that labels none of n samples."""
    return LabelSource(DEFAULT_SOURCE, np.full(n, UNLABELLED, np.int64), ())


def missing_sources(wanted: tuple[str, ...], there: tuple[str, ...]) -> tuple[Note, ...]:
    """Return the note on label sources of the model that the new samples do not have."""
    missing = [name for name in wanted if name not in there]
    if not missing:
        return ()
    if not set(wanted) & set(there):
        text = "No column of coarse labels is there, so fine classes are found by the features "
        return (Note("no_labels", text + "alone."),)
    text = f"The label source {', '.join(missing)} of the model has no column here, so it rules "
    return (Note("no_labels", text + "no fine class out."),)


def label_names(source: LabelSource) -> list[str | None]:
    """Return each sample's label as text, several joined by ``|``; None where it has none."""
    found: list[str | None] = [
        None if k == UNLABELLED else source.names[k] for k in source.labels.tolist()
    ]
    for row, classes in source.several.items():
        found[row] = SEVERAL.join(source.names[k] for k in classes)
    return found


def labels_by_source(dataset: CoarseDataset) -> dict[str, list[str | None]]:
    """Return the labels of every source that has any, as a predictor takes them."""
    return {source.name: label_names(source) for source in dataset.sources if source.names}
