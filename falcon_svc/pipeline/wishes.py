"""Whether counts that somebody asks for can be met by a data set that was read before.

Place: asked by the API with each job on a data set that is ready, so that nobody waits in the queue
for a refusal; the run itself asks the same of the data (`discovery.counts.bounds`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from falcon_svc.discovery.counts.bounds import count_bounds, demand_classes
from falcon_svc.discovery.counts.config import CountConfig
from falcon_svc.errors import ConfigError
from falcon_svc.types import LabelSource


def check_counts(counts: CountConfig, classes: Mapping[str, Mapping[str, Any]]) -> None:
    """Raise unless the counts are possible.

    Parameters
    ----------
    counts
        As asked for.
    classes
        Label source -> coarse class -> number of samples; counts are of the first source.

    Raises
    ------
    ConfigError
        Unknown class name, fewer fine than coarse classes, more than samples, ranges that do not
        add up (code ``infeasible_constraints``); `errors` has the pointer ``/counts``.
    """
    if not classes:
        return
    first, *others = (_source(name, sizes) for name, sizes in classes.items())
    try:
        count_bounds(counts, first)
        demand_classes(counts.n_fine, others)
    except ConfigError as error:
        error.errors = [{"pointer": "/counts", "detail": str(error)}]
        raise


def _source(name: str, sizes: Mapping[str, Any]) -> LabelSource:
    labels = np.repeat(np.arange(len(sizes)), [int(size) for size in sizes.values()])
    return LabelSource(name, labels.astype(np.int64), tuple(sizes))
