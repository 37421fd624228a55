"""The user's constraints on the relation: checked when the data are read, stated at the start.

Place: beside the stages of `falcon_svc.pipeline.stages`; `relation_wishes` knows the kinds.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from falcon_svc.config import DiscoveryConfig
from falcon_svc.discovery.structure import Structure
from falcon_svc.discovery.training.relation_wishes import check_names, wishes_of
from falcon_svc.discovery.training.warm_start import WarmStart
from falcon_svc.errors import ConfigError
from falcon_svc.types import CoarseDataset, FloatArray, IntArray


def check_constraints(dataset: CoarseDataset, config: DiscoveryConfig) -> None:
    """Raise ConfigError for a constraint that names what is not there; cheap, so asked first."""
    if config.relation.constraints and config.labels.several_parents:
        raise ConfigError(
            "Expected relation.constraints or labels.several_parents, found both: several_parents "
            "merges classes after a first training, which would change what the constraints "
            "name; use a constraint of the kind extra_parents."
        )
    check_names(config.relation, dataset.sources, dataset.ids)


def constrained(
    start: WarmStart,
    structure: Structure,
    rows: IntArray,
    inputs: FloatArray,
    dataset: CoarseDataset,
    config: DiscoveryConfig,
) -> WarmStart:
    """Return the start with the constraints that every solve of a relation keeps."""
    if not config.relation.constraints:
        return start
    row_of = {sample: row for row, sample in enumerate(dataset.ids)}
    known = dict(zip(rows.tolist(), structure.fine.tolist(), strict=True))

    def fine_of(sample: str) -> int:
        row = row_of[sample]
        return known[row] if row in known else _likeliest(start, inputs[row], dataset, row)

    sizes = np.bincount(structure.fine, minlength=start.head.n_fine)
    masses = np.rint(sizes * len(dataset) / max(len(rows), 1)).astype(np.int64)
    wishes = wishes_of(config.relation, dataset.sources, fine_of, masses)
    return replace(start, head=replace(start.head, wishes=wishes))


def _likeliest(start: WarmStart, inputs: FloatArray, dataset: CoarseDataset, row: int) -> int:
    """The class of a sample that the structure did not see, by the head's first class vectors."""
    scores = start.head.weight @ inputs + start.head.bias
    coarse = int(dataset.coarse.labels[row])
    allowed = start.head.relations[0][:, coarse] if coarse >= 0 else np.ones(len(scores), bool)
    return int(np.where(allowed, scores, -np.inf).argmax())
