"""Health, metrics, and what this service can do."""

from __future__ import annotations

from fastapi import APIRouter, Response

from falcon_svc import __version__
from falcon_svc.api.dependencies import Admin, Ctx, Reader
from falcon_svc.api.documents import GATED, refused
from falcon_svc.api.metrics import Metrics
from falcon_svc.api.schemas import Capabilities, Health
from falcon_svc.api.strict_route import StrictRoute
from falcon_svc.service.datasets import OPTIONS
from falcon_svc.service.operations.supervise import Companion
from falcon_svc.service.operations.vitals import Vitals
from falcon_svc.service.system import check_ready, devices, encoders, formats

TEXT = "text/plain; version=0.0.4; charset=utf-8"
EXAMPLE = 'falcon_jobs{state="running"} 2.0\n'
LIMITS = (
    "max_upload_bytes", "max_json_bytes", "max_dataset_bytes", "max_datasets", "max_queued_jobs",
    "most_wait_s", "rate_per_s",
)  # fmt: skip


def router(metrics: Metrics, vitals: Vitals, worker: Companion | None) -> APIRouter:
    """Return the routes, which see the process that they belong to."""
    made = APIRouter(tags=["system"], route_class=StrictRoute)

    @made.get("/health/live", operation_id="live")
    def live() -> Health:
        """Tell that the process answers."""
        return Health()

    @made.get("/health/ready", operation_id="ready", responses=refused(503, 507))
    def ready(context: Ctx) -> Health:
        """Tell that database, data directory, the process's loops and its worker are well."""
        check_ready(context)
        vitals.check()
        if worker is not None:
            worker.check()
        return Health()

    @made.get(
        "/metrics",
        operation_id="metrics",
        response_class=Response,
        responses={
            200: {"content": {"text/plain": {"schema": {"type": "string"}, "example": EXAMPLE}}},
            **GATED,
        },
    )
    def show_metrics(context: Ctx, _: Admin) -> Response:
        """Return figures in Prometheus' text format."""
        return Response(metrics.text(context), media_type=TEXT)

    @made.get("/v1/capabilities", operation_id="get_capabilities", responses=GATED)
    def capabilities(context: Ctx, _: Reader) -> Capabilities:
        """Return formats, options, encoders, devices and limits."""
        return Capabilities(
            version=__version__,
            formats=formats(context, own_worker=worker is not None),
            dataset_options=sorted(OPTIONS),
            encoders=encoders(context),
            devices=devices(context),
            engine=context.settings.engine,
            limits={name: getattr(context.settings, name) for name in LIMITS},
        )

    return made
