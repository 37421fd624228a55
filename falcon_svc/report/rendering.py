"""The templates of the report: every word is escaped on its way in, a missing name is an error.

Place: under `page`. Markup is written in `templates/` only; Python hands over plain data, so that
nothing of a data set can become markup. Control characters, which HTML cannot hold, are replaced.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from falcon_svc.result import words

FILTERS: dict[str, Callable[..., str]] = {
    "count_of": words.count_of,
    "duration": words.duration,
    "memory": words.memory,
    "number": words.number,
    "percent": words.percent,
    "shortened": words.shortened,
    "verdict": words.verdict,
}
"""What templates may do with numbers: ``{{ share | percent }}``."""


def render(name: str, **given: object) -> str:
    """Return a template filled in.

    Parameters
    ----------
    name
        File in ``templates/``.
    given
        What it names; text in it is escaped.

    Raises
    ------
    jinja2.UndefinedError
        The template names something that was not given.
    """
    return _environment().get_template(name).render(given)


@cache
def _environment() -> Environment:
    made = Environment(
        loader=PackageLoader("falcon_svc.report"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_printable,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(FILTERS)
    return made


def _printable(value: Any) -> Any:
    """Plain text without what HTML cannot hold; what templates made stays as it is."""
    plain = isinstance(value, str) and not isinstance(value, Markup)
    return words.printable(value) if plain else value
