"""What became of an earlier review's classes, on the page."""

from __future__ import annotations

from falcon_svc.report import render_report, sections
from falcon_svc.result.ancestry import Ancestry, Drift, Lineage
from tests.discoveries import pretend_blobs

KEPT = tuple(Lineage("kept", f"c{i}", f"class {i}", overlap=1.0) for i in range(60))
FOUND = Ancestry(
    *("ab" * 32, 80, 4),
    (
        *KEPT,
        Lineage("kept", "c60", "<b>jay</b>", overlap=0.4, n_before=30, n_now=12),
        Lineage("split", "c70", "wren", ("c60",), n_now=18),
        Lineage("died", "c61", "crow", n_before=5),
    ),
    (Drift("c60", "<b>jay</b>", 9, 0.001, 0.83),),
)


def test_what_changed_is_told_and_what_did_not_is_counted():
    dataset, x, discovery = pretend_blobs()
    page = render_report(discovery, dataset, x, ancestry=FOUND)
    assert "Beside the earlier review" not in render_report(discovery, dataset, x)
    assert FOUND.sentence() in page
    assert "60 classes more changed less" in page
    assert "(83 % of pairs): the data have drifted" in page
    assert "&lt;b&gt;jay&lt;/b&gt;" in page and "<b>jay" not in page


def test_those_that_came_and_went_lead():
    shown = sections.ancestry(FOUND)
    assert [line.id for line in shown.lines] == ["c70", "c61", "c60"]
    assert shown.n_more == 60


def test_the_document_comes_back():
    assert Ancestry.read(FOUND.document()) == FOUND
    assert FOUND.document()["text"] == FOUND.sentence()
