"""The report: one HTML page that needs nothing else, for a person who must decide.

Place: the last but one stage of a run; `falcon_svc.result.files` writes the page. It
loads nothing, runs no script (its own policy forbids both) and escapes every word of the data.
Modules of this room gather what sections show; `templates/` hold the words and the markup.
"""

from __future__ import annotations

from collections.abc import Sequence

from falcon_svc.report import figures, making, sections
from falcon_svc.report.cards import class_groups
from falcon_svc.report.count_section import count_lines
from falcon_svc.report.evidence import Evidence, collect_evidence
from falcon_svc.report.exemplars import Exemplars
from falcon_svc.report.graph_drawing import is_drawable, radial_tree
from falcon_svc.report.map_drawing import coarse_map
from falcon_svc.report.rendering import render
from falcon_svc.result.ancestry import Ancestry
from falcon_svc.result.record import Discovery
from falcon_svc.types import CoarseDataset, FloatArray

POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'"
N_SKIPPED = 20


def render_report(
    discovery: Discovery,
    dataset: CoarseDataset,
    features: FloatArray,
    *,
    ancestry: Ancestry | None = None,
    began: float | None = None,
) -> str:
    """Return the page.

    Parameters
    ----------
    discovery : Discovery
        What was found.
    dataset : CoarseDataset
        The data set it was found in: its images or texts are the exemplars.
    features : float32 (N, D)
        The exemplars of a data set without images and texts.
    ancestry : Ancestry, optional
        What became of the classes of an earlier review.
    began : float
        Moment in monotonic seconds, >= 0, since when the user has waited; None = it is not known,
        and no time but that of the stages is told.

    Returns
    -------
    str
        HTML that needs no other file.

    Examples
    --------
    >>> import numpy as np
    >>> import falcon_svc as falcon
    >>> from falcon_svc.data import load_dataset
    >>> from falcon_svc.report import render_report
    >>> found, dataset = falcon.read_result("birds").discovery, load_dataset("birds.npz")
    >>> render_report(found, dataset, np.load("birds/features.npy")).startswith("<!doctype html>")
    True
    """
    evidence = collect_evidence(discovery)
    return render(
        "page.html",
        policy=POLICY,
        found=discovery,
        coarse_names=discovery.relations[0].coarse_names,
        skipped=dataset.skipped[:N_SKIPPED],
        n_skipped=len(dataset.skipped),
        is_vectors=dataset.images is None and dataset.texts is None,
        settings=making.flattened(discovery.config),
        columns=making.columns(discovery),
        ancestry=None if ancestry is None else sections.ancestry(ancestry),
        **_classes(discovery, evidence, Exemplars.of(dataset, features, discovery.n_fine)),
        **_pictures(discovery),
        headline=sections.headline(discovery, began),  # the last: it looks at the clock
    )


def _classes(
    discovery: Discovery, evidence: Sequence[Evidence], exemplars: Exemplars
) -> dict[str, object]:
    """What is said of classes and labels."""
    return {
        "first_looks": sections.first_looks(discovery, evidence),
        "groups": class_groups(discovery, evidence, exemplars),
        "doubts": sections.label_doubts(discovery, exemplars),
        "overlaps": sections.overlaps(discovery),
        "counts": count_lines(discovery),
        "relations": sections.relations(discovery),
    }


def _pictures(discovery: Discovery) -> dict[str, object]:
    """What is drawn of the whole; None where it cannot be."""
    total, has_map = discovery.total, len(discovery.map_rows) > 0
    return {
        "tree": radial_tree(discovery) if is_drawable(discovery) else None,
        "sizes": figures.size_plot(discovery),
        "confidences": figures.confidence_plot(discovery),
        "sizes_and_confidences": figures.size_confidence_plot(discovery),
        "map": coarse_map(discovery) if has_map else None,
        "class_maps": figures.class_maps(discovery) if has_map else None,
        "total_curve": None if total is None else figures.total_curve(total),
        "curves": figures.training_curves(discovery.history),
    }
