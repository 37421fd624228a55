"""What comes in beside JSON bodies: bytes, forms, JSON in their fields, and `Accept`."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any, BinaryIO, cast

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import parse_options_header
from starlette.datastructures import FormData, Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from falcon_svc.api.strict_json import loads
from falcon_svc.service.datasets import Upload
from falcon_svc.service.refusals import RequestError
from falcon_svc.service.uploads import Arrival

MOST_METADATA = 50
QUALITY = re.compile(r"0(\.\d{0,3})?|1(\.0{0,3})?")


async def gathered(body: AsyncIterator[bytes], least_bytes: int) -> AsyncIterator[bytes]:
    """Give a body in pieces of that size at least, but for the last one."""
    pieces, size = [], 0
    async for piece in body:
        pieces.append(piece)
        size += len(piece)
        if size >= least_bytes:
            yield b"".join(pieces)
            pieces, size = [], 0
    yield b"".join(pieces)


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


class _Parser(MultiPartParser):
    """A parser that writes files where they are looked for, and knows whether a form has ended."""

    def __init__(
        self,
        headers: Headers,
        body: AsyncGenerator[bytes, None],
        most: int,
        new_file: Callable[[], Path],
    ) -> None:
        super().__init__(headers, body, max_files=most, max_fields=most)
        self.ended = False
        self._new_file = new_file
        self._arrivals: list[Arrival] = []

    def on_headers_finished(self) -> None:
        super().on_headers_finished()
        file = self._current_part.file
        if file is not None:  # not starlette's spool, which would be copied once more
            file.file.close()
            self._arrivals.append(Arrival(self._new_file()))
            file.file = cast(BinaryIO, self._arrivals[-1])

    def on_end(self) -> None:
        self.ended = True

    async def parse(self) -> FormData:
        try:
            return await super().parse()
        except BaseException:
            self.discard()
            raise

    def discard(self) -> None:
        """Delete what has come in, whole or not."""
        for arrival in self._arrivals:
            arrival.close()


def arrived(file: UploadFile) -> Upload:
    """Return a file of a form; it is deleted with the form, if it was not moved by then."""
    return cast(Arrival, file.file).whole(file.filename or "")


async def read_form(
    headers: Headers,
    body: AsyncGenerator[bytes, None],
    known: set[str],
    new_file: Callable[[], Path],
) -> FormData:
    """Return a multipart form whose fields are among those known, each at most once.

    Parameters
    ----------
    headers, body
        Of the request.
    known
        Names of the fields.
    new_file
        Names a place for a file, where nothing is yet.

    Raises
    ------
    RequestError
        No form, cut off, another charset than UTF-8 (some take quadratic time to decode), other
        fields, or one twice.
    StorageError
        A file could not be written.
    """
    _, options = parse_options_header(headers["content-type"])
    if options.get(b"charset", b"utf-8").lower() != b"utf-8":
        raise _broken("another charset")
    parser = _Parser(headers, body, len(known), new_file)
    try:
        form = await parser.parse()
    except MultiPartException as error:
        raise _broken(error.message.rstrip(".")) from None
    except FormParserError:  # starlette 1.5 lets it through
        raise _broken("Invalid multipart data") from None
    names = [name for name, _ in form.multi_items()]
    wrong = next((n for n in names if n not in known or names.count(n) > 1), None)
    if parser.ended and wrong is None:
        return form
    parser.discard()
    if wrong is None:
        raise RequestError(
            "Expected a form with its closing boundary, found its start only; send it whole.",
            code="incomplete",
        )
    raise RequestError(
        f"Expected form fields among {', '.join(sorted(known))}, each once, found "
        f"{wrong[:60]!r}; leave it out.",
        code="invalid_request",
    )


def _broken(what: str) -> RequestError:
    return RequestError(
        f"Expected a form (multipart/form-data in UTF-8), found {what}; mend it.",
        code="invalid_form",
    )


def negotiate(accept: str | None, offers: Sequence[str]) -> str:
    """Return the offered media type that a client likes best (RFC 9110, 12.5.1).

    Starlette and FastAPI do not read `Accept`, and what does (werkzeug, webob) is a web framework
    of its own; so these lines stay, and their tests.

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
    return name, float(quality) if QUALITY.fullmatch(quality) else 0.0


def _quality(wishes: list[tuple[str, float]], offer: str) -> float:
    """The most specific wish that covers an offer decides."""
    kind = offer.partition("/")[0]
    for pattern in (offer, f"{kind}/*", "*/*"):
        for name, quality in wishes:
            if name == pattern:
                return quality
    return 0.0
