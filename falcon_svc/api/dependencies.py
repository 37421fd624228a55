"""What routes ask for: the context, the caller with a scope, the page, the request's headers.

They are coroutines though none of them waits: others would cost a change of threads each.
"""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from fastapi import Depends, Header, Path, Query, Request
from pydantic import StringConstraints
from pydantic.json_schema import SkipJsonSchema
from starlette.convertors import StringConvertor, register_url_convertor

from falcon_svc.api.examples import BATCH_ID, DATASET_ID, JOB_ID, SHA256, UPLOAD_ID
from falcon_svc.api.feed import Feed
from falcon_svc.service.context import Context
from falcon_svc.service.idempotency import LONGEST_KEY
from falcon_svc.service.keys import Caller
from falcon_svc.service.paging import make_token, read_token
from falcon_svc.service.refusals import not_found
from falcon_svc.storage.ids import PATTERN

Left = SkipJsonSchema[None]
"""None in an optional parameter: it can be left out, but there is no way to send null."""
_WAIT = re.compile(r"(?:^|[,;\s])wait=(\d{1,5})(?:$|[,;\s])", re.IGNORECASE)


class _IdConvertor(StringConvertor):
    """`{name:id}` in a path: ids hold no colon, so that `{name:id}:verb` is another path."""

    regex = "[^/:]+"


register_url_convertor("id", _IdConvertor())


async def _context(request: Request) -> Context:
    found: Context = request.state.context
    return found


async def _feed(request: Request) -> Feed:
    found: Feed = request.state.feed
    return found


def _with(scope: str) -> Callable[[Request], Awaitable[Caller]]:
    async def caller(request: Request) -> Caller:
        found: Caller = request.state.caller
        found.require(scope)
        return found

    return caller


async def _wait_s(
    prefer: Annotated[
        str | Left,
        Header(
            description="Seconds to wait for the end, as `wait=N` (RFC 7240).", examples=["wait=30"]
        ),
    ] = None,
) -> float:
    """Return the seconds of `Prefer: wait=N` (RFC 7240); 0 without it."""
    found = _WAIT.search(prefer or "")
    return float(found[1]) if found else 0.0


def _identity(value: str, kind: str) -> str:
    if not PATTERN.fullmatch(value):
        raise not_found(kind, value)
    return value


async def _dataset_id(dataset_id: Annotated[str, Path(examples=[DATASET_ID])]) -> str:
    return _identity(dataset_id, "data set")


async def _job_id(job_id: Annotated[str, Path(examples=[JOB_ID])]) -> str:
    return _identity(job_id, "job")


async def _batch_id(batch_id: Annotated[str, Path(examples=[BATCH_ID])]) -> str:
    return _identity(batch_id, "batch")


async def _upload_id(upload_id: Annotated[str, Path(examples=[UPLOAD_ID])]) -> str:
    return _identity(upload_id, "upload")


Ctx = Annotated[Context, Depends(_context)]
Events = Annotated[Feed, Depends(_feed)]
Reader = Annotated[Caller, Depends(_with("read"))]
Reviewer = Annotated[Caller, Depends(_with("review"))]
Writer = Annotated[Caller, Depends(_with("write"))]
Admin = Annotated[Caller, Depends(_with("admin"))]
WaitSeconds = Annotated[float, Depends(_wait_s)]
IdempotencyKey = Annotated[
    Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_KEY)] | Left,
    Header(
        description="Key of your own for this request; the same key with the same request has "
        "the same answer.",
        examples=["3f6e2a1c-birds"],
    ),
]
DatasetId = Annotated[str, Depends(_dataset_id)]
JobId = Annotated[str, Depends(_job_id)]
BatchId = Annotated[str, Depends(_batch_id)]
UploadId = Annotated[str, Depends(_upload_id)]
PageSize = Annotated[int, Query(ge=1, le=200, description="Most items on a page.", examples=[50])]
PageToken = Annotated[
    str | Left,
    Query(
        description="The `next_page_token` of the page before.",
        examples=[f"{JOB_ID}.{SHA256[:32]}"],
    ),
]


class Listing:
    """A listing that is read page by page.

    Parameters
    ----------
    context, caller
        Whose.
    name
        Name of the collection.
    filters
        What the pages are restricted to; a token is good for the same filters only.
    """

    def __init__(self, context: Context, caller: Caller, name: str, **filters: Any) -> None:
        self._keyring = context.keyring
        self._text = json.dumps([caller.tenant, name, sorted(filters.items())])

    def before(self, token: str | None) -> str | None:
        """Return the id that the page of a token begins after."""
        return read_token(self._keyring, self._text, token)

    def next_token(self, items: list[Any], more: bool) -> str | None:
        """Return the token of the next page, if there is one."""
        return make_token(self._keyring, self._text, items[-1].id) if more else None
