"""HTML that is safe by construction: text is escaped unless it was built here.

Place: under all other modules of the report. `element` escapes every plain `str`; only `Html`,
which nothing but this module and our own drawings make, goes in as it is. A forgotten
conversion therefore shows up as visible markup, never as a script that runs.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable
from html import escape

from falcon_svc.result.words import printable

VOID = frozenset({"img", "meta"})  # SVG elements are closed like any other


class Html(str):
    """Markup that is already safe."""

    __slots__ = ()


def element(tag: str, *children: object, **attributes: object) -> Html:
    """Return ``<tag attributes>children</tag>``.

    Parameters
    ----------
    tag
        Element name.
    children
        `Html`, text (escaped), numbers, nested iterables of these; None is left out.
    attributes
        Values are escaped; None is left out, True gives a bare name. ``class_`` is ``class``,
        other underscores become hyphens.
    """
    opening = f"<{tag}{''.join(_attribute(k, v) for k, v in attributes.items())}>"
    return Html(opening if tag in VOID else f"{opening}{join(children)}</{tag}>")


def join(children: Iterable[object]) -> Html:
    """Return the children one after the other, text escaped."""
    return Html("".join(map(_render, children)))


def data_uri(mime: str, data: bytes) -> str:
    """Return the bytes as an address that needs no other file."""
    return f"data:{mime};base64,{base64.b64encode(data).decode()}"


def _render(child: object) -> str:
    if child is None:
        return ""
    if isinstance(child, Html):
        return child
    if isinstance(child, str):
        return _escaped(child)
    return join(child) if isinstance(child, Iterable) else _escaped(str(child))


def _attribute(name: str, value: object) -> str:
    if value is None:
        return ""
    name = name.rstrip("_").replace("_", "-")
    return f" {name}" if value is True else f' {name}="{_escaped(str(value))}"'


def _escaped(text: str) -> str:
    return escape(printable(text), quote=True)
