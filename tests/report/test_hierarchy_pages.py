"""Pages about classifiers, figures and advice: self-contained, escaped, true to what was found."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from falcon_svc.hierarchy import HierarchicalClassifier, Tree
from falcon_svc.hierarchy.advice import advise
from falcon_svc.hierarchy.diagrams import POINTS, diagrams, thinned, top_classes
from falcon_svc.hierarchy.evaluation import evaluate_predictions
from falcon_svc.hierarchy.metrics import operating_curve, risk_coverage
from falcon_svc.report import (
    render_advice_report,
    render_classifier_report,
    render_metrics_report,
)
from falcon_svc.report.advice_page import class_lines
from falcon_svc.supervised.training import train_on
from tests.report.pages import Page

ATTACK = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>&amp;$x_$"
REFERENCES = ("src", "href", "action", "data", "srcset", "poster")
PATHS = [(ATTACK, "jay"), (ATTACK, "wren"), ("fish", "cod"), ("fish", "eel", "moray")]


def made(n: int = 160) -> tuple[np.ndarray, list[tuple[str, ...]]]:
    draw = np.random.default_rng(0)
    classes = np.arange(n) % 4
    return np.eye(4, 6)[classes] + 0.4 * draw.normal(size=(n, 6)), [PATHS[k] for k in classes]


@cache
def classifier_page() -> Page:
    trained = train_on(HierarchicalClassifier(random_state=0), *made(), test_share=0.25)
    model = trained.model
    model.card_["data_set"] = {"name": ATTACK}
    return Page(render_classifier_report(model.card_, model.loss_curve_, trained.drawn))


@cache
def metrics_page() -> Page:
    tree = Tree.from_paths(PATHS)
    true, found = tree.encode(PATHS * 5), tree.encode([*PATHS[1:], (ATTACK,)] * 5)
    figures = evaluate_predictions(true, found, tree=tree)
    classes = top_classes(true, found, tree=tree)
    return Page(render_metrics_report(figures, n_samples=20, classes=classes))


@cache
def advice_page() -> Page:
    vectors, paths = made()
    coarse, fine = [p[0] for p in paths], [p[1] for p in paths]
    found = advise(vectors, coarse, fine, hidden=(0, 4), shares=(0.5, 1.0), n_folds=2)
    return Page(render_advice_report(found, found.text()))


@pytest.fixture(scope="module", params=[classifier_page, metrics_page, advice_page])
def page(request) -> Page:
    return request.param()


def test_a_page_needs_nothing_else_and_runs_nothing(page):
    for name in REFERENCES:
        assert all(value.startswith(("data:image/", "#")) for value in page.values(name))
    assert "url(" not in page.html and "@import" not in page.html
    policy = next(a for _, a in page.elements if a.get("http-equiv"))
    assert policy["content"].startswith("default-src 'none'")
    assert "script" not in page.tags()


def test_words_of_the_data_stay_words(page):
    assert "<img src=x" not in page.html
    assert ATTACK[:60] in page.text.replace("\u2026", "") or "<script>" in page.text


def test_pictures_are_described(page):
    assert all(attrs["alt"] for tag, attrs in page.elements if tag == "img")


def test_a_classifier_shows_its_curves_and_its_making():
    page = classifier_page()
    assert page.tags().count("img") == 4  # operating, risk, reliability, loss
    for words in ("How deep, how often right", "What caution buys", "Are the probabilities true?"):
        assert words in page.text
    assert "left out 40 samples" in page.text and "average precision" in page.text


def test_without_a_held_out_part_the_page_says_so():
    trained = train_on(HierarchicalClassifier(random_state=0), *made(), test_share=0)
    assert trained.drawn is None
    model = trained.model
    page = Page(render_classifier_report(model.card_, model.loss_curve_, None))
    assert "nothing is known of its quality" in page.text and "All figures" not in page.text


def test_single_predictions_have_figures_and_no_curve():
    page = metrics_page()
    assert "img" not in page.tags()
    assert "on the right line" in page.text and "Top-level classes" in page.text


def test_advice_shows_its_curves_and_every_coarse_class():
    page = advice_page()
    assert page.tags().count("img") == 2
    assert "Coarse class by coarse class" in page.text and "4 comparisons" in page.text


def test_lines_of_classes_lie_on_one_scale():
    vectors, paths = made()
    coarse, fine = [p[0] for p in paths], [p[1] for p in paths]
    found = advise(vectors, coarse, fine, hidden=(0,), shares=(1.0,), n_folds=2)
    lines = class_lines(found.comparisons[0], found.per_class)
    assert len({line.zero for line in lines}) == 1
    for line in lines:
        assert -1e-6 <= line.left <= line.mean <= line.left + line.width + 1e-6 <= 100 + 1e-4


def test_a_long_curve_keeps_its_ends_and_its_area():
    draw = np.random.default_rng(0)
    sure = draw.random(20_000)
    whole = risk_coverage(draw.random(20_000) < sure, sure)
    few = thinned(whole)
    assert len(few.risk) <= POINTS + 1
    assert (few.coverage[0], few.coverage[-1]) == (0, 1)
    assert few.area == pytest.approx(whole.area, abs=2e-3)


def test_diagrams_are_those_of_the_whole_curves():
    tree = Tree.from_paths(PATHS)
    model = HierarchicalClassifier(tree=tree, random_state=0).fit(*made())
    vectors, paths = made(80)
    true, scores = tree.encode(paths), model.node_proba(vectors)
    drawn = diagrams(true, scores, tree=tree)
    whole = operating_curve(true, scores, tree=tree)
    assert drawn.operating.average_precision == pytest.approx(whole.average_precision, abs=5e-3)
    assert sum(one.n_samples for one in drawn.classes) == 80
    assert [one.exact for one in drawn.classes] == sorted(one.exact for one in drawn.classes)


def test_top_level_classes_by_hand():
    tree = Tree.from_paths(PATHS)
    true = tree.encode([("fish", "cod"), ("fish", "cod"), ("fish",)])
    found = tree.encode([("fish", "cod"), ("fish", "eel"), ("fish", "eel")])
    (fish,) = top_classes(true, found, tree=tree)
    assert (fish.name, fish.n_samples, fish.found) == ("fish", 3, 1.0)
    assert fish.exact == pytest.approx(2 / 3)
