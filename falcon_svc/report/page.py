"""The report: one HTML page that needs nothing else, for a person who must decide.

Place: the last but one stage of a run; `falcon_svc.result.files` writes the page. It
loads nothing, runs no script (its own policy forbids both) and escapes every word of the data.
"""

from __future__ import annotations

from falcon_svc.report import making, sections
from falcon_svc.report.blocks import section
from falcon_svc.report.cards import class_groups, how_to_read
from falcon_svc.report.count_section import counts
from falcon_svc.report.evidence import collect_evidence
from falcon_svc.report.exemplars import Exemplars
from falcon_svc.report.html import Html, element
from falcon_svc.report.style import CSS
from falcon_svc.result.record import Discovery
from falcon_svc.types import CoarseDataset, FloatArray

POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'"


def render_report(discovery: Discovery, dataset: CoarseDataset, features: FloatArray) -> str:
    """Return the page.

    Parameters
    ----------
    discovery
        What was found.
    dataset
        The data set it was found in: its images or texts are the exemplars.
    features
        (N, D) float: the exemplars of a data set without images and texts.

    Returns
    -------
    str
        HTML that needs no other file.
    """
    evidence = collect_evidence(discovery)
    exemplars = Exemplars.of(dataset, features, discovery.n_fine)
    body = element(
        "main",
        sections.headline(discovery),
        sections.notes(discovery),
        sections.graph(discovery),
        sections.first_looks(discovery, evidence),
        section(
            "The classes",
            how_to_read(dataset),
            class_groups(discovery, evidence, exemplars),
        ),
        sections.label_doubts(discovery, exemplars),
        sections.overlaps(discovery),
        sections.distributions(discovery),
        sections.maps(discovery),
        counts(discovery),
        sections.relation(discovery),
        making.training(discovery),
        making.making(discovery, dataset.skipped),
    )
    return _document(f"{discovery.n_fine} fine classes", body)


def _document(title: str, body: Html) -> str:
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=POLICY),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("title", title),
        element("style", Html(CSS)),
    )
    return f"<!doctype html>\n{element('html', head, element('body', body), lang='en')}\n"
