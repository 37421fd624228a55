"""One request from data set to fine classes."""

from __future__ import annotations

from typing import Annotated

import anyio.to_thread
from fastapi import APIRouter, Form, Response
from fastapi.responses import JSONResponse

from falcon_svc.api import problems
from falcon_svc.api.dependencies import Ctx, Events, IdempotencyKey, WaitSeconds, Writer
from falcon_svc.api.documents import GATED, LOCATION, RETRY, refused
from falcon_svc.api.forms import json_object
from falcon_svc.api.result_schemas import DiscoverOut
from falcon_svc.api.routes.datasets import DataFile, LabelFile, Options, Sha256, receive
from falcon_svc.api.routes.jobs import answer
from falcon_svc.api.schemas import JobOut
from falcon_svc.api.strict_route import StrictRoute
from falcon_svc.service import jobs, kinds, results
from falcon_svc.service.context import Context
from falcon_svc.service.keys import Caller
from falcon_svc.storage.kinds import DISCOVERY
from falcon_svc.storage.states import SUCCEEDED, TERMINAL
from falcon_svc.storage.tables import Job

router = APIRouter(prefix="/v1", tags=["jobs"], route_class=StrictRoute, responses=GATED)
Config = Annotated[str, Form(description="Configuration of the job as a JSON object.")]


@router.post(
    "/discover",
    operation_id="discover",
    response_model=DiscoverOut,
    responses={
        200: {"headers": LOCATION},
        202: {
            "model": JobOut,
            "description": "Not ended within `Prefer: wait`.",
            "headers": {**LOCATION, **RETRY},
        },
        **refused(409, 410, 507),
    },
)
async def discover(
    context: Ctx,
    feed: Events,
    caller: Writer,
    file: DataFile,
    wait_s: WaitSeconds,
    labels: LabelFile = None,
    options: Options = "{}",
    config: Config = "{}",
    sha256: Sha256 = None,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Send a data set and its settings, receive the fine classes, or the job to wait for."""
    settings = json_object("config", config)
    kinds.check(context, DISCOVERY, settings, place="/body/config")
    reading = json_object("options", options)
    key = idempotency_key

    def submit() -> Job:
        inner = None if key is None else f"data of {key}"[:255]
        dataset, _ = receive(context, caller, file, labels, reading, {}, sha256=sha256, key=inner)
        return jobs.submit(context, caller, dataset.id, settings, {}, key=key)[0]

    job = await anyio.to_thread.run_sync(submit)
    job = await feed.until_ended(caller, job.id, wait_s)
    if job.state not in TERMINAL:
        return answer(job, 202)
    return await anyio.to_thread.run_sync(_finished, context, caller, job)


def _finished(context: Context, caller: Caller, job: Job) -> Response:
    if job.state != SUCCEEDED:
        error = job.error or {"code": job.state, "detail": f"The job has ended as {job.state}."}
        status = problems.STATUS.get(error["code"], 422)
        return problems.problem(status, error["code"], error["detail"], job_id=job.id)
    document = results.whole(results.read(context, caller, job.id))
    body = {"job": JobOut.of(job).model_dump(mode="json"), **document}
    return JSONResponse(body, headers={"Location": f"/v1/jobs/{job.id}"})
