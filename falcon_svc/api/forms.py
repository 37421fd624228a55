"""What comes in beside JSON bodies: JSON in form fields, media types, `Accept`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastapi import Request

from falcon_svc.api.strict_json import loads
from falcon_svc.service.refusals import RequestError

MOST_METADATA = 50


def json_object(field: str, text: str) -> dict[str, Any]:
    """Return the JSON object of a form field."""
    value = loads(text.encode("utf-8", "surrogatepass"))
    if not isinstance(value, dict):
        raise RequestError(
            f"Expected a JSON object in the form field {field!r}, found {type(value).__name__}; "
            'write {"name": value}.',
            code="invalid_request",
        )
    return value


def metadata_of(text: str) -> dict[str, str]:
    """Return metadata of a form field: at most 50 texts."""
    found = json_object("metadata", text)
    if len(found) > MOST_METADATA or not all(isinstance(value, str) for value in found.values()):
        raise RequestError(
            f"Expected metadata of at most {MOST_METADATA} texts, found other values or more; "
            "write numbers as texts.",
            code="invalid_request",
        )
    return found


def check_media_type(request: Request, expected: str) -> None:
    """Raise RequestError unless the body is of a media type."""
    found = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if found != expected:
        raise RequestError(
            f"Expected Content-Type {expected}, found {found[:60] or 'none'!r}; set it.",
            code="unsupported_media_type",
        )


def negotiate(accept: str | None, offers: Sequence[str]) -> str:
    """Return the offered media type that a client likes best (RFC 9110, 12.5.1).

    Raises
    ------
    RequestError
        It takes none of them (code ``not_acceptable``).
    """
    if not accept:
        return offers[0]
    wishes = [_wish(part) for part in accept.split(",")]
    best = max(offers, key=lambda offer: _quality(wishes, offer))
    if _quality(wishes, best) <= 0:
        raise RequestError(
            f"Expected Accept with one of {', '.join(offers)}, found {accept[:80]!r}; name one.",
            code="not_acceptable",
        )
    return best


def _wish(part: str) -> tuple[str, float]:
    name, *parameters = [piece.strip().lower() for piece in part.split(";")]
    quality = next((p[2:] for p in parameters if p.startswith("q=")), "1")
    try:
        return name, float(quality)
    except ValueError:
        return name, 0.0


def _quality(wishes: list[tuple[str, float]], offer: str) -> float:
    """The most specific wish that covers an offer decides."""
    kind = offer.partition("/")[0]
    for pattern in (offer, f"{kind}/*", "*/*"):
        for name, quality in wishes:
            if name == pattern:
                return quality
    return 0.0
