"""From what the user knows about counts to a total and bounds per coarse class.

Reads the `counts` section of the configuration against the data; every contradiction is one
sentence that names the setting.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from falcon_svc.discovery.counts.config import CountConfig
from falcon_svc.discovery.other_sources import least_children
from falcon_svc.errors import ConfigError
from falcon_svc.types import IntArray, LabelSource, Sizes

INFEASIBLE = "infeasible_constraints"


@dataclass(frozen=True)
class CountBounds:
    """What is known before looking at the features.

    Parameters
    ----------
    total
        F, or None where it has to be estimated.
    low, high
        (C,) int64 bounds on the fine classes of each coarse class, 1 <= low <= high <= N_q.
    given
        (C,) bool: the user gave this class's count or range.
    n_samples
        Samples with a label.
    sizes
        What the user says about the sizes of fine classes.
    least_samples
        No fine class has fewer samples.
    least_total
        Classes of the label source that has most; the total is no smaller.
    """

    total: int | None
    low: IntArray
    high: IntArray
    given: np.ndarray
    n_samples: int
    sizes: Sizes = "auto"
    least_samples: int = 1
    least_total: int = 0

    @property
    def fixed(self) -> bool:
        """Whether every count is known."""
        return bool((self.low == self.high).all())

    @property
    def needed(self) -> IntArray:
        """(C,) labels that keep what the user said of the counts possible."""
        return np.asarray(np.where(self.given, self.high, self.low), np.int64)


def count_bounds(
    config: CountConfig, source: LabelSource, others: Sequence[LabelSource] = ()
) -> CountBounds:
    """Return the bounds for the first label source.

    Parameters
    ----------
    config
        What the user says.
    source
        The first label source.
    others
        Further sources of the same samples: each of their classes needs a fine class of its own.

    Raises
    ------
    ConfigError
        Unknown class name, more fine classes than samples, fewer than coarse classes of any
        source, or a total that the ranges cannot add up to.
    """
    sizes = np.bincount(source.labels[source.labels >= 0], minlength=source.n_coarse)
    low = np.ones(source.n_coarse, np.int64)
    high = np.maximum(1, sizes // config.least_samples).astype(np.int64)
    given = np.zeros(source.n_coarse, np.bool_)
    for name, count in config.n_fine_per_coarse.items():
        q = _class_index(name, source)
        low[q], high[q] = count if isinstance(count, tuple) else (count, count)
        given[q] = True
        _demand_samples(name, int(high[q]), int(sizes[q]), config.least_samples)
    low = _with_others(low, high, given, source, others)
    total = int(low.sum()) if bool((low == high).all()) else config.n_fine
    wanted = total if config.n_fine is None else config.n_fine
    _demand_possible(wanted, low, high, config.least_samples)
    demand_classes(wanted, others)
    least_total = max((other.n_coarse for other in others), default=0)
    return CountBounds(
        total, low, high, given, int(sizes.sum()), config.sizes, config.least_samples, least_total
    )


def _with_others(
    low: IntArray,
    high: IntArray,
    given: np.ndarray,
    source: LabelSource,
    others: Sequence[LabelSource],
) -> IntArray:
    """Return the lower bounds with what the other sources need."""
    least = least_children(source, others)
    short = np.flatnonzero(high < least)
    if len(short):
        q = int(short[0])
        setting = "n_fine_per_coarse" if given[q] else "least_samples"
        raise ConfigError(
            f"{setting} allows {high[q]} fine classes in {source.names[q]!r}, but samples "
            f"there have {least[q]} classes of another label source that lie in no other coarse "
            "class, and each needs a fine class of its own; allow more, or leave that source out.",
            code=INFEASIBLE,
        )
    return np.maximum(low, least)


def demand_classes(total: int | None, others: Sequence[LabelSource]) -> None:
    """Raise ConfigError where a total leaves some class of a further source without fine class."""
    for other in others:
        if total is not None and other.n_coarse > total:
            raise ConfigError(
                f"{total} fine classes were asked for, but the label source {other.name!r} has "
                f"{other.n_coarse} classes, and each needs a fine class of its own; ask for more, "
                "or leave this source out (data.label_sources, data.ignore_columns).",
                code=INFEASIBLE,
            )


def _class_index(name: str, source: LabelSource) -> int:
    if name not in source.names:
        some = ", ".join(repr(known) for known in source.names[:5])
        raise ConfigError(
            f"n_fine_per_coarse names the coarse class {name!r}, which is not in the data; "
            f"expected one of {some}{', ...' if len(source.names) > 5 else ''}."
        )
    return source.names.index(name)


def _demand_samples(name: str, most: int, size: int, least_samples: int) -> None:
    room = max(1, size // least_samples)
    if most > room:
        each, smaller = (
            (f", and least_samples = {least_samples}", ", or a smaller least_samples")
            if least_samples > 1
            else ("", "")
        )
        raise ConfigError(
            f"n_fine_per_coarse asks for up to {most} fine classes in {name!r}, which has "
            f"{size} samples{each}; give at most {room}{smaller}.",
            code=INFEASIBLE,
        )


def _demand_possible(total: int | None, low: IntArray, high: IntArray, least_samples: int) -> None:
    if total is not None and not low.sum() <= total <= high.sum():
        settings, of_size = "n_fine or n_fine_per_coarse", ""
        if total > high.sum() and least_samples > 1:
            settings = "n_fine, n_fine_per_coarse or least_samples"
            of_size = f" of at least {least_samples} samples"
        raise ConfigError(
            f"n_fine = {total} cannot be shared out: the {len(low)} coarse classes need at least "
            f"{low.sum()} fine classes (one each, or the counts given) and hold at most "
            f"{high.sum()}{of_size}; change {settings}.",
            code=INFEASIBLE,
        )
