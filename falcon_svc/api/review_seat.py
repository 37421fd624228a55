"""Who sits at which desk, and the parameters that all routes of a review share."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

import anyio.to_thread
from fastapi import Depends, Header, Path, Query

from falcon_svc.api.dependencies import Ctx, JobId, Left, Reader, Reviewer
from falcon_svc.api.review_examples import REVISION
from falcon_svc.service import reviews
from falcon_svc.service.refusals import RequestError, not_found

if TYPE_CHECKING:
    from falcon_svc.review.desk import Desk


@dataclass(frozen=True)
class Seat:
    """A desk and who sits at it."""

    desk: Desk
    author: str


async def reading(context: Ctx, caller: Reader, job_id: JobId) -> Seat:
    """Return the desk for somebody who may look."""
    desk = await anyio.to_thread.run_sync(reviews.desk_of, context, caller, job_id)
    return Seat(desk, caller.author)


async def writing(context: Ctx, caller: Reviewer, job_id: JobId) -> Seat:
    """Return the desk for somebody who may correct."""
    return await reading(context, caller, job_id)


async def _expected(
    if_match: Annotated[
        str | Left, Header(description="Head that you saw.", examples=[f'"{REVISION}"'])
    ] = None,
) -> str:
    if if_match is None:
        raise RequestError(
            "Expected If-Match with the head that the correction is about, found none; read the "
            "state and send its head.",
            code="no_revision",
        )
    return if_match.removeprefix("W/").strip('"')


def _class_id(class_id: Annotated[str, Path(examples=["c3"])]) -> str:
    number = class_id.removeprefix("c")
    if number == class_id or not (number.isascii() and number.isdigit()) or len(number) > 9:
        raise not_found("class of this review", class_id)
    return class_id


async def opening(context: Ctx, caller: Reader) -> Callable[[str], Desk]:
    """Return what opens the review of another job that the same caller may look at."""
    return functools.partial(reviews.desk_of, context, caller)


Opening = Annotated[Callable[[str], "Desk"], Depends(opening)]
Reading = Annotated[Seat, Depends(reading)]
Writing = Annotated[Seat, Depends(writing)]
Expected = Annotated[str, Depends(_expected)]
ClassId = Annotated[str, Depends(_class_id)]
Order = Annotated[
    Literal["central", "diverse", "border", "suspect", "all"],
    Query(description="Order of the samples: most typical first, or others.", examples=["border"]),
]
Start = Annotated[int, Query(ge=0, le=10**9, description="Samples to pass over.", examples=[60])]
Most = Annotated[int, Query(ge=1, le=500, description="Most samples to return.", examples=[60])]
Sure = Annotated[float, Query(ge=0, le=1, description="Highest confidence.", examples=[0.8])]
Words = Annotated[
    str, Query(max_length=200, description="Words in the text or the id.", examples=["wing"])
]
Revision = Annotated[str, Query(pattern="^[0-9a-f]{64}$", examples=[REVISION])]
Coarse = Annotated[
    str | Left, Query(description="Coarse class to map; all without it.", examples=["owls"])
]
