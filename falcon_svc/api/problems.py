"""Errors as problem documents (RFC 9457): the one place that knows HTTP statuses."""

from __future__ import annotations

import logging
from contextvars import ContextVar
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from falcon_svc.errors import (
    FULL,
    NO_SPACE,
    ConfigError,
    FalconError,
    InputError,
    StorageError,
)
from falcon_svc.storage import DatabaseError, is_full
from falcon_svc.wrong_fields import WrongField, wrong_fields

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_S = "5"
STATUS = {
    "bad_page_token": 400,
    "bad_idempotency_key": 400,
    "bad_request": 400,
    "invalid_json": 400,
    "invalid_form": 400,
    "incomplete": 400,
    "unauthenticated": 401,
    "forbidden": 403,
    "bad_host": 403,
    "cross_origin": 403,
    "not_found": 404,
    "too_slow": 408,
    "method_not_allowed": 405,
    "already_finished": 409,
    "not_finished": 409,
    "no_result": 409,
    "dataset_in_use": 409,
    "dataset_invalid": 409,
    "incomplete_upload": 409,
    "no_such_device": 409,
    "contradiction": 409,
    "resolve_running": 409,
    "no_solver": 409,
    "no_torch": 409,
    "wrong_kind": 409,
    "stale_revision": 412,
    "no_revision": 428,
    "expired": 410,
    "artifact_missing": 410,
    "too_large": 413,
    "quota_exceeded": 413,
    "unsupported_format": 415,
    "unsupported_media_type": 415,
    "unsupported_encoding": 415,
    "not_acceptable": 406,
    "no_such_range": 416,
    "bad_name": 422,
    "empty": 422,
    "idempotency_mismatch": 422,
    "unknown_option": 422,
    "checksum_mismatch": 422,
    "url_refused": 422,
    "invalid_request": 422,
    "too_many_jobs": 429,
    "rate_limited": 429,
    "too_many_uploads": 429,
    "not_at_work": 503,
    "overloaded": 503,
    "database_unavailable": 503,
}
"""Code -> status, where the kind of error does not tell it."""

_DETAILS = {
    400: "Expected a request that can be read, found a broken one; mend it.",
    404: "Expected a path of this API, found none here; see /v1/openapi.json.",
    405: "Expected a method that this path has, found another; see /v1/openapi.json.",
    416: "Expected a range within the file, found none; see Content-Range for its size.",
}

_FULL = "Expected room on the disk of the service, found it full; free some space, then try again."

REQUEST_ID: ContextVar[str | None] = ContextVar("request_id", default=None)
"""Of the request at hand, for problem documents and logs."""

_CODES = {
    400: "bad_request",
    404: "not_found",
    405: "method_not_allowed",
    413: "too_large",
    416: "no_such_range",
}
_log = logging.getLogger(__name__)


def problem(status: int, code: str, detail: str, **more: Any) -> Response:
    """Return a problem document."""
    body: dict[str, Any] = {
        "type": f"urn:falcon:problem:{code}",
        "status": status,
        "code": code,
        "detail": detail,
    }
    body["request_id"] = REQUEST_ID.get()
    headers = {"Retry-After": RETRY_AFTER_S} if status in (429, 503) else {}
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    if status == 408:
        headers["Connection"] = "close"  # the rest may still come, and is no request
    return JSONResponse({**body, **more}, status, headers, media_type=MEDIA_TYPE)


def of(error: FalconError) -> Response:
    """Return the problem document of an error of ours."""
    more = {"errors": error.errors} if error.errors else {}
    return problem(status_of(error), error.code, str(error), **more)


def status_of(error: FalconError) -> int:
    """Return the HTTP status of an error of ours."""
    if error.code in STATUS:
        return STATUS[error.code]
    if isinstance(error, (InputError, ConfigError)):
        return 422
    return 507 if isinstance(error, StorageError) else 400


def install(app: FastAPI) -> None:
    """Let every error leave the application as a problem document."""
    app.add_exception_handler(FalconError, _ours)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(ClientDisconnect, _gone)
    app.add_exception_handler(DatabaseError, _database)
    app.add_exception_handler(OSError, _disk)
    app.add_exception_handler(Exception, bug)


def _ours(_: Request, error: Exception) -> Response:
    assert isinstance(error, FalconError)
    return of(error)


def _invalid(_: Request, error: Exception) -> Response:
    """Every field that is wrong, by JSON pointer."""
    assert isinstance(error, RequestValidationError)
    errors = _wrong(error)
    is_json = all(one["type"] != "json_invalid" for one in error.errors())
    status, code = (422, "invalid_request") if is_json else (400, "invalid_json")
    first = errors[0]
    detail = f"Expected a valid request, found at {first['pointer']}: {first['detail']}; mend it."
    return problem(status, code, detail, errors=errors)


def _wrong(error: RequestValidationError) -> list[WrongField]:
    """Return each wrong place of the body, `/body/...`, or parameter, `/query/state`."""
    by_part: dict[str, list[dict[str, Any]]] = {}
    for one in error.errors():
        where, *path = one["loc"]
        place = path if where == "body" else path[:1]
        by_part.setdefault(where, []).append({**one, "loc": place})
    found = []
    for where, errors in by_part.items():
        names = {name: one.get("input") for one in errors for name in one["loc"]}
        given = error.body if where == "body" else names
        found += wrong_fields(errors, given, f"/{where}")
    return found


def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    code = _CODES.get(error.status_code, "http_error")
    detail = _DETAILS.get(error.status_code, str(error.detail))
    response = problem(error.status_code, code, detail)
    response.headers.update(error.headers or {})
    methods = request.app.methods_of(request.scope["path"]) if error.status_code == 405 else None
    if methods:  # the router names those of one route only
        response.headers["Allow"] = ", ".join(methods)
    return response


def _gone(_: Request, error: Exception) -> Response:
    """Nobody reads this; what had come in is dropped."""
    return problem(400, "incomplete", "Expected a whole body, found that the client went away.")


def _database(request: Request, error: Exception) -> Response:
    assert isinstance(error, DatabaseError)
    if is_full(error):
        return _full(request)
    _log.error("%s %s: the database fails", request.method, request.url.path, exc_info=error)
    detail = "Expected the database to answer, found that it does not; send the request again."
    return problem(503, "database_unavailable", detail)


def _disk(request: Request, error: Exception) -> Response:
    assert isinstance(error, OSError)
    return _full(request) if error.errno in NO_SPACE else bug(request, error)


def _full(request: Request) -> Response:
    _log.error("%s %s: the disk is full", request.method, request.url.path)
    return of(StorageError(_FULL, code=FULL))


def bug(request: Request, error: Exception) -> Response:
    """Return what a mistake of ours is told as; the log has it with the id of the request."""
    place = f"{request.method} {request.url.path}"
    _log.error("%s failed (%s)", place, REQUEST_ID.get(), exc_info=error)
    return problem(500, "internal", "The service made a mistake; its log has the details.")
