"""The state of a review in one document: every coarse and fine class with its evidence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic_core import to_json

from falcon_svc.review.tally import Figures, Tally
from falcon_svc.triage.classes import ReviewClass
from falcon_svc.triage.words import stability_verdict

if TYPE_CHECKING:
    from falcon_svc.triage.session import Session

UNJUDGED = None, stability_verdict(None)
"""Stability and verdict of a class that the run did not find."""


class Overview:
    """What the page shows first, in JSON; a class that did not change is not written again.

    Parameters
    ----------
    session : Session
    """

    def __init__(self, session: Session) -> None:
        self._session, self._tally = session, Tally()
        self._figures = Figures.none()
        self._written: dict[int, tuple[ReviewClass, bytes]] = {}

    def json(self) -> bytes:
        """Return head, coarse classes, classes, and what is unplaced."""
        figures = self._tally.of(self._session.review, self._session.placement)
        first = to_json(self._first(figures))
        return b"%b,%b:[%b]}" % (first[:-1], b'"classes"', b",".join(self._classes(figures)))

    def _first(self, figures: Figures) -> dict[str, Any]:
        """All but the fine classes."""
        session, review = self._session, self._session.review
        sizes = np.bincount(review.coarse + 1, minlength=len(review.coarse_names) + 1).tolist()
        return {
            "head": session.head,
            "n_samples": len(review.ids),
            "n_unplaced": len(review.ids) - int(figures.size.sum()),
            "n_revisions": len(session.log.revisions),
            "coarse": [
                {"name": name, "number": number, "size": sizes[number + 1]}
                for number, name in enumerate(review.coarse_names)
            ],
        }

    def _classes(self, figures: Figures) -> list[bytes]:
        """Write the classes that changed, and return all."""
        written, classes = self._written, self._session.review.classes
        for gone in written.keys() - classes.keys():
            del written[gone]
        changed = set(figures.unlike(self._figures).tolist())
        self._figures = figures
        for number, held in classes.items():
            had = written.get(number)
            if had is None or had[0] is not held or number in changed:
                written[number] = held, to_json(self._class(held, figures))
        return [written[number][1] for number in classes]

    def _class(self, held: ReviewClass, figures: Figures) -> dict[str, Any]:
        stability, verdict = self._session.judged[held.found] if held.found >= 0 else UNJUDGED
        size, settled, confidence, nearest, most = figures.of(held.number)
        return {
            "id": held.id,
            "number": held.number,
            "name": held.name,
            "named": held.named,
            "parents": held.parents,
            "status": held.status,
            "colour": held.colour,
            "size": size,
            "n_settled": settled,
            "confidence": confidence,
            "stability": stability,
            "verdict": verdict,
            "rival": None if nearest < 0 else f"c{nearest}",
            "rival_mass": most,
            "born_of": held.born_of,
        }
