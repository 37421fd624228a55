"""The corrected classes as a table: one row per sample."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from falcon_svc.result.spreadsheets import harmless

if TYPE_CHECKING:
    from falcon_svc.triage.session import Session

Row = dict[str, Any]


def table_rows(session: Session) -> Iterator[Row]:
    """Give id, coarse label (as corrected and as given), class and name, and who settled it."""
    review, placement = session.review, session.placement
    names = (*review.coarse_names, None)  # -1 = none
    for row, sample in enumerate(review.ids):
        number = int(review.fine[row])
        held = review.classes.get(number)
        yield {
            "id": sample,
            "coarse": names[int(review.coarse[row])],
            "coarse_given": names[int(review.given_coarse[row])],
            "class_id": None if held is None else held.id,
            "class_name": None if held is None else held.name,
            "status": None if held is None else held.status,
            "confidence": round(float(placement.confidence[row]), 6),
            "settled": bool(review.fixed[row]),
        }


def csv_table(session: Session) -> bytes:
    """Return CSV for spreadsheets: a text that would start a formula gets a quote before it."""
    buffer = io.StringIO()
    writer: csv.DictWriter[str] | None = None
    for row in table_rows(session):
        if writer is None:
            writer = csv.DictWriter(buffer, list(row))
            writer.writeheader()
        writer.writerow({name: harmless(value) for name, value in row.items()})
    return buffer.getvalue().encode()


def jsonl_table(session: Session) -> bytes:
    """Return one JSON object per line."""
    return b"".join(
        json.dumps(row, ensure_ascii=False).encode() + b"\n" for row in table_rows(session)
    )


TABLES: dict[str, tuple[str, Callable[[Session], bytes]]] = {
    "csv": ("text/csv", csv_table),
    "jsonl": ("application/x-ndjson", jsonl_table),
}
"""Format -> its media type and its maker."""
