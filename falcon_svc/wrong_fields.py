"""What pydantic finds wrong with settings or a request, as pointers and plain sentences.

Place: beside `errors`, for whoever checks what users write. A pointer (RFC 6901) leads through what
was given; pydantic's own path also names the alternatives that it tried, which nobody wrote.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

SHOWN = 60
_WORDS = {
    "extra_forbidden": "there is no such name here",
    "missing": "it is required, and missing",
    "json_invalid": "this is no JSON",
}
_PLAINLY = {
    "Input should be ": "expected ",
    "valid tuple": "list",
    "Tuple should": "List should",
    " after validation": "",
}
WrongField = dict[str, str]
"""`pointer` and `detail` of one thing that is wrong."""


def wrong_fields(
    errors: Iterable[Mapping[str, Any]], given: Any, prefix: str = ""
) -> list[WrongField]:
    """Return each place that is wrong once, with all that is wrong with it.

    Parameters
    ----------
    errors
        `ValidationError.errors()`.
    given
        What was checked.
    prefix
        Pointer of `given` in the whole request.

    Examples
    --------
    >>> wrong_fields([{"loc": ("n", "int"), "type": "int_type",
    ...     "msg": "Input should be a valid integer", "input": "x"}], {"n": "x"})
    [{'pointer': '/n', 'detail': "expected a valid integer, found 'x'"}]
    """
    found: dict[str, list[str]] = {}
    every = list(errors)
    for error in [one for one in every if one["type"] != "none_required"] or every:
        place = _place(error["loc"], given, missing=error["type"] == "missing")
        pointer = prefix + "".join(f"/{_escaped(part)}" for part in place)
        found.setdefault(pointer, []).append(_detail(error))
    return [
        {"pointer": pointer, "detail": " or ".join(dict.fromkeys(details))}
        for pointer, details in found.items()
    ]


def _place(path: Sequence[Any], given: Any, *, missing: bool) -> list[Any]:
    """Return the parts of a path that lead through what was given."""
    place = []
    for number, part in enumerate(path):
        last = number == len(path) - 1
        if _holds(given, part):
            given = given[part]
        elif not (last and missing):
            continue
        place.append(part)
    return place


def _holds(given: Any, part: Any) -> bool:
    if isinstance(given, list | tuple):
        return isinstance(part, int) and part < len(given)
    return isinstance(given, Mapping) and part in given


def _escaped(part: object) -> str:
    return str(part).replace("~", "~0").replace("/", "~1")


def _detail(error: Mapping[str, Any]) -> str:
    if error["type"] in _WORDS:
        return _WORDS[error["type"]]
    words = str(error["msg"]).removeprefix("Value error, ").rstrip(".")
    for pydantics, plain in _PLAINLY.items():
        words = words.replace(pydantics, plain)
    words = words[:1].lower() + words[1:] if words[1:2].islower() else words
    value = error.get("input")
    told = error["type"] == "value_error" or isinstance(value, dict | list)
    return words if told else f"{words}, found {_shown(value)}"


def _shown(value: Any) -> str:
    text = ascii(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."
