"""The report on a hierarchical classifier, or on predictions of any other: one HTML page.

Place: beside `page`, which reports discoveries; templates and rules are the same. It shows what was
measured on samples that trained nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from falcon_svc.report import hierarchy_figures, making
from falcon_svc.report.page import POLICY
from falcon_svc.report.rendering import render

if TYPE_CHECKING:  # it loads scipy
    from falcon_svc.hierarchy.diagrams import Diagrams, TopClass

Figures = Mapping[str, float | None]
OF_SCORES = {
    "leaf_top1": "exact leaf",
    "hierarchical_f": "hierarchical F",
    "average_precision_information": "average precision",
    "recall_at_90_correct_information": "recall, 90 % correct",
    "mistake_severity": "height of a mistake",
    "hierarchical_aurc": "risk area of climbing",
}
OF_PATHS = {
    "full_path_accuracy": "exact class",
    "node_correct": "on the right line",
    "hierarchical_f": "hierarchical F",
    "mistake_severity": "height of a mistake",
}
"""Figures that stand at the top, and what they are called there."""
N_CLASSES = 200


def render_classifier_report(
    card: Mapping[str, Any], losses: Sequence[float], drawn: Diagrams | None
) -> str:
    """Return the page about a trained classifier.

    Parameters
    ----------
    card
        Its model card.
    losses
        Mean training loss of every epoch.
    drawn
        Of the held-out samples; None = nothing was held out.

    Returns
    -------
    str
        HTML that needs no other file.

    Examples
    --------
    With the card of a trained model and its losses::

        from falcon_svc.report import render_classifier_report

        page = render_classifier_report(card, [1.2, 0.7, 0.5], None)
    """
    figures = card["metrics"].get("held_out", {})
    settings = {name: card[name] for name in ("data_set", "trained_on", "training") if name in card}
    return render(
        "classifier.html",
        policy=POLICY,
        card=card,
        settings=making.flattened(settings),
        losses=hierarchy_figures.loss_plot(losses),
        n_samples=card["metrics"].get("held_out_rows", 0),
        **_measured(figures, drawn, () if drawn is None else drawn.classes),
    )


def render_metrics_report(
    figures: Figures,
    *,
    n_samples: int,
    classes: Sequence[TopClass],
    drawn: Diagrams | None = None,
) -> str:
    """Return the page about predictions, whoever made them.

    Parameters
    ----------
    figures
        All that were measured, by name.
    n_samples
        Number of samples measured, >= 1.
    classes
        Top-level classes.
    drawn
        Of probabilities; None where single classes were predicted.

    Returns
    -------
    str
        HTML that needs no other file.

    Examples
    --------
    >>> from falcon_svc.report import render_metrics_report
    >>> page = render_metrics_report({"hierarchical_f": 0.9}, n_samples=20, classes=())
    >>> page.startswith("<!doctype html>")
    True
    """
    measured = _measured(figures, drawn, classes)
    return render("measured.html", policy=POLICY, n_samples=n_samples, **measured)


def _measured(
    figures: Figures, drawn: Diagrams | None, classes: Sequence[TopClass]
) -> dict[str, Any]:
    """What both pages show."""
    named = OF_PATHS if drawn is None else OF_SCORES
    return {
        "headlines": [(named[n], figures[n]) for n in named if figures.get(n) is not None],
        "figures": list(figures.items()),
        "classes": classes[:N_CLASSES],
        "n_classes": len(classes),
        "operating": None if drawn is None else hierarchy_figures.operating_plot(drawn.operating),
        "risk": None if drawn is None else hierarchy_figures.risk_plot(drawn),
        "reliability": (
            None if drawn is None else hierarchy_figures.reliability_plot(drawn.reliability)
        ),
    }
