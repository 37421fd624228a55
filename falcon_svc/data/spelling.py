"""One form of a text: two that look the same are the same label, the same id.

Excel, web pages and file systems put blanks, marks without width and letters in two parts into
names; none of them can be seen. Source: Unicode Standard Annex 15 (normalization form C).
"""

from __future__ import annotations

import unicodedata

UNSEEN = "\u200b\u200e\u200f\u2060\u00ad\ufeff"
"""Spaces of no width, marks of direction, soft hyphens."""


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


def look(text: str) -> str:
    """Return a text without case, width, unseen marks and kinds of blanks, to compare by eye."""
    plain = unicodedata.normalize("NFKC", text).casefold()
    return "".join(letter for letter in plain if unicodedata.category(letter) != "Cf")
