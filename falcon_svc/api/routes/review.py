"""Reviews of results: look, correct, solve again. Each correction names the revision it is about.

The same routes serve a result directory on this machine, where `falcon_svc.api.review_seat.reading`
and `writing` give the desk of that directory (`falcon_svc.api.local_review`).
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import anyio.to_thread
from fastapi import APIRouter, Header, Path, Query, Response
from fastapi.responses import StreamingResponse

from falcon_svc.api.dependencies import Left
from falcon_svc.api.documents import ETAG, GATED, Responses, refused
from falcon_svc.api.review_examples import REVISION
from falcon_svc.api.review_schemas import (
    Acceptance,
    AnswerIn,
    ChangeLog,
    ClassEvidence,
    Corrected,
    CorrectionsIn,
    DiffOut,
    Export,
    FailedRow,
    Imported,
    ImportIn,
    Lasso,
    QuestionsOut,
    ResolveIn,
    ResolveState,
    ReviewSamples,
    ReviewState,
    SampleIds,
    Selected,
    ShownSamples,
    SplitIn,
    SplitOut,
)
from falcon_svc.api.review_seat import (
    ClassId,
    Coarse,
    Expected,
    Most,
    Order,
    Reading,
    Revision,
    Start,
    Sure,
    Words,
    Writing,
)
from falcon_svc.api.strict_route import StrictRoute
from falcon_svc.service.refusals import not_found

if TYPE_CHECKING:
    from falcon_svc.review.desk import Desk

router = APIRouter(
    prefix="/v1/jobs/{job_id:id}/review",
    tags=["review"],
    route_class=StrictRoute,
    responses={**GATED, **refused(404, 409, 410, 507)},
)
LOOK_S = 0.4
MOST_FAILED = 100
HEARTBEAT_TURNS = 40
JSON, OCTETS = "application/json", "application/octet-stream"
BYTES = {"schema": {"type": "string", "format": "binary"}, "example": "bytes"}


STATE: Responses = {
    200: {"model": ReviewState, "headers": ETAG},
    304: {"description": "The review is as in `If-None-Match`.", "headers": ETAG},
}
EVENTS: Responses = {
    200: {
        "description": "Server-sent events: `event` is `state`, `data` holds the head and how far "
        "a re-solve is.",
        "content": {
            "text/event-stream": {
                "schema": {"type": "string"},
                "example": f"event: state\ndata: {json.dumps({'head': REVISION})}\n\n",
            }
        },
    }
}


@router.get("", operation_id="get_review", response_class=Response, responses=STATE)
def get_review(
    seat: Reading,
    if_none_match: Annotated[str | Left, Header(examples=[f'"{REVISION}"'])] = None,
) -> Response:
    """Return the review: every class with its size, confidence, stability and rival."""
    tag = f'"{seat.desk.head}"'
    if if_none_match is not None and tag in if_none_match.split(", "):
        return Response(status_code=304, headers={"ETag": tag})
    return Response(seat.desk.state(), media_type=JSON, headers={"ETag": tag})


@router.get("/classes/{class_id}/samples", operation_id="list_review_samples")
def list_review_samples(
    seat: Reading,
    class_id: ClassId,
    order: Order = "central",
    start: Start = 0,
    limit: Most = 60,
    most_confidence: Sure = 1.0,
    words: Words = "",
) -> ReviewSamples:
    """Return samples of a class in an order that tells something about it."""
    from falcon_svc.review.desk import Look

    look = Look(order, start, limit, most_confidence, words)
    return ReviewSamples.model_validate(seat.desk.samples(class_id, look))


@router.get("/classes/{class_id}/selection", operation_id="select_review_samples")
def select_review_samples(
    seat: Reading,
    class_id: ClassId,
    order: Order = "all",
    most_confidence: Sure = 1.0,
    words: Words = "",
) -> Selected:
    """Select all samples of a class that match, for a correction."""
    from falcon_svc.review.desk import Look

    look = Look(order, most_confidence=most_confidence, words=words)
    return Selected.model_validate(seat.desk.matching(class_id, look))


@router.get("/classes/{class_id}/evidence", operation_id="get_class_evidence")
def get_class_evidence(seat: Reading, class_id: ClassId) -> ClassEvidence:
    """Return what sets a class apart: columns, words, the price of other parents."""
    return ClassEvidence.model_validate(seat.desk.evidence(class_id))


@router.get("/classes/{class_id}/acceptance", operation_id="get_acceptance")
def get_acceptance(
    seat: Reading,
    class_id: ClassId,
    purity: Annotated[float, Query(gt=0, lt=1, examples=[0.9])] = 0.9,
    confidence: Annotated[float, Query(gt=0, lt=1, examples=[0.95])] = 0.95,
    most_wrong: Annotated[int, Query(ge=0, le=1_000, examples=[1])] = 0,
) -> Acceptance:
    """Return which samples to look at so that a class can be accepted with a promise."""
    found = seat.desk.acceptance(
        class_id, purity=purity, confidence=confidence, most_wrong=most_wrong
    )
    return Acceptance.model_validate(found)


@router.post("/classes/{class_id}:propose-split", operation_id="propose_split")
def propose_split(seat: Reading, class_id: ClassId, body: SplitIn) -> SplitOut:
    """Return the split of a class into exactly k, or as many as are clear, without making it."""
    return SplitOut.model_validate(seat.desk.proposed_split(class_id, body.k))


@router.post("/samples", operation_id="show_samples")
def show_samples(seat: Reading, body: SampleIds) -> ShownSamples:
    """Return samples by id; with a class, the values of the columns that set it apart."""
    return ShownSamples.model_validate(seat.desk.shown(body.ids, body.class_id))


@router.get(
    "/samples/{row}/picture",
    operation_id="get_picture",
    response_class=Response,
    responses={200: {"content": {"image/jpeg": BYTES}}},
)
def get_picture(
    seat: Reading, row: Annotated[int, Path(ge=0, le=10**9, examples=[17])]
) -> Response:
    """Return a sample's image, decoded and made anew."""
    picture = seat.desk.picture(row)
    if picture is None:
        raise not_found("sample with an image", str(row))
    headers = {"Cache-Control": "private, max-age=3600"}
    return Response(picture, media_type="image/jpeg", headers=headers)


@router.get("/questions", operation_id="list_questions")
def list_questions(seat: Reading, limit: Most = 20) -> QuestionsOut:
    """Return the questions whose answers are worth most now, best first."""
    return QuestionsOut.model_validate(seat.desk.questions(limit))


@router.post(
    "/corrections",
    status_code=201,
    operation_id="create_corrections",
    responses=refused(412, 428),
)
def create_corrections(seat: Writing, expected: Expected, body: CorrectionsIn) -> Corrected:
    """Make corrections, all or none; undo and redo are corrections too."""
    with told(seat.desk):
        fresh = seat.desk.submit(
            body.corrections, author=seat.author, expected=expected, reason=body.reason
        )
    return Corrected(head=fresh[-1].id, revisions=[one.id for one in fresh])


@router.post("/imports", status_code=201, operation_id="create_import", responses=refused(412, 428))
def create_import(seat: Writing, expected: Expected, body: ImportIn) -> Imported:
    """Take in a file that the review was exported to; rows that cannot be taken are told."""
    with told(seat.desk):
        found, fresh = seat.desk.take_in(
            body.format,
            body.content.encode(),
            author=seat.author,
            expected=expected,
            reason=body.reason,
            dry_run=body.dry_run,
        )
    return Imported(
        head=fresh[-1].id if fresh else expected,
        revisions=[one.id for one in fresh],
        text=found.sentence(),
        n_rows=found.n_rows,
        n_same=found.n_same,
        n_failed=len(found.failed),
        failed=[FailedRow(**asdict(one)) for one in found.failed[:MOST_FAILED]],
    )


@router.post("/answers", status_code=201, operation_id="create_answer", responses=refused(412, 428))
def create_answer(seat: Writing, expected: Expected, body: AnswerIn) -> Corrected:
    """Answer a question; the reply becomes corrections."""
    with told(seat.desk):
        fresh = seat.desk.answer(body.question, body.reply, author=seat.author, expected=expected)
    head = fresh[-1].id if fresh else expected
    return Corrected(head=head, revisions=[one.id for one in fresh])


@router.get("/revisions", operation_id="list_revisions")
def list_revisions(seat: Reading, start: Start = 0, limit: Most = 100) -> ChangeLog:
    """Return the change log, newest first."""
    return ChangeLog.model_validate(seat.desk.log(start, limit))


@router.post(
    "/revisions/{revision:id}:resolve",
    status_code=202,
    operation_id="resolve_review",
    responses=refused(412),
)
def resolve_review(
    seat: Writing,
    revision: Annotated[str, Path(pattern="^[0-9a-f]{64}$", examples=[REVISION])],
    body: ResolveIn,
) -> ResolveState:
    """Solve again with all corrections up to the newest revision; see `get_resolve`."""
    with told(seat.desk):
        found = seat.desk.resolve(
            revision=revision, author=seat.author, reason=body.reason, seed=body.seed
        )
    return ResolveState.model_validate(found)


@router.get("/resolve", operation_id="get_resolve")
def get_resolve(seat: Reading) -> ResolveState:
    """Return the last re-solve: how far it is, what it changed, or why it cannot be."""
    return ResolveState.model_validate(seat.desk.solver.current.document())


@router.post("/resolve:cancel", operation_id="cancel_resolve")
def cancel_resolve(seat: Writing) -> ResolveState:
    """End the re-solve that is at work; the review is as it was."""
    return ResolveState.model_validate(seat.desk.solver.cancel().document())


@router.get("/diff", operation_id="get_diff", responses=refused(412))
def get_diff(seat: Reading, before: Revision, after: Revision) -> DiffOut:
    """Return what changed between two revisions; 64 zeros are the result as it was found."""
    return DiffOut.model_validate(seat.desk.diff(before, after))


@router.get(
    "/map",
    operation_id="get_map",
    response_class=Response,
    responses={
        200: {
            "description": "x (N float32), y (N float32), class number (N int32), little-endian; "
            "NaN = not on this map.",
            "content": {OCTETS: BYTES},
        }
    },
)
def get_map(seat: Reading, coarse: Coarse = None) -> Response:
    """Return the map of all samples as one binary array."""
    return Response(seat.desk.map(coarse), media_type=OCTETS)


@router.post("/lasso", operation_id="lasso_samples")
def lasso_samples(seat: Reading, body: Lasso) -> Selected:
    """Select the samples inside a polygon on the map."""
    found = seat.desk.lasso(body.polygon, coarse=body.coarse, class_id=body.class_id)
    return Selected.model_validate(found)


@router.get(
    "/export",
    operation_id="export_review",
    response_class=Response,
    responses={200: {"content": {OCTETS: BYTES}}},
)
def export_review(
    seat: Reading, format: Annotated[Export, Query(examples=["csv"])] = "csv"
) -> Response:
    """Return the review as another tool takes it; a folder comes as a zip. See docs/exports.md."""
    name, data = seat.desk.export(format)
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(data, media_type=OCTETS, headers=headers)


@router.get(
    "/events", operation_id="follow_review", response_class=StreamingResponse, responses=EVENTS
)
async def follow_review(seat: Reading) -> Response:
    """Stream the review's head and the progress of re-solves as they change."""
    return StreamingResponse(_stream(seat.desk), media_type="text/event-stream")


async def _stream(desk: Desk) -> AsyncIterator[str]:
    """Look often, tell changes only; a comment when there is nothing to say."""
    told, quiet = "", 0
    while True:
        head = await anyio.to_thread.run_sync(lambda: desk.head)
        solve = desk.solver.current.document()
        kept = {name: solve[name] for name in ("state", "stage", "done", "total")}
        data = json.dumps({"head": head, "resolve": kept})
        if data != told:
            told, quiet = data, 0
            yield f"event: state\ndata: {data}\n\n"
        quiet += 1
        if quiet % HEARTBEAT_TURNS == 0:
            yield ": still here\n\n"
        await asyncio.sleep(LOOK_S)


class told:
    """Tells, with a refused stale correction, what has changed since."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        since = getattr(error, "since", None)
        if since and getattr(error, "code", "") == "stale_revision":
            first = since[0].parent
            error.errors = [  # type: ignore[union-attr]
                {
                    "pointer": f"/revisions/{entry['revision']}",
                    "detail": f"{entry['author']}: {entry['text']}",
                }
                for entry in self._desk.since(first)
            ]
