"""How many fine classes each coarse class holds, and how sure that is, as lines of a table.

Place: drawn by ``counts.html``. Coarse classes of which the same is true share a line.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from falcon_svc.result.record import CountEstimate, Discovery


@dataclass(frozen=True)
class CountLine:
    """What is true of some coarse classes: their names, the count of each, places of its marks.

    `left`, `width` and `used` are percent of the largest number that is plausible anywhere.
    """

    coarse: tuple[str, ...]
    count: CountEstimate
    left: float
    width: float
    used: float


def count_lines(discovery: Discovery) -> list[CountLine]:
    """Return the lines of the table, in the order of their first coarse class."""
    names = discovery.sources[0].names
    top = max((count.high for count in discovery.counts), default=1)
    return [
        CountLine(
            coarse=tuple(names[count.coarse] for count in same),
            count=same[0],
            left=100 * same[0].low / top,
            width=100 * (same[0].high - same[0].low) / top,
            used=100 * same[0].n_fine / top,
        )
        for same in _alike(discovery.counts)
    ]


def _alike(counts: Sequence[CountEstimate]) -> list[list[CountEstimate]]:
    """Return the counts, those of which the same is true together."""
    groups: dict[tuple[object, ...], list[CountEstimate]] = {}
    for count in counts:
        line = (count.n_fine, count.low, count.high, count.origin, count.verdict)
        groups.setdefault(line, []).append(count)
    return list(groups.values())
