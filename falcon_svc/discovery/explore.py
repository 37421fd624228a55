"""Several totals of one structure: what a person chooses from where no number is known.

Place: beside `structure`, whose work it goes on with. The votes of every total are cut from one
forest of trees, so that a further total costs no view, metric or tree of its own.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from falcon_svc.discovery.counts.bounds import CountBounds
from falcon_svc.discovery.counts.shown_totals import nearest_shares, shown_totals
from falcon_svc.discovery.pieces import Pieces
from falcon_svc.discovery.structure import (
    EXPONENT_OF_TOTAL,
    Structure,
    StructureWork,
    many_small_fits,
)
from falcon_svc.types import FloatArray, LabelSource


@dataclass(frozen=True)
class Candidate:
    """One total that a person may choose.

    Parameters
    ----------
    structure
        Counts and partition at this total.
    probability
        Probability that this one of the totals shown is nearest to the truth, on a scale of
        ratios.
    stability
        How much better than noise partitions of this total come back on other halves of the
        data.
    """

    structure: Structure
    probability: float
    stability: float


def explore_totals(
    raw: FloatArray,
    source: LabelSource,
    bounds: CountBounds,
    *,
    seed: int,
    pieces: Pieces | None = None,
) -> tuple[Structure, tuple[Candidate, ...]]:
    """Find the structure, and partitions at other totals from the same trees.

    The metric of the forest is that of the total used. Parameters and errors as of
    `find_structure`; the total must be free.

    Returns
    -------
    tuple
        The structure, and the candidates by ascending total, the structure among them.
    """
    with many_small_fits():
        return _explored(StructureWork(raw, source, bounds, seed, pieces or Pieces()), bounds)


def _explored(work: StructureWork, bounds: CountBounds) -> tuple[Structure, tuple[Candidate, ...]]:
    found = work.posterior()
    choice = work.choice(found)
    own = work.at_choice(choice, found)
    total = own.counts.total
    assert total is not None, "a total that was given leaves nothing to explore"
    forest = work.forest(total.n_fine, EXPONENT_OF_TOTAL, most_fine=total.high)
    wanted = shown_totals(total, int(bounds.low.sum()), int(bounds.high.sum()))
    others = (work.other_total(forest, int(n), choice, found) for n in wanted if n != total.n_fine)
    structures = {int(s.counts.n_fine.sum()): s for s in (*others, own)}
    totals = np.array(sorted(structures))
    columns = zip(totals, nearest_shares(found, totals), found.stability_at(totals), strict=True)
    return own, tuple(Candidate(structures[n], float(p), float(s)) for n, p, s in columns)
