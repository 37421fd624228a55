"""Documents that come line by line: events of a job, outcomes of a batch.

Place: beside `documents`, which is written from the OpenAPI document; that has no lines of streams.
"""

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypedDict

from falcon_svc.client.documents import JobEvent, State


class Event(JobEvent):
    """A change of a job with its number, and what kind of change it is."""

    seq: int
    kind: Literal["state", "progress"]


class Outcome(TypedDict):
    """What became of a job of a batch: summary and links, or an error."""

    custom_id: str
    job_id: str
    state: State
    summary: NotRequired[dict[str, Any]]
    links: NotRequired[dict[str, str]]
    error: NotRequired[dict[str, Any] | None]
