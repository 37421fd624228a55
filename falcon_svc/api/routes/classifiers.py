"""Classifiers and advice: what came of jobs that train on given labels, and figures of others."""

from __future__ import annotations

from fastapi import APIRouter

from falcon_svc.api.classifier_schemas import AdviceOut, CardOut, MetricsIn, MetricsOut
from falcon_svc.api.dependencies import Ctx, JobId, Reader
from falcon_svc.api.documents import GATED, refused
from falcon_svc.api.strict_route import StrictRoute
from falcon_svc.service import classifiers, figures

router = APIRouter(prefix="/v1", tags=["classifiers"], route_class=StrictRoute, responses=GATED)
RESULT = refused(404, 409, 410, 507)


@router.get("/jobs/{job_id:id}/card", operation_id="get_card", responses=RESULT)
def get_card(context: Ctx, caller: Reader, job_id: JobId) -> CardOut:
    """Return the model card of a classifier: data, settings, figures on a held-out part."""
    return CardOut.model_validate(classifiers.card(context, caller, job_id))


@router.get("/jobs/{job_id:id}/advice", operation_id="get_advice", responses=RESULT)
def get_advice(context: Ctx, caller: Reader, job_id: JobId) -> AdviceOut:
    """Return advice: would finer labels improve coarse accuracy, where, and with how many rows."""
    return AdviceOut.model_validate(classifiers.advice(context, caller, job_id))


@router.post("/metrics", operation_id="measure")
def measure(caller: Reader, body: MetricsIn) -> MetricsOut:
    """Return the hierarchical figures of predicted paths, or of probabilities; nothing is kept."""
    found = figures.measure(body.tree, body.truth, predictions=body.predictions, scores=body.scores)
    return MetricsOut(figures=found)
