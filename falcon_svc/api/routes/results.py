"""Results of a job that has succeeded: classes, samples, graph, assignments, relation, files."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Annotated, Any, Literal

from fastapi import APIRouter, Header, HTTPException, Path, Query, Response
from fastapi.responses import FileResponse, StreamingResponse
from starlette.datastructures import Headers

from falcon_svc.api.dependencies import Ctx, JobId, Left, Reader
from falcon_svc.api.documents import GATED, Responses, refused
from falcon_svc.api.examples import GRAPH, SAMPLE
from falcon_svc.api.forms import negotiate
from falcon_svc.api.result_schemas import Count, FineClass, RelationOut, Sample, VerificationOut
from falcon_svc.api.strict_route import StrictRoute
from falcon_svc.service import results

if TYPE_CHECKING:
    from starlette.types import Message, Receive, Scope, Send

router = APIRouter(
    prefix="/v1/jobs/{job_id:id}",
    tags=["results"],
    route_class=StrictRoute,
    responses={**GATED, **refused(404, 409, 410, 507)},
)
JSON, GRAPHML = "application/json", "application/graphml+xml"
GRAPH_TYPES = {"json": JSON, "graphml": GRAPHML, "cytoscape": JSON}
TEXT = {"type": "string"}
LINE = json.dumps(SAMPLE) + "\n"
BYTES = {"schema": {"type": "string", "format": "binary"}, "example": "bytes of the file"}
PAGE = {"schema": TEXT, "example": "<!doctype html><html>...</html>"}
ASSIGNMENTS: dict[str, dict[str, Any]] = {
    JSON: {
        "schema": {"type": "array", "items": {"$ref": "#/components/schemas/Sample"}},
        "example": [SAMPLE],
    },
    "application/x-ndjson": {"schema": TEXT, "example": LINE},
    "text/csv": {"schema": TEXT, "example": "id,coarse,fine\nimg-0017,owls,3\n"},
    "application/vnd.apache.parquet": BYTES,
}
MODEL_TYPES = {".zip": "application/zip", ".safetensors": "application/octet-stream"}
assert list(ASSIGNMENTS) == list(results.ASSIGNMENTS)
RANGES = re.compile(r"bytes=(\d+-\d*|-\d+)( *, *(\d+-\d*|-\d+)){0,99}")
SANDBOX = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:"
Kind = Annotated[
    Literal["medoid", "border", "suspect"],
    Query(description="Which samples: typical, near the border, or strange.", examples=["border"]),
]
ClassId = Annotated[int, Path(description="Number of the fine class, from 0.", examples=[3])]
Most = Annotated[int, Query(ge=1, le=1000, description="Most samples to return.", examples=[50])]
Form = Annotated[Literal["json", "graphml", "cytoscape"], Query(examples=["graphml"])]
Accept = Annotated[str | Left, Header(include_in_schema=False)]
Range = Annotated[
    str | Left, Header(description="The part of the file that is wanted.", examples=["bytes=0-99"])
]


def _file_of(*media_types: str) -> Responses:
    """Document a download, which can be asked for in ranges."""
    answer = {"content": {kind: PAGE if kind == "text/html" else BYTES for kind in media_types}}
    return {
        200: answer,
        206: {**answer, "description": "The part of the file that was asked for."},
        **refused(416),
    }


class Download(FileResponse):
    """A file to keep, whole or in up to 100 ranges.

    What is no list of ranges is ignored (RFC 9110, 14.2); a range beyond the file is a problem.
    """

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer."""
        wish = Headers(scope=scope).get("range")
        if wish is not None and not RANGES.fullmatch(wish):
            rest = [(name, value) for name, value in scope["headers"] if name != b"range"]
            scope = {**scope, "headers": rest}

        async def checked(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] >= 400:
                found = Headers(raw=message["headers"]).get("content-range")
                headers = None if found is None else {"Content-Range": found}
                raise HTTPException(message["status"], headers=headers)
            await send(message)

        await super().__call__(scope, receive, checked)


@router.get("/classes", operation_id="list_classes")
def list_classes(context: Ctx, caller: Reader, job_id: JobId) -> list[FineClass]:
    """Return all fine classes."""
    found = results.read(context, caller, job_id)
    return [FineClass.model_validate(one) for one in results.classes(found)]


@router.get("/classes/{class_id}", operation_id="get_class")
def get_class(context: Ctx, caller: Reader, job_id: JobId, class_id: ClassId) -> FineClass:
    """Return one fine class."""
    found = results.read(context, caller, job_id)
    return FineClass.model_validate(results.one_class(found, class_id))


@router.get("/classes/{class_id}/samples", operation_id="list_class_samples")
def list_class_samples(
    context: Ctx,
    caller: Reader,
    job_id: JobId,
    class_id: ClassId,
    kind: Kind = "medoid",
    limit: Most = 50,
) -> list[Sample]:
    """Return samples of a fine class, the strongest cases first."""
    found = results.read(context, caller, job_id)
    rows = results.samples(found, class_id, kind, most=limit)
    return [Sample.model_validate(row) for row in rows]


@router.get(
    "/graph",
    operation_id="get_graph",
    response_class=Response,
    responses={
        200: {
            "content": {
                JSON: {"schema": {"type": "object"}, "example": GRAPH},
                GRAPHML: {"schema": TEXT, "example": "<graphml>...</graphml>"},
            }
        }
    },
)
def get_graph(
    context: Ctx,
    caller: Reader,
    job_id: JobId,
    format: Form = "json",
) -> Response:
    """Return the coarse-fine graph: node-link JSON, GraphML, or Cytoscape's JSON."""
    found = results.read(context, caller, job_id)
    return Response(results.GRAPHS[format](found), media_type=GRAPH_TYPES[format])


@router.get(
    "/assignments",
    operation_id="get_assignments",
    response_class=StreamingResponse,
    responses={200: {"content": ASSIGNMENTS}, **refused(406)},
)
def get_assignments(
    context: Ctx,
    caller: Reader,
    job_id: JobId,
    accept: Accept = None,
) -> Response:
    """Return every sample's fine class as JSON, NDJSON, CSV or Parquet, by `Accept`."""
    kind = negotiate(accept, list(results.ASSIGNMENTS))
    found = results.read(context, caller, job_id)
    pieces = results.assignments(found, kind)
    return StreamingResponse(pieces, media_type=kind, headers={"Vary": "Accept"})


@router.get("/counts", operation_id="list_counts")
def list_counts(context: Ctx, caller: Reader, job_id: JobId) -> list[Count]:
    """Return how many fine classes each coarse class holds, and how that came about."""
    found = results.read(context, caller, job_id)
    return [Count.model_validate(one) for one in results.counts(found)]


@router.get("/relation", operation_id="get_relation")
def get_relation(context: Ctx, caller: Reader, job_id: JobId) -> list[RelationOut]:
    """Return each label source's relation with regrets and the solver's certificate."""
    found = results.relations(context, caller, job_id)
    return [RelationOut.model_validate(one) for one in found]


@router.get("/verification", operation_id="get_verification")
def get_verification(context: Ctx, caller: Reader, job_id: JobId) -> VerificationOut:
    """Check the result's files, the proof of its relation with a second solver, its samples."""
    return VerificationOut.model_validate(results.verification(context, caller, job_id))


@router.get(
    "/report",
    operation_id="get_report",
    response_class=Download,
    responses=_file_of("text/html"),
)
def get_report(context: Ctx, caller: Reader, job_id: JobId, range: Range = None) -> Response:
    """Return the report, one HTML file without scripts, as a download."""
    path = results.report(context, caller, job_id)
    headers = {"Content-Security-Policy": SANDBOX}
    return Download(path, media_type="text/html", filename="report.html", headers=headers)


@router.get(
    "/model",
    operation_id="get_model",
    response_class=Download,
    responses=_file_of(*MODEL_TYPES.values()),
)
def get_model(context: Ctx, caller: Reader, job_id: JobId, range: Range = None) -> Response:
    """Return a model: a zip for `falcon predict`, or a classifier for `falcon classify`."""
    path = results.model(context, caller, job_id)
    name = f"{job_id}{path.suffix}"
    return Download(path, media_type=MODEL_TYPES[path.suffix], filename=name)
