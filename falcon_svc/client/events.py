"""A job's stream of server-sent events, read line by line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import cast

import httpx

from falcon_svc.client.lines import Event
from falcon_svc.client.transport import checked, unreachable


def read_events(http: httpx.Client, job_id: str, after: int) -> Iterator[Event]:
    """Give the events behind number `after` until the stream ends.

    Raises
    ------
    ServiceError
        The service refused, or the connection broke.
    """
    try:
        yield from _read(http, job_id, after)
    except httpx.TransportError as error:
        raise unreachable(http.base_url, error) from error


def _read(http: httpx.Client, job_id: str, after: int) -> Iterator[Event]:
    headers = {"Last-Event-ID": str(after)}
    with http.stream("GET", f"/v1/jobs/{job_id}/events", headers=headers) as answer:
        if answer.status_code >= 400:
            answer.read()
        checked(answer)
        fields: dict[str, str] = {}
        for line in answer.iter_lines():
            name, _, value = line.partition(": ")
            if line == "" and "data" in fields:
                yield _event(fields)
                fields = {}
            elif name:
                fields[name] = value


def _event(fields: dict[str, str]) -> Event:
    data = json.loads(fields["data"])
    return cast(Event, {"seq": int(fields["id"]), "kind": fields["event"], **data})
