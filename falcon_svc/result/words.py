"""Numbers as people read them, and colours: small pure functions.

Stability is put into words by the thresholds of Hennig (2007), "Cluster-wise assessment of
cluster stability": from 0.75 a class is real, under 0.6 it should not be trusted.
"""

from __future__ import annotations

import math
import re

PALETTE = (
    "#4e79a7", "#e08a2e", "#59a14f", "#d9575b", "#4fa5a0", "#9d6b9a", "#94705a", "#c9a227",
    "#c9658b", "#77808a",
)  # fmt: skip

_UNPRINTABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def color_of(index: int) -> str:
    """Return the colour of coarse class `index`; colours come again after ten classes."""
    return PALETTE[index % len(PALETTE)]


def tint(color: str, alpha: float) -> str:
    """Return the colour let through to the page by `1 - alpha`; readable on light and dark."""
    red, green, blue = (int(color[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgb({red} {green} {blue} / {alpha:.2f})"


def count_of(number: int, noun: str) -> str:
    """Return ``1 class`` or ``2,000 classes``."""
    plural = noun + ("es" if noun.endswith("s") else "s")
    return f"{number:,} {noun if number == 1 else plural}"


def percent(share: float) -> str:
    """Return a share as a percentage with as many digits as matter."""
    if 0 < share < 0.001:
        return "under 0.1 %"
    return f"{100 * share:.0f} %" if share >= 0.1 or share == 0 else f"{100 * share:.1f} %"


def number(value: float) -> str:
    """Return a number with four significant digits."""
    return f"{value:,.4g}" if math.isfinite(value) else "unknown"


def duration(seconds: float) -> str:
    """Return seconds, minutes or hours."""
    if seconds < 120:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def memory(size: int) -> str:
    """Return bytes as MiB or GiB."""
    return f"{size / 2**20:,.0f} MiB" if size < 2**30 else f"{size / 2**30:.1f} GiB"


def verdict(stability: float | None) -> str:
    """Return what a stability means, in a word."""
    if stability is None:
        return "unknown"
    shown = round(stability, 2)  # so that the word fits the figure beside it
    return "repeatable" if shown >= 0.75 else "fair" if shown >= 0.6 else "shaky"


def printable(text: str) -> str:
    """Replace what XML or UTF-8 cannot hold: control characters, halves of odd file names."""
    return _UNPRINTABLE.sub("\ufffd", text)


def shortened(text: str, length: int = 110) -> str:
    """Return one line of at most `length` characters."""
    line = " ".join(printable(text).split())
    return line if len(line) <= length else f"{line[: length - 1].rstrip()}…"
