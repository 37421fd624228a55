"""Counts and sums for `/metrics`, in SQL: what attempts measured, how often loops failed."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from falcon_svc.storage.tables import Measure

LOOP_FAILURES = "loop_failures"
"""Kind of the measures that count failed turns of a supervisor's loops, by loop."""


class MeasureRepository:
    """Measures as a session sees them."""

    def __init__(self, session: Session) -> None:
        self.session = session

    def every(self) -> Sequence[Measure]:
        """Return all of them."""
        return self.session.scalars(select(Measure).order_by(Measure.kind, Measure.label)).all()

    def add(self, kind: str, label: str, value: float) -> None:
        """Count a figure."""
        done = self.session.execute(
            update(Measure)
            .where(Measure.kind == kind, Measure.label == label)
            .values(count=Measure.count + 1, sum=Measure.sum + value)
        )
        if not done.rowcount:  # type: ignore[attr-defined]
            row = {"kind": kind, "label": label, "count": 1, "sum": value}
            self.session.execute(insert(Measure).values(row))
