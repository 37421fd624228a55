"""Reviews that go on from the review of an earlier job: who is who over runs."""

from __future__ import annotations

from fastapi import APIRouter, Response

from falcon_svc.api.ancestry_schemas import AncestryOut, ContinueIn
from falcon_svc.api.documents import GATED, Responses, refused
from falcon_svc.api.review_schemas import Corrected
from falcon_svc.api.review_seat import Expected, Opening, Reading, Writing
from falcon_svc.api.routes.review import JSON, told
from falcon_svc.api.strict_route import StrictRoute

router = APIRouter(
    prefix="/v1/jobs/{job_id:id}/review",
    tags=["review"],
    route_class=StrictRoute,
    responses={**GATED, **refused(404, 409, 410, 507)},
)
ANCESTRY: Responses = {200: {"model": AncestryOut}}


@router.post(
    "/continuations",
    status_code=201,
    operation_id="continue_review",
    responses=refused(412, 428),
)
def continue_review(
    seat: Writing, expected: Expected, opening: Opening, body: ContinueIn
) -> Corrected:
    """Go on from the review of an earlier job: its classes keep ids, names and approvals here."""
    earlier = opening(body.job_id)
    with told(seat.desk):
        revision = seat.desk.continue_from(
            earlier,
            keep_classes=body.keep_classes,
            author=seat.author,
            expected=expected,
            reason=body.reason,
        )
    return Corrected(head=revision.id, revisions=[revision.id])


@router.get("/ancestry", operation_id="get_ancestry", response_class=Response, responses=ANCESTRY)
def get_ancestry(seat: Reading) -> Response:
    """Return what became of the classes of the review that this one goes on from, if it does."""
    return Response(seat.desk.ancestry(), media_type=JSON)
