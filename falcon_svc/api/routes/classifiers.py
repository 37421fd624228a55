"""Classifiers, advice and figures: what came of jobs, and answers at once."""

from __future__ import annotations

import io
from typing import Annotated

import anyio.to_thread
from fastapi import APIRouter, Form, Query, Request, Response
from pydantic import Field

from falcon_svc.api.classifier_schemas import (
    LEAST,
    RULE,
    AdviceOut,
    CardOut,
    ClassifyIn,
    ClassifyOut,
    ClassifyTextsIn,
    JobMetricsOut,
    MetricsIn,
    MetricsOut,
)
from falcon_svc.api.dependencies import Ctx, JobId, Left, Reader
from falcon_svc.api.documents import GATED, refused
from falcon_svc.api.forms import arrived, json_object
from falcon_svc.api.routes.datasets import DataFile, LabelFile, Options
from falcon_svc.api.routes.models import BUSY
from falcon_svc.api.strict_route import JSON, StrictRoute, check_media_type
from falcon_svc.api.vectors import NPY, as_json, body_of, read_json
from falcon_svc.service import classifiers, classify_files, figures, predictions, results
from falcon_svc.service.context import Context
from falcon_svc.service.keys import Caller
from falcon_svc.storage.kinds import CLASSIFIER
from falcon_svc.supervised.config import RuleName

router = APIRouter(prefix="/v1", tags=["classifiers"], route_class=StrictRoute, responses=GATED)
RESULT = refused(404, 409, 410, 507)
Rule = Annotated[
    RuleName | Left,
    Query(description="How a class is chosen, for an npy body.", examples=["diffusion"]),
]
Probability = Annotated[float, Field(ge=0, le=1)]
Threshold = Annotated[
    Probability | Left,
    Query(
        description="Least probability of a class, with the inference threshold, for an npy body.",
        examples=[0.9],
    ),
]
RuleOfForm = Annotated[RuleName | Left, Form(description=RULE)]
ThresholdOfForm = Annotated[Probability | Left, Form(description=LEAST)]


@router.get("/jobs/{job_id:id}/card", operation_id="get_card", responses=RESULT)
def get_card(context: Ctx, caller: Reader, job_id: JobId) -> CardOut:
    """Return the model card of a classifier: data, settings, figures on a held-out part."""
    return CardOut.model_validate(classifiers.card(context, caller, job_id))


@router.get("/jobs/{job_id:id}/advice", operation_id="get_advice", responses=RESULT)
def get_advice(context: Ctx, caller: Reader, job_id: JobId) -> AdviceOut:
    """Return advice: would finer labels improve coarse accuracy, where, and with how many rows."""
    return AdviceOut.model_validate(classifiers.advice(context, caller, job_id))


@router.get("/jobs/{job_id:id}/metrics", operation_id="get_metrics", responses=RESULT)
def get_metrics(context: Ctx, caller: Reader, job_id: JobId) -> JobMetricsOut:
    """Return what a job has measured: hierarchical figures, and how many rows they rest on."""
    return JobMetricsOut.model_validate(classifiers.metrics(context, caller, job_id))


@router.post(
    "/models/{job_id:id}:classify",
    operation_id="classify",
    response_model=ClassifyOut,
    responses=RESULT,
    openapi_extra=body_of("ClassifyIn"),
)
async def classify(
    context: Ctx,
    caller: Reader,
    request: Request,
    job_id: JobId,
    inference: Rule = None,
    threshold: Threshold = None,
) -> Response:
    """Classify vectors by a hierarchical classifier, as JSON or as the bytes of a npy file."""
    is_npy = check_media_type(request, JSON, NPY) == NPY
    body = await request.body()
    asked = (body, inference, threshold) if is_npy else read_json(ClassifyIn, body)
    return await anyio.to_thread.run_sync(_classify, context, caller, job_id, asked)


def _classify(
    context: Context,
    caller: Caller,
    job_id: str,
    asked: ClassifyIn | tuple[bytes, str | None, float | None],
) -> Response:
    if isinstance(asked, ClassifyIn):
        vectors = predictions.as_vectors(asked.vectors)
        wish = classifiers.Wish(vectors, asked.columns, asked.inference, asked.threshold)
    else:
        body, inference, threshold = asked
        vectors = predictions.read_vectors(io.BytesIO(body))
        wish = classifiers.Wish(vectors, None, inference, threshold)
    return as_json(classifiers.classify(context, caller, job_id, wish))


@router.post(
    "/models/{job_id:id}:classifyTexts", operation_id="classify_texts",
    response_model=ClassifyOut, responses=BUSY,
)  # fmt: skip
def classify_texts(context: Ctx, caller: Reader, job_id: JobId, body: ClassifyTextsIn) -> Response:
    """Classify texts, by a classifier whose samples were texts."""
    asked = classify_files.Asked(
        texts=body.texts, inference=body.inference, threshold=body.threshold
    )
    return as_json(classify_files.classify(context, caller, job_id, asked))


@router.post(
    "/models/{job_id:id}:classifyFile", operation_id="classify_file",
    response_model=ClassifyOut, responses=BUSY,
)  # fmt: skip
def classify_file(
    context: Ctx,
    caller: Reader,
    job_id: JobId,
    file: DataFile,
    labels: LabelFile = None,
    options: Options = "{}",
    inference: RuleOfForm = None,
    threshold: ThresholdOfForm = None,
) -> Response:
    """Classify the samples of a file, read as the job's data set was: of any format, no labels."""
    given = json_object("options", options)
    results.directory(context, caller, job_id, CLASSIFIER)  # before the file is looked at
    beside = None if labels is None else arrived(labels)
    asked = classify_files.Asked(
        arrived(file), beside, options=given, inference=inference, threshold=threshold
    )
    return as_json(classify_files.classify(context, caller, job_id, asked))


@router.post("/metrics", operation_id="measure")
def measure(caller: Reader, body: MetricsIn) -> MetricsOut:
    """Return the hierarchical figures of predicted paths, or of probabilities; nothing is kept."""
    found = figures.measure(body.tree, body.truth, predictions=body.predictions, scores=body.scores)
    return MetricsOut(figures=found)
