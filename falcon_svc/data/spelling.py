"""One form of a text: two that look the same are the same label, the same id.

Excel, web pages and file systems put blanks, marks without width and letters in two parts into
names; none of them can be seen. Source: Unicode Standard Annex 15 (normalization form C).
"""

from __future__ import annotations

import html
import unicodedata

import numpy as np

MISSING = {"", "-1"}
MISSING_TEXT = {"nan", "NaN", "NAN", "<NA>", "NaT"}  # what astype(str) makes of a missing value
UNSEEN = "\u200b\u200e\u200f\u2060\u00ad\ufeff"
"""Spaces of no width, marks of direction, soft hyphens."""

ALIKE = str.maketrans("аеорсухкмтнві", "aeopcyxkmthbi")
"""Cyrillic letters, and the Latin ones that they look like."""

OUTER_MARKS = " '\"`\u2018\u2019\u201c\u201d.:,;"


def one_form(text: str) -> str:
    """Return a text composed (NFC), without outer blanks and unseen marks.

    Examples
    --------
    >>> one_form(" air\\u200b "), one_form("O\\u0308l")
    ('air', 'Öl')
    """
    if text.isascii():
        return text.strip()
    return unicodedata.normalize("NFC", text).strip().strip(UNSEEN).strip()


def label_text(value: object) -> str:
    """Return one label as text in `one_form`: whole floats as integers, missing ones as "".

    Missing are None, NaN, NaT, NA, the number -1, and what writing them as text makes of the
    first four; a whole column is read by `falcon_svc.data.labels`, by the same rules.

    Examples
    --------
    >>> label_text(" air "), label_text(2.0), label_text(float("nan")), label_text(-1)
    ('air', '2', '', '')
    """
    if isinstance(value, str):
        text = one_form(value)
        return "" if text in MISSING_TEXT else text
    if isinstance(value, float | np.floating) and value.is_integer():
        value = int(value)
    text = "" if value is None else one_form(str(value))
    return "" if text in MISSING | MISSING_TEXT else text


def look(text: str) -> str:
    """Return a text as it looks at a glance, to compare by eye.

    It is without case, width, unseen marks, kinds of blanks, outer quotes and stops; Cyrillic
    letters are the Latin ones that they look like, and whole numbers have neither zeros before nor
    an exponent.

    Examples
    --------
    >>> look('"Land."') == look("land"), look("01") == look("1e0"), look("\\u0430ir") == look("air")
    (True, True, True)
    """
    plain = unicodedata.normalize("NFKC", html.unescape(text)).casefold().translate(ALIKE)
    plain = "".join(letter for letter in plain if unicodedata.category(letter) != "Cf")
    plain = plain.strip(OUTER_MARKS)
    try:
        return f"{float(plain):g}" if plain[:1].isdigit() else plain
    except ValueError:
        return plain
