"""The classes, grouped by coarse class: a bar that shows them all, and a card for each.

Place: the report's main part, drawn by ``cards.html``. A card answers: what does the class look
like, how large and how certain is it, does it come back, and what is it most easily mistaken for?
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from falcon_svc.report.evidence import Evidence
from falcon_svc.report.exemplars import Exemplars, Shown
from falcon_svc.report.graph_drawing import Segment, children_of, class_strip
from falcon_svc.result.record import CountEstimate, Discovery, FineClass
from falcon_svc.result.words import color_of

OPEN_ALL = 40  # up to so many fine classes, every group is unfolded


@dataclass(frozen=True)
class Card:
    """A fine class.

    Parameters
    ----------
    fine
        The class.
    homes
        Further coarse classes that it lies in.
    central, border, has_border
        Samples in its middle and at its border, and whether there are any at its border.
    nearest
        The class that it is most easily mistaken for; None where it has no sibling.
    share_border
        Share of its samples at the border.
    """

    fine: FineClass
    homes: tuple[str, ...]
    central: Shown
    border: Shown
    has_border: bool
    nearest: FineClass | None
    share_border: float


@dataclass(frozen=True)
class Group:
    """A coarse class: its count with interval (None = not estimated), its bar, its cards."""

    name: str
    color: str
    n_samples: int
    count: CountEstimate | None
    is_open: bool
    strip: tuple[Segment, ...]
    cards: tuple[Card, ...]


def class_groups(
    discovery: Discovery, evidence: Sequence[Evidence], exemplars: Exemplars
) -> list[Group]:
    """Return a group per coarse class of the first source."""
    names = discovery.relations[0].coarse_names
    counts = {count.coarse: count for count in discovery.counts}
    return [
        Group(
            name=names[k],
            color=color_of(k),
            n_samples=sum(fine.size for fine in classes),
            count=counts.get(k),
            is_open=k == 0 or discovery.n_fine <= OPEN_ALL,
            strip=tuple(class_strip(classes, color_of(k))),
            cards=tuple(_card(evidence, fine.id, exemplars, names) for fine in classes),
        )
        for k, classes in enumerate(children_of(discovery))
    ]


def _card(
    every: Sequence[Evidence], number: int, exemplars: Exemplars, names: Sequence[str]
) -> Card:
    own = every[number]
    homes = next(iter(own.fine.also_in.values()), ())
    return Card(
        fine=own.fine,
        homes=tuple(names[k] for k in homes),
        central=exemplars.central(own.fine.medoids),
        border=exemplars.border(own.border),
        has_border=bool(own.border and own.rival and own.fine.size),
        nearest=None if own.rival is None else every[own.rival.fine].fine,
        share_border=own.share_border,
    )
