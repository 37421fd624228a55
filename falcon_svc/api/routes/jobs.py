"""Jobs: queue, look, follow, cancel, delete."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Annotated

import anyio.to_thread
from fastapi import APIRouter, Header, Query, Response
from fastapi.responses import JSONResponse, StreamingResponse

from falcon_svc.api.dependencies import (
    Ctx,
    Events,
    IdempotencyKey,
    JobId,
    Left,
    Listing,
    PageSize,
    PageToken,
    Reader,
    WaitSeconds,
    Writer,
)
from falcon_svc.api.documents import ETAG, GATED, LOCATION, Responses, refused
from falcon_svc.api.examples import BATCH_ID, DATASET_ID, JOB_EVENT
from falcon_svc.api.feed import Feed
from falcon_svc.api.schemas import JobIn, JobOut, Page
from falcon_svc.api.strict_route import StrictRoute
from falcon_svc.service import jobs
from falcon_svc.service.context import Context
from falcon_svc.service.keys import Caller
from falcon_svc.service.times import rfc3339
from falcon_svc.storage.kinds import Kind
from falcon_svc.storage.states import TERMINAL, State
from falcon_svc.storage.tables import Job

router = APIRouter(prefix="/v1/jobs", tags=["jobs"], route_class=StrictRoute, responses=GATED)
HEARTBEAT_S = 15.0
POLL_AFTER_S = "2"
ETag = Annotated[
    str | Left,
    Header(
        description="ETag of what you have; the answer is 304 if it is current.", examples=['"7"']
    ),
]
LastEvent = Annotated[
    int,
    Header(
        ge=0,
        le=2**53,
        description="Number of the last event that you have: the stream goes on after it.",
        examples=[3],
    ),
]
JOB_HEADERS = {"headers": {**LOCATION, **ETAG}}
EVENTS: Responses = {
    200: {
        "description": "Server-sent events: `id` counts from 1, `event` is `state` or `progress`, "
        "`data` is a `JobEvent` in JSON.",
        "content": {
            "text/event-stream": {
                "schema": {"type": "string"},
                "example": f"id: 1\nevent: state\ndata: {json.dumps(JOB_EVENT)}\n\n",
            }
        },
    },
    204: {"description": "Nothing comes after `Last-Event-ID`."},
}


def answer(job: Job, status: int) -> JSONResponse:
    """Return a job's document with its place and version."""
    response = JSONResponse(JobOut.of(job).model_dump(mode="json"), status)
    response.headers["Location"] = f"/v1/jobs/{job.id}"
    response.headers["ETag"] = _etag(job)
    if job.state not in TERMINAL:
        response.headers["Retry-After"] = POLL_AFTER_S
    return response


def _etag(job: Job) -> str:
    return f'"{job.version}"'


@router.post(
    "",
    status_code=202,
    operation_id="create_job",
    response_model=JobOut,
    responses={
        200: {"model": JobOut, "description": "Ended within `Prefer: wait`.", **JOB_HEADERS},
        202: JOB_HEADERS,
        **refused(404, 409),
    },
)
async def create_job(
    context: Ctx,
    feed: Events,
    caller: Writer,
    body: JobIn,
    wait_s: WaitSeconds,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Queue a job of any kind. Once this answers, it survives any crash."""
    job = await anyio.to_thread.run_sync(_submit, context, caller, body, idempotency_key)
    if wait_s:
        job = await feed.until_ended(caller, job.id, wait_s)
    return answer(job, 200 if job.state in TERMINAL else 202)


def _submit(context: Context, caller: Caller, body: JobIn, key: str | None) -> Job:
    url = body.webhook.url if body.webhook else None
    asked = (body.dataset_id, body.config, body.metadata)
    job, _ = jobs.submit(context, caller, *asked, kind=body.kind, webhook=url, key=key)
    return job


@router.get("", operation_id="list_jobs")
def list_jobs(
    context: Ctx,
    caller: Reader,
    page_size: PageSize = 50,
    page_token: PageToken = None,
    kind: Annotated[Kind | Left, Query(examples=["classifier"])] = None,
    state: Annotated[State | Left, Query(examples=["succeeded"])] = None,
    dataset_id: Annotated[str | Left, Query(max_length=60, examples=[DATASET_ID])] = None,
    batch_id: Annotated[str | Left, Query(max_length=60, examples=[BATCH_ID])] = None,
) -> Page[JobOut]:
    """List jobs, newest first."""
    filters = {"kind": kind, "state": state, "dataset_id": dataset_id, "batch_id": batch_id}
    listing = Listing(context, caller, "jobs", **filters)
    before = listing.before(page_token)
    found = jobs.page(context, caller, size=page_size, before=before, **filters)
    token = listing.next_token(list(found.jobs), found.more)
    return Page(items=[JobOut.of(job) for job in found.jobs], next_page_token=token)


@router.get(
    "/{job_id:id}",
    operation_id="get_job",
    response_model=JobOut,
    responses={
        200: JOB_HEADERS,
        304: {"description": "The job is as `If-None-Match` says.", "headers": ETAG},
        **refused(404),
    },
)
async def get_job(
    feed: Events, caller: Reader, job_id: JobId, if_none_match: ETag = None
) -> Response:
    """Return a job; with `If-None-Match` only if it has changed."""
    job = await feed.job(caller, job_id)
    if if_none_match is not None and _etag(job) in if_none_match.split(", "):
        return Response(status_code=304, headers={"ETag": _etag(job)})
    return answer(job, 200)


@router.post(
    "/{job_id:id}:cancel",
    status_code=202,
    operation_id="cancel_job",
    response_model=JobOut,
    responses={202: JOB_HEADERS, **refused(404, 409)},
)
def cancel_job(context: Ctx, caller: Writer, job_id: JobId) -> Response:
    """Ask for a job's end; its process is gone within a second."""
    return answer(jobs.cancel(context, caller, job_id), 202)


@router.delete(
    "/{job_id:id}", status_code=204, operation_id="delete_job", responses=refused(404, 409)
)
def delete_job(context: Ctx, caller: Writer, job_id: JobId) -> None:
    """Delete an ended job with its result."""
    jobs.delete(context, caller, job_id)


@router.get(
    "/{job_id:id}/events",
    operation_id="follow_job",
    response_class=StreamingResponse,
    responses={**EVENTS, **refused(404)},
)
async def follow_job(
    feed: Events, caller: Reader, job_id: JobId, last_event_id: LastEvent = 0
) -> Response:
    """Stream a job's changes, from its first or after `Last-Event-ID`, until it has ended."""
    job = await feed.job(caller, job_id)
    if job.state in TERMINAL and last_event_id >= job.version:
        return Response(status_code=204)
    after = min(last_event_id, job.version)
    return StreamingResponse(_stream(feed, job_id, after), media_type="text/event-stream")


async def _stream(feed: Feed, job_id: str, seq: int) -> AsyncIterator[str]:
    """Give every event once, in order; a comment when there is nothing to say."""
    changed = False
    while True:
        found = await feed.events_after(job_id, seq)
        for event in found:
            seq = event.seq
            data = json.dumps({"at": rfc3339(event.at), **event.data})
            yield f"id: {seq}\nevent: {event.kind}\ndata: {data}\n\n"
            if event.data.get("state") in TERMINAL:
                return
        if changed and not found:  # the job was deleted
            return
        changed = await feed.wait(job_id, seq, HEARTBEAT_S)
        if not changed:
            yield ": still here\n\n"
