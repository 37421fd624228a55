"""Building blocks of a section: heading with a sentence, picture, table, folded part."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from falcon_svc.report.html import Html, element


def section(title: str, text: str, *content: object, class_: str | None = None) -> Html:
    """Return a section with its heading and a sentence on what it shows."""
    return element("section", element("h2", title), element("p", text), content, class_=class_)


def figure(picture: Html, caption: str | None, *, wide: bool = False) -> Html:
    """Return a picture with its caption; a wide one scrolls on a narrow screen."""
    words = element("figcaption", caption) if caption else None
    frame = element("div", picture, class_="wide") if wide else picture
    return element("figure", frame, words)


def folded(title: str, *content: object) -> Html:
    """Return content that the reader unfolds."""
    return element("details", element("summary", title), content, class_="plain")


def table(
    heads: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    numeric: Sequence[int] = (),
    stacked: bool = False,
) -> Html:
    """Return a table; `numeric` columns are set to the right, `stacked` cells on a small screen."""
    kinds = ["number" if i in numeric else None for i in range(len(heads))]
    head = (element("th", h, scope="col", class_=k) for h, k in zip(heads, kinds, strict=True))
    body = (
        element("tr", (element("td", c, class_=k) for c, k in zip(row, kinds, strict=True)))
        for row in rows
    )
    inner = element("table", element("thead", element("tr", head)), element("tbody", body))
    return element("div", inner, class_="scroll stacked" if stacked else "scroll")
