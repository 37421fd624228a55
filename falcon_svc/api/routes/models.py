"""Models: fine classes of new vectors, texts and files by the model of a job."""

from __future__ import annotations

import io
from typing import Annotated

import anyio.to_thread
from fastapi import APIRouter, Form, Query, Request, Response
from pydantic import Field

from falcon_svc.api.dependencies import Ctx, JobId, Left, Reader
from falcon_svc.api.documents import GATED, refused
from falcon_svc.api.forms import arrived, json_object
from falcon_svc.api.result_schemas import LEAST, PRECISION, PredictIn, PredictOut, PredictTextsIn
from falcon_svc.api.routes.datasets import DataFile, LabelFile, Options
from falcon_svc.api.strict_route import JSON, StrictRoute, check_media_type
from falcon_svc.api.vectors import NPY, as_json, body_of, read_json
from falcon_svc.result.surety import Demand
from falcon_svc.service import predict_files, predictions, results
from falcon_svc.service.context import Context
from falcon_svc.service.keys import Caller

router = APIRouter(prefix="/v1/models", tags=["models"], route_class=StrictRoute, responses=GATED)
OF_NPY = " For an npy body."
Share = Annotated[float, Field(gt=0, lt=1)]  # bounds of a union's own would not be JSON Schema's
Least = Annotated[float, Query(ge=0, le=1, description=LEAST + OF_NPY, examples=[0.5])]
Precision = Annotated[Share | Left, Query(description=PRECISION + OF_NPY, examples=[0.95])]
LeastOfForm = Annotated[float, Form(ge=0, le=1, description=LEAST)]
PrecisionOfForm = Annotated[Share | Left, Form(description=PRECISION)]
BUSY = refused(404, 409, 410, 413, 503, 507)


@router.post(
    "/{job_id:id}:predict",
    operation_id="predict",
    response_model=PredictOut,
    responses=refused(404, 409, 410, 507),
    openapi_extra=body_of("PredictIn"),
)
async def predict(
    context: Ctx,
    caller: Reader,
    request: Request,
    job_id: JobId,
    least_confidence: Least = 0.0,
    precision: Precision = None,
) -> Response:
    """Assign vectors, as JSON with or without coarse labels, or as the bytes of a npy file."""
    is_npy = check_media_type(request, JSON, NPY) == NPY
    body = await request.body()
    demand = Demand(least_confidence, precision)
    asked = (body, demand) if is_npy else read_json(PredictIn, body)
    return await anyio.to_thread.run_sync(_predict, context, caller, job_id, asked)


def _predict(
    context: Context, caller: Caller, job_id: str, asked: PredictIn | tuple[bytes, Demand]
) -> Response:
    if isinstance(asked, PredictIn):
        wish = predictions.Wish(
            predictions.as_vectors(asked.vectors),
            asked.coarse,
            asked.columns,
            asked.demand,
        )
    else:
        wish = predictions.Wish(predictions.read_vectors(io.BytesIO(asked[0])), demand=asked[1])
    return as_json(predictions.predict(context, caller, job_id, wish))


@router.post(
    "/{job_id:id}:predictTexts", operation_id="predict_texts", response_model=PredictOut,
    responses=BUSY,
)  # fmt: skip
def predict_texts(context: Ctx, caller: Reader, job_id: JobId, body: PredictTextsIn) -> Response:
    """Assign texts, for a job whose samples were texts."""
    asked = predict_files.Asked(texts=body.texts, coarse=body.coarse, demand=body.demand)
    return as_json(predict_files.predict(context, caller, job_id, asked))


@router.post(
    "/{job_id:id}:predictFile", operation_id="predict_file", response_model=PredictOut,
    responses=BUSY,
)  # fmt: skip
def predict_file(
    context: Ctx,
    caller: Reader,
    job_id: JobId,
    file: DataFile,
    labels: LabelFile = None,
    options: Options = "{}",
    least_confidence: LeastOfForm = 0.0,
    precision: PrecisionOfForm = None,
) -> Response:
    """Assign the samples of a file, read as the job's data set was: any format, labels or none."""
    given = json_object("options", options)
    results.directory(context, caller, job_id)  # before the file is looked at
    beside = None if labels is None else arrived(labels)
    demand = Demand(least_confidence, precision)
    asked = predict_files.Asked(arrived(file), beside, options=given, demand=demand)
    return as_json(predict_files.predict(context, caller, job_id, asked))
