"""Batches: jobs that are queued together and answered as lines of JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from fastapi import APIRouter, Response
from fastapi.responses import StreamingResponse

from falcon_svc.api.dependencies import (
    BatchId,
    Ctx,
    IdempotencyKey,
    Listing,
    PageSize,
    PageToken,
    Reader,
    Writer,
)
from falcon_svc.api.documents import GATED, LOCATION, Responses, refused
from falcon_svc.api.examples import JOB_ID
from falcon_svc.api.schemas import BatchIn, BatchJobIn, BatchOut, Page
from falcon_svc.api.strict_route import StrictRoute
from falcon_svc.service import batches, jobs

router = APIRouter(prefix="/v1/batches", tags=["batches"], route_class=StrictRoute, responses=GATED)
NDJSON = "application/x-ndjson"
LINE = {"custom_id": "birds, 40 classes", "job_id": JOB_ID}


def _lines_of(**more: Any) -> Responses:
    """Document an answer in lines of JSON."""
    example = json.dumps({**LINE, **more}) + "\n"
    content = {NDJSON: {"schema": {"type": "string"}, "example": example}}
    return {200: {"content": content}, **refused(404)}


@router.post(
    "",
    status_code=202,
    operation_id="create_batch",
    responses={202: {"headers": LOCATION}, **refused(404, 409)},
)
def create_batch(
    context: Ctx,
    caller: Writer,
    response: Response,
    body: BatchIn,
    idempotency_key: IdempotencyKey = None,
) -> BatchOut:
    """Queue up to 1,000 jobs: all of them, or none."""
    orders = [_order(job) for job in body.jobs]
    made = batches.submit(context, caller, orders, body.metadata, key=idempotency_key)
    response.headers["Location"] = f"/v1/batches/{made.batch.id}"
    return _out(made)


def _order(job: BatchJobIn) -> jobs.Order:
    url = job.webhook.url if job.webhook else None
    asked = (job.dataset_id, job.config, job.metadata, url)
    return jobs.Order(*asked, custom_id=job.custom_id, kind=job.kind)


def _out(found: batches.Counted) -> BatchOut:
    return BatchOut.of(found.batch, found.counts, ended=found.ended)


@router.get("", operation_id="list_batches")
def list_batches(
    context: Ctx, caller: Reader, page_size: PageSize = 50, page_token: PageToken = None
) -> Page[BatchOut]:
    """List batches, newest first."""
    listing = Listing(context, caller, "batches")
    found, more = batches.page(context, caller, size=page_size, before=listing.before(page_token))
    token = listing.next_token([one.batch for one in found], more)
    return Page(items=[_out(one) for one in found], next_page_token=token)


@router.get("/{batch_id:id}", operation_id="get_batch", responses=refused(404))
def get_batch(context: Ctx, caller: Reader, batch_id: BatchId) -> BatchOut:
    """Return a batch with the numbers of its jobs by state."""
    return _out(batches.get(context, caller, batch_id))


@router.post(
    "/{batch_id:id}:cancel",
    status_code=202,
    operation_id="cancel_batch",
    responses=refused(404),
)
def cancel_batch(context: Ctx, caller: Writer, batch_id: BatchId) -> BatchOut:
    """Ask for the end of all jobs of a batch."""
    return _out(batches.cancel(context, caller, batch_id))


@router.get(
    "/{batch_id:id}/results",
    operation_id="get_batch_results",
    response_class=StreamingResponse,
    responses=_lines_of(state="succeeded", summary={"n_fine": 40}, links={}),
)
def get_batch_results(context: Ctx, caller: Reader, batch_id: BatchId) -> Response:
    """Return a line per job that has succeeded: custom_id, summary, links."""
    return _lines(batches.outcomes(context, caller, batch_id, succeeded=True))


@router.get(
    "/{batch_id:id}/errors",
    operation_id="get_batch_errors",
    response_class=StreamingResponse,
    responses=_lines_of(state="failed", error={"code": "diverged", "detail": "..."}),
)
def get_batch_errors(context: Ctx, caller: Reader, batch_id: BatchId) -> Response:
    """Return a line per job that has ended otherwise: custom_id, state, error."""
    return _lines(batches.outcomes(context, caller, batch_id, succeeded=False))


def _lines(records: Iterator[dict[str, Any]]) -> Response:
    return StreamingResponse((json.dumps(one) + "\n" for one in records), media_type=NDJSON)
