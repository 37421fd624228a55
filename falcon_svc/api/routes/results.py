"""Results of a job that has succeeded: classes, samples, graph, assignments, relation, files."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Header, Query, Response
from fastapi.responses import FileResponse, StreamingResponse

from falcon_svc.api.dependencies import Ctx, JobId, Reader
from falcon_svc.api.forms import negotiate
from falcon_svc.api.schemas import FineClass, RelationOut, Sample
from falcon_svc.api.strict_json import StrictRoute
from falcon_svc.service import results

router = APIRouter(prefix="/v1/jobs/{job_id}", tags=["results"], route_class=StrictRoute)
GRAPH_TYPES = {
    "json": "application/json",
    "graphml": "application/graphml+xml",
    "cytoscape": "application/json",
}
SANDBOX = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:"
Kind = Literal["medoid", "border", "suspect"]


@router.get("/classes", operation_id="list_classes")
def list_classes(context: Ctx, caller: Reader, job_id: JobId) -> list[FineClass]:
    """Return all fine classes."""
    found = results.read(context, caller, job_id)
    return [FineClass.model_validate(one) for one in results.classes(found)]


@router.get("/classes/{class_id}", operation_id="get_class")
def get_class(context: Ctx, caller: Reader, job_id: JobId, class_id: int) -> FineClass:
    """Return one fine class."""
    found = results.read(context, caller, job_id)
    return FineClass.model_validate(results.one_class(found, class_id))


@router.get("/classes/{class_id}/samples", operation_id="list_class_samples")
def list_class_samples(
    context: Ctx,
    caller: Reader,
    job_id: JobId,
    class_id: int,
    kind: Annotated[Kind, Query(description="Typical, near the border, or strange.")] = "medoid",
    limit: Annotated[int, Query(ge=1, le=1000)] = 50,
) -> list[Sample]:
    """Return samples of a fine class, the strongest cases first."""
    found = results.read(context, caller, job_id)
    rows = results.samples(found, class_id, kind, most=limit)
    return [Sample.model_validate(row) for row in rows]


@router.get(
    "/graph",
    operation_id="get_graph",
    response_class=Response,
    responses={200: {"content": {"application/json": {}, "application/graphml+xml": {}}}},
)
def get_graph(
    context: Ctx,
    caller: Reader,
    job_id: JobId,
    format: Annotated[Literal["json", "graphml", "cytoscape"], Query()] = "json",
) -> Response:
    """Return the coarse-fine graph: node-link JSON, GraphML, or Cytoscape's JSON."""
    found = results.read(context, caller, job_id)
    return Response(results.GRAPHS[format](found), media_type=GRAPH_TYPES[format])


@router.get(
    "/assignments",
    operation_id="get_assignments",
    response_class=StreamingResponse,
    responses={200: {"content": {name: {} for name in results.ASSIGNMENTS}}},
)
def get_assignments(
    context: Ctx,
    caller: Reader,
    job_id: JobId,
    accept: Annotated[str | None, Header(include_in_schema=False)] = None,
) -> Response:
    """Return every sample's fine class as JSON, NDJSON, CSV or Parquet, by `Accept`."""
    kind = negotiate(accept, list(results.ASSIGNMENTS))
    found = results.read(context, caller, job_id)
    pieces = results.assignments(found, kind)
    return StreamingResponse(pieces, media_type=kind, headers={"Vary": "Accept"})


@router.get("/relation", operation_id="get_relation")
def get_relation(context: Ctx, caller: Reader, job_id: JobId) -> list[RelationOut]:
    """Return each label source's relation with regrets and the solver's certificate."""
    found = results.relations(context, caller, job_id)
    return [RelationOut.model_validate(one) for one in found]


@router.get(
    "/report",
    operation_id="get_report",
    response_class=FileResponse,
    responses={200: {"content": {"text/html": {}}}},
)
def get_report(context: Ctx, caller: Reader, job_id: JobId) -> Response:
    """Return the report, one HTML file without scripts, as a download."""
    path = results.file(context, caller, job_id, "report.html")
    headers = {"Content-Security-Policy": SANDBOX}
    return FileResponse(path, media_type="text/html", filename="report.html", headers=headers)


@router.get(
    "/model",
    operation_id="get_model",
    response_class=FileResponse,
    responses={200: {"content": {"application/zip": {}}}},
)
def get_model(context: Ctx, caller: Reader, job_id: JobId) -> Response:
    """Return model.json, model.safetensors and discovery.json in a zip, for `falcon predict`."""
    path = results.file(context, caller, job_id, "model.zip")
    return FileResponse(path, media_type="application/zip", filename=f"{job_id}.zip")
