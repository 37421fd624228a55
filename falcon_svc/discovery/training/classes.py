"""What is told of each fine class: size, confidence, medoids."""

from __future__ import annotations

import numpy as np

from falcon_svc.discovery.partition.shared_metric import class_means, squared_lengths
from falcon_svc.result.record import Assignments, FineClass
from falcon_svc.types import BoolArray, FloatArray, LabelSource

N_MEDOIDS = 12


def describe_classes(
    inputs: FloatArray,
    assignments: Assignments,
    sources: tuple[LabelSource, ...],
    relations: tuple[BoolArray, ...],
    stability: FloatArray,
) -> tuple[FineClass, ...]:
    """Return one `FineClass` per row of the relations.

    Parameters
    ----------
    inputs
        (N, D) head inputs; medoids are nearest to their class's mean in them.
    assignments
        Assignments of the N samples.
    sources, relations
        Label sources and their relations (F, C).
    stability
        (F,) in [0, 1], NaN where it was not measured.
    """
    n_fine = len(relations[0])
    fine = assignments.fine
    sizes = np.bincount(fine, minlength=n_fine)
    confidence = np.bincount(fine, assignments.confidence, minlength=n_fine) / np.maximum(sizes, 1)
    distance = squared_lengths(inputs, fine, class_means(inputs, fine, n_fine))
    order = np.lexsort((distance, fine))
    members = np.split(order, np.cumsum(sizes)[:-1])
    return tuple(
        FineClass(
            id=i,
            coarse={s.name: int(r[i].argmax()) for s, r in zip(sources, relations, strict=True)},
            size=int(sizes[i]),
            mean_confidence=float(confidence[i]),
            medoids=tuple(int(row) for row in members[i][:N_MEDOIDS]),
            stability=None if np.isnan(stability[i]) else float(stability[i]),
            also_in=_further_parents(i, sources, relations),
        )
        for i in range(n_fine)
    )


def _further_parents(
    fine: int, sources: tuple[LabelSource, ...], relations: tuple[BoolArray, ...]
) -> dict[str, tuple[int, ...]]:
    """Return the parents beyond the first of one class, of the sources where it has some."""
    found = {
        source.name: tuple(np.flatnonzero(relation[fine])[1:].tolist())
        for source, relation in zip(sources, relations, strict=True)
    }
    return {name: parents for name, parents in found.items() if parents}
