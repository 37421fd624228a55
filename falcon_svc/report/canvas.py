"""Empty plots of one style, and finished ones as pictures that need no other file.

Place: under `figures` and `hierarchy_figures`. Backgrounds are clear and lines are mid-grey, so
that a plot reads on a light and on a dark page.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from falcon_svc.report.picture import Picture, data_uri
from falcon_svc.result.plots import GREY, Axes

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FAINT, DEEP = "#eceeef", "#1d4468"
SMALL, WIDE = (3.9, 2.6), 9.5  # inches; text is legible where a small one fills a third
LEFT, RIGHT, BOTTOM, TOP = 0.62, 0.14, 0.46, 0.26
"""Room for ticks, labels and titles, in inches: measuring them would draw every plot twice."""

STYLE: dict[Any, Any] = {
    "font.size": 8.5,
    "axes.titlesize": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "text.color": GREY,
    "axes.edgecolor": GREY,
    "axes.labelcolor": GREY,
    "axes.titlecolor": GREY,
    "xtick.color": GREY,
    "ytick.color": GREY,
    "axes.linewidth": 0.7,
    "text.parse_math": False,  # a dollar in a label is a dollar
    "svg.fonttype": "none",
    "svg.hashsalt": "falcon",  # the same plot gives the same bytes
}


@contextmanager
def canvas(
    width: float,
    height: float,
    panels: int = 1,
    columns: int = 1,
    *,
    bare: bool = False,
    named: bool = False,
) -> Iterator[tuple[Figure, list[Axes]]]:
    """Give a figure and its panels, in rows of `columns`; sizes are inches.

    Parameters
    ----------
    bare
        The panels have no ticks, for which room would be left.
    named
        They have names on their vertical axis, of any length: room for these is measured.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context(STYLE):
        figure = Figure((width, height), dpi=170, layout="constrained" if named else None)
        rows = -(-panels // columns)
        grid = figure.subplots(rows, columns, squeeze=False).ravel()
        for unused in grid[panels:]:
            unused.set_axis_off()
        if bare:
            figure.subplots_adjust(0, 0, 1, 0.95, wspace=0.06, hspace=0.2)
        elif not named:
            _leave_room(figure, rows, columns)
        yield figure, list(grid[:panels])


def _leave_room(figure: Figure, rows: int, columns: int) -> None:
    """Place panels so that what stands around each has its inches."""
    width, height = figure.get_size_inches()
    across, down = width / columns - LEFT - RIGHT, height / rows - BOTTOM - TOP
    figure.subplots_adjust(
        LEFT / width,
        BOTTOM / height,
        1 - RIGHT / width,
        1 - TOP / height,
        wspace=(LEFT + RIGHT) / across,
        hspace=(BOTTOM + TOP) / down,
    )


def as_picture(figure: Figure, description: str) -> Picture:
    """Return a figure as SVG, `description` being what it shows for who does not see it."""
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        # The browser sets the text and has the letters that matplotlib's own font lacks.
        warnings.filterwarnings("ignore", "Glyph .* missing from font", UserWarning)
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    svg = re.sub(r"'DejaVu Sans'[^;\"]*", "system-ui, sans-serif", buffer.getvalue().decode())
    return Picture(data_uri("image/svg+xml", svg.encode()), description)
