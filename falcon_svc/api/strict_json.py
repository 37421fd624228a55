"""JSON bodies without surprises: no duplicate names, no NaN, no broken Unicode, no deep nests.

Source: I-JSON (RFC 7493), which asks for the same.
"""

from __future__ import annotations

import json
import re
from typing import Any

from falcon_svc.service.refusals import RequestError

NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")  # not a backslash before the letter u


def loads(body: bytes) -> Any:
    """Return the value of a JSON text.

    Raises
    ------
    RequestError
        It is not I-JSON (code ``invalid_json``).
    """
    try:
        value = json.loads(body.decode(), object_pairs_hook=_object, parse_constant=_constant)
        _check_text(body, value)
    except (ValueError, RecursionError) as error:
        raise RequestError(
            f"Expected a body in JSON (UTF-8, no name twice, finite numbers), found that it is not "
            f"({_first_line(error)}); mend it.",
            code="invalid_json",
        ) from None
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the name {twice[:40]!r} comes twice")
    return made


def _constant(name: str) -> float:
    raise ValueError(f"{name} is no number")


def _check_text(body: bytes, value: Any) -> None:
    """Lone surrogates and NUL can only come from escapes."""
    if b"\\u" in body:
        text = json.dumps(value, ensure_ascii=False)
        text.encode()  # UnicodeEncodeError is a ValueError
        if NUL.search(text):
            raise ValueError("a text holds NUL")


def _first_line(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "nested too deeply"
    return (str(error).splitlines() or ["?"])[0][:120]
