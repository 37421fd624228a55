"""Where a class hangs, how sure that is, and what its samples are called in every label source.

Corrections are about the first label source; the further ones are evidence as the run found it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from falcon_svc.result.record import SourceRelation
from falcon_svc.triage.session import Session

MOST_LABELS = 6
UNKNOWN_PARENT = "A correction made this class; its parent here is known after the next discovery."


@dataclass(frozen=True)
class SourceEvidence:
    """A class in one of the further label sources.

    Attributes
    ----------
    source : str
    parents : tuple of str
        Coarse classes of the source that it hangs under; none where a correction made it.
    words : str
        How sure that is, in a sentence.
    labels : tuple of (str, int)
        Labels of its samples with their number, most frequent first.
    n_unlabelled : int
    """

    source: str
    parents: tuple[str, ...]
    words: str
    labels: tuple[tuple[str, int], ...]
    n_unlabelled: int


def source_evidence(session: Session, number: int) -> tuple[SourceEvidence, ...]:
    """Return where a class hangs in the label sources after the first, and its samples' labels."""
    discovery, rows = session.discovery, session.review.members(number)
    held, told = session.review.classes[number], []
    pairs = zip(discovery.sources[1:], discovery.relations[1:], strict=True)
    for source, relation in pairs:
        labels = source.labels[rows]
        counts = np.bincount(labels[labels >= 0], minlength=source.n_coarse)
        order = np.argsort(-counts, kind="stable")[:MOST_LABELS]
        known = bool(0 <= held.found < len(relation.relation))
        parents = np.flatnonzero(relation.relation[held.found]).tolist() if known else []
        told.append(
            SourceEvidence(
                source=source.name,
                parents=tuple(source.names[q] for q in parents),
                words=_price_words(relation, held.found, parents) if parents else UNKNOWN_PARENT,
                labels=tuple((source.names[q], int(counts[q])) for q in order if counts[q]),
                n_unlabelled=int((labels < 0).sum()),
            )
        )
    return tuple(told)


def parent_words(session: Session, number: int) -> str:
    """Return how sure the solver is of a class's parent, in a sentence."""
    held = session.review.classes[number]
    relation = session.discovery.relations[0]
    found, parents = held.found, list(held.parents)
    if not 0 <= found < len(relation.relation) or not relation.relation[found, parents[0]]:
        names = session.review.coarse_names
        home = " and ".join(repr(names[q]) for q in parents)
        return f"It hangs under {home} since a correction."
    return _price_words(relation, found, parents)


def _price_words(relation: SourceRelation, found: int, parents: Sequence[int]) -> str:
    """Return how sure the solver is of the parents of a class of the run, in a sentence."""
    names = relation.coarse_names
    home = " and ".join(repr(names[q]) for q in parents)
    price = np.where(relation.relation[found], np.inf, relation.regret[found])
    other = int(price.argmin())
    if not np.isfinite(price[other]):
        return f"It hangs under {home}; no other parent is possible."
    # a class that moves as a whole changes the objective by about 1 / F
    share = float(price[other]) * len(relation.relation)
    how = "clearly" if share > 0.5 else "narrowly" if share < 0.1 else "fairly clearly"
    return (
        f"It hangs {how} under {home}: under {names[other]!r}, the next best, the whole would be "
        f"worse by the weight of {share:.2g} classes."
    )
