"""Routes that take the body they are made for, and nothing else.

Place: `route_class` of every router. A body of another media type is refused before it is read;
JSON is read by `strict_json`, forms by `forms`. Query parameters that a route does not have are
refused.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response, params
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from starlette.datastructures import FormData

from falcon_svc.api.forms import read_form
from falcon_svc.api.strict_json import loads
from falcon_svc.errors import FalconError
from falcon_svc.service.refusals import RequestError

JSON, FORM = "application/json", "multipart/form-data"


class StrictRequest(Request):
    """A request whose body is read strictly."""

    async def json(self) -> Any:
        """Return the body's value."""
        if not hasattr(self, "_json"):
            self._json = loads(await self.body())
        return self._json

    async def form(self, **_: Any) -> FormData:  # type: ignore[override]
        """Return the form: the fields that the route has, each at most once."""
        if self._form is None:
            known = {field.alias for field in self.scope["route"].dependant.body_params}
            place = self.state.context.staging.new_file
            self._form = await read_form(self.headers, self.stream(), known, place)
        return self._form


class StrictRoute(APIRoute):
    """A route that reads bodies strictly, and answers refusals while doing so."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the handler with the request exchanged."""
        handler = super().get_route_handler()
        media_type = self._media_type()
        known = _query_names(self.dependant)

        async def strict(request: Request) -> Response:
            _check_query(request, known)
            if media_type is not None:
                check_media_type(request, media_type)
            strictly = StrictRequest(request.scope, request.receive)
            try:
                return await handler(strictly)
            except Exception as error:
                cause: BaseException | None = error
                while cause is not None and not isinstance(cause, (FalconError, OSError)):
                    cause = cause.__cause__
                raise cause or error from None
            finally:
                await strictly.close()  # files that nobody took are gone before the answer is there

        return strict

    def _media_type(self) -> str | None:
        if self.body_field is None:
            return None
        return FORM if isinstance(self.body_field.field_info, params.Form) else JSON


def _query_names(dependant: Dependant) -> set[str]:
    """Return the query parameters of a route and of what it depends on."""
    own = {field.alias for field in dependant.query_params}
    return own.union(*(_query_names(below) for below in dependant.dependencies))


def _check_query(request: Request, known: set[str]) -> None:
    """Refuse parameters that there are not: one that is misspelt would do nothing, silently."""
    unknown = sorted(set(request.query_params) - known)
    if unknown:
        offers = ", ".join(sorted(known)) or "none"
        raise RequestError(
            f"Expected query parameters among {offers}, found {unknown[0][:60]!r}; leave it out.",
            code="invalid_request",
            errors=[
                {"pointer": f"/query/{name[:60]}", "detail": "there is no such parameter here"}
                for name in unknown
            ],
        )


def check_media_type(request: Request, *expected: str) -> str:
    """Return the media type of the body.

    Raises
    ------
    RequestError
        It is none of those expected (code ``unsupported_media_type``).
    """
    found = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if found not in expected:
        raise RequestError(
            f"Expected Content-Type {' or '.join(expected)}, found {found[:60] or 'none'!r}; set "
            "it.",
            code="unsupported_media_type",
        )
    return found
