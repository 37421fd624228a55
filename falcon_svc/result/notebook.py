"""A discovery in a notebook's cell: a line, a table of the coarse classes, the map."""

from __future__ import annotations

import io
from html import escape

from falcon_svc.result.plots import draw_map
from falcon_svc.result.record import CountEstimate, Discovery

MAX_ROWS = 30


def page_of(discovery: Discovery) -> str:
    """Return HTML; every word of the data is escaped."""
    low, high = discovery.n_fine_interval
    doubt = f", 90 % interval {low}-{high}" if low < high else ""
    head = f"<b>{discovery.n_fine} fine classes</b>{doubt}; {discovery.n_samples:,} samples"
    rows = [_row(discovery, count) for count in discovery.counts[:MAX_ROWS]]
    more = len(discovery.counts) - MAX_ROWS
    rest = f"<p>{more} more coarse classes</p>" if more > 0 else ""
    titles = "".join(f"<th>{t}</th>" for t in ("coarse class", "samples", "fine", "interval", ""))
    table = f"<table><tr>{titles}</tr>{''.join(rows)}</table>"
    return f"<p>{head}</p>{table}{rest}{_map(discovery)}"


def _row(discovery: Discovery, count: CountEstimate) -> str:
    source = discovery.sources[0]
    n_samples = int((source.labels == count.coarse).sum())
    given = count.origin == "given"
    cells = (
        escape(source.names[count.coarse]),
        f"{n_samples:,}",
        str(count.n_fine),
        "given" if given else f"{count.low}-{count.high}",
        count.verdict,
    )
    return f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"


def _map(discovery: Discovery) -> str:
    from base64 import b64encode

    from matplotlib.figure import Figure

    figure = Figure((6, 4), dpi=110)
    draw_map(figure.subplots(), discovery)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    picture = b64encode(buffer.getvalue()).decode()
    return f'<img alt="Map of the samples" src="data:image/png;base64,{picture}">'
