"""How what stages find lies in the work directory, and comes back as it was.

Place: under `stages`; each name here is a `Rest`. Numbers keep their bits: arrays their types, and
JSON every digit of a float64.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from falcon_svc.discovery.counts.choice import Counts
from falcon_svc.discovery.pieces import Arrays
from falcon_svc.discovery.structure import Structure
from falcon_svc.discovery.training.feature_space import FeatureSpace
from falcon_svc.durable.shelf import Kept, Shelf
from falcon_svc.pipeline.found import Found, Judged, Spaced
from falcon_svc.pipeline.layout import Layout
from falcon_svc.pipeline.stage import Rest
from falcon_svc.result.record import LabelNoise, TotalEstimate
from falcon_svc.types import Neighbors

if TYPE_CHECKING:
    from falcon_svc.discovery.training.warm_start import WarmStart

ARRAYS_OF_NOISE = (
    *("expected", "expected_low", "expected_high"),
    *("wrong_probability", "proposed", "proposed_probability"),
)
NUMBERS_OF_NOISE = ("source", "given", "rate", "low", "high")
ARRAYS_OF_COUNTS = ("n_fine", "low", "high", "whole")
ARRAYS_OF_TOTAL = ("totals", "probability", "stability")
NUMBERS_OF_TOTAL = ("n_fine", "low", "high", "runner_up")


class KeptPieces:
    """The pieces of the structure stage, beside what other stages keep.

    Parameters
    ----------
    shelf, key
        Where, and the key of the stage.
    """

    def __init__(self, shelf: Shelf, key: str) -> None:
        self._shelf, self._key = shelf, key

    def find(self, piece: str) -> Arrays | None:
        """Return what an earlier attempt kept, or None."""
        kept = self._shelf.get(f"structure-{piece}", self._key)
        return None if kept is None else kept.arrays

    def keep(self, piece: str, arrays: Arrays) -> None:
        """Keep a piece durably."""
        self._shelf.put(f"structure-{piece}", self._key, Kept(arrays))


def _kept_judged(judged: Judged) -> Kept:
    arrays: Arrays = {f"labels.{i}": s.labels for i, s in enumerate(judged.believed.sources)}
    for i, noise in enumerate(judged.noise):
        arrays |= _fields(noise, ARRAYS_OF_NOISE, f"noise.{i}.")
    return Kept(arrays, {"noise": [_fields(one, NUMBERS_OF_NOISE) for one in judged.noise]})


def _judged_again(kept: Kept, found: Found) -> Judged:
    sources = tuple(
        replace(source, labels=kept.arrays[f"labels.{i}"])
        for i, source in enumerate(found.dataset.sources)
    )
    noise = tuple(
        LabelNoise(**numbers, **_under(kept.arrays, ARRAYS_OF_NOISE, f"noise.{i}."))
        for i, numbers in enumerate(kept.numbers["noise"])
    )
    return Judged(noise, replace(found.dataset, sources=sources))


def _kept_structure(structure: Structure) -> Kept:
    counts, total = structure.counts, structure.counts.total
    arrays: Arrays = {"fine": structure.fine, "stability": structure.stability}
    arrays |= _fields(counts, ARRAYS_OF_COUNTS, "counts.")
    numbers = {"dispersion": float(counts.dispersion), "equal": bool(counts.equal)}
    if total is None:
        return Kept(arrays, {**numbers, "total": None})
    arrays |= _fields(total, ARRAYS_OF_TOTAL, "total.")
    return Kept(arrays, {**numbers, "total": _fields(total, NUMBERS_OF_TOTAL)})


def _structure_again(kept: Kept, _: Found) -> Structure:
    numbers, total = dict(kept.numbers), None
    if (known := numbers.pop("total")) is not None:
        total = TotalEstimate(**known, **_under(kept.arrays, ARRAYS_OF_TOTAL, "total."))
    counts = Counts(**_under(kept.arrays, ARRAYS_OF_COUNTS, "counts."), **numbers, total=total)
    return Structure(kept.arrays["fine"], counts, kept.arrays["stability"])


def _kept_space(spaced: Spaced) -> Kept:
    return Kept(_fields(spaced.space, ("mean", "projection")))


def _space_again(kept: Kept, found: Found) -> Spaced:
    space = FeatureSpace(**kept.arrays)
    return Spaced(space, space.apply(found.features.vectors))


def _kept_neighbors(neighbors: tuple[Neighbors, ...]) -> Kept:
    """Row numbers are below 2^31: half the bytes are enough."""
    arrays: Arrays = {f"index.{i}": one.index.astype(np.int32) for i, one in enumerate(neighbors)}
    return Kept(arrays, {"searches": [[one.backend, one.recall] for one in neighbors]})


def _neighbors_again(kept: Kept, _: Found) -> tuple[Neighbors, ...]:
    return tuple(
        Neighbors(kept.arrays[f"index.{i}"].astype(np.int64), backend, recall)
        for i, (backend, recall) in enumerate(kept.numbers["searches"])
    )


def _kept_start(start: WarmStart) -> Kept:
    arrays: Arrays = {"weight": start.head.weight, "bias": start.head.bias}
    arrays |= {"fine_prior": start.fine_prior}
    for name, several in (("relation", start.head.relations), ("size", start.size_targets)):
        arrays |= {f"{name}.{i}": array for i, array in enumerate(several)}
    return Kept(arrays)


def _start_again(kept: Kept, found: Found) -> WarmStart:
    from falcon_svc.discovery.training.head_start import HeadStart
    from falcon_svc.discovery.training.warm_start import WarmStart

    arrays, each = kept.arrays, range(len(found.dataset.sources))
    relations = tuple(arrays[f"relation.{i}"] for i in each)
    head = HeadStart(arrays["weight"], arrays["bias"], relations)
    return WarmStart(head, arrays["fine_prior"], tuple(arrays[f"size.{i}"] for i in each))


def _kept_layout(layout: Layout) -> Kept:
    return Kept({"rows": layout.rows, "xy": layout.xy}, {"method": layout.method})


def _layout_again(kept: Kept, _: Found) -> Layout:
    return Layout(kept.arrays["rows"], kept.arrays["xy"], kept.numbers["method"])


def _fields(record: Any, names: tuple[str, ...], prefix: str = "") -> dict[str, Any]:
    return {f"{prefix}{name}": getattr(record, name) for name in names}


def _under(arrays: dict[str, NDArray[Any]], names: tuple[str, ...], prefix: str) -> dict[str, Any]:
    return {name: arrays[f"{prefix}{name}"] for name in names}


LABELS = Rest(_kept_judged, _judged_again)
STRUCTURE = Rest(_kept_structure, _structure_again)
SPACE = Rest(_kept_space, _space_again)
NEIGHBORS = Rest(_kept_neighbors, _neighbors_again)
START = Rest(_kept_start, _start_again)
LAYOUT = Rest(_kept_layout, _layout_again)
