"""What a reader needs to believe a class or to doubt it: exemplars, border samples, the rival.

Place: between `Discovery` and the drawings; pure numpy, one sort for all classes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from falcon_svc.result.doubt import at_border
from falcon_svc.result.record import Assignments, Discovery, FineClass
from falcon_svc.types import IntArray

N_BORDER = 6


@dataclass(frozen=True)
class Rival:
    """The sibling that a class is most easily mistaken for.

    `pull` in [0, 0.5] is the mean probability that the class's samples give to it as their
    runner-up: 0 = never in doubt, 0.5 = a coin toss.
    """

    fine: int
    pull: float


@dataclass(frozen=True)
class Evidence:
    """One class's card.

    Parameters
    ----------
    fine
        The class as it was found.
    border
        Rows of its least certain samples, those at the border only.
    share_border
        Share of its samples at the border.
    rival
        None where it has no sibling.
    """

    fine: FineClass
    border: tuple[int, ...]
    share_border: float
    rival: Rival | None


@dataclass(frozen=True)
class Mixup:
    """Samples labelled `coarse` that look like `likely`: wrong labels, or classes that overlap.

    `rows` are the samples, the strongest cases first.
    """

    coarse: int
    likely: int
    rows: tuple[int, ...]


def collect_evidence(discovery: Discovery) -> tuple[Evidence, ...]:
    """Return every class's evidence, index = fine class id."""
    found = discovery.assignments
    order = np.lexsort((found.margin, found.fine))
    starts = np.searchsorted(found.fine[order], np.arange(discovery.n_fine + 1))
    return tuple(
        _evidence(fine, order[starts[fine.id] : starts[fine.id + 1]], found)
        for fine in discovery.classes
    )


def share_of_border_samples(discovery: Discovery) -> float:
    """Share of all samples that lie at the border of their class."""
    return float(at_border(discovery.assignments).mean())


def share_of_suspects(discovery: Discovery) -> float:
    """Share of labelled samples whose coarse label looks wrong."""
    labelled = discovery.sources[0].labels >= 0
    return float(len(discovery.suspects) / max(labelled.sum(), 1))


def mixups(discovery: Discovery, most: int) -> tuple[Mixup, ...]:
    """Return the most frequent pairs of given and likely coarse class, largest first."""
    likely, rows = discovery.likely_coarse, discovery.suspects
    pairs = np.stack((discovery.sources[0].labels[rows], likely[rows]), axis=1)
    kinds, kind_of, sizes = np.unique(pairs, axis=0, return_inverse=True, return_counts=True)
    return tuple(
        Mixup(int(kinds[k, 0]), int(kinds[k, 1]), tuple(rows[kind_of.ravel() == k].tolist()))
        for k in np.argsort(-sizes, kind="stable")[:most]
    )


def _evidence(fine: FineClass, rows: IntArray, found: Assignments) -> Evidence:
    """`rows` are the class's samples, least certain first."""
    unsure = rows[at_border(found)[rows]]
    return Evidence(
        fine=fine,
        border=tuple(unsure[:N_BORDER].tolist()),
        share_border=len(unsure) / max(len(rows), 1),
        rival=_rival(rows, found),
    )


def _rival(rows: IntArray, found: Assignments) -> Rival | None:
    rows = rows[found.runner_up[rows] >= 0]
    if not len(rows):
        return None
    pull = np.bincount(found.runner_up[rows], found.confidence[rows] - found.margin[rows])
    return Rival(int(pull.argmax()), float(pull.max() / len(rows)))
