"""Laws of the report's parts: markup, words, evidence, drawings."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from falcon_svc.report import sections
from falcon_svc.report.evidence import (
    collect_evidence,
    mixups,
    share_of_suspects,
)
from falcon_svc.report.exemplars import MAX_COLUMNS, MAX_LINES, Exemplars, _binned
from falcon_svc.report.figures import _closeness
from falcon_svc.report.graph_drawing import children_of, class_strip, is_drawable, radial_tree
from falcon_svc.report.making import flattened
from falcon_svc.report.page import render_report
from falcon_svc.report.picture import data_uri
from falcon_svc.result.doubt import BORDER_MARGIN
from falcon_svc.result.plots import apart
from falcon_svc.result.words import count_of, duration, memory, percent, shortened, verdict
from tests.discoveries import blobs, judged, pretend_blobs, pretend_dataset
from tests.report.pages import Page


@pytest.fixture(scope="module")
def discovery():
    return pretend_blobs()[2]


def test_embedded_data_is_base64() -> None:
    assert data_uri("image/png", b"\x00\xff") == "data:image/png;base64,AP8="


def page_of(discovery) -> str:
    """The words of a discovery's page."""
    dataset, x, _ = pretend_blobs()
    return Page(render_report(discovery, dataset, x)).text


def test_the_time_is_what_the_user_has_waited(discovery, monkeypatch) -> None:
    clock = SimpleNamespace(monotonic=lambda: 1_000.0)
    monkeypatch.setattr(sections, "time", clock)
    dataset, x, _ = pretend_blobs()
    told = Page(render_report(discovery, dataset, x, began=959.0)).text
    assert "time until this page41 s" in told and "of it computing23 s" in told
    alone = page_of(discovery)
    assert "time until" not in alone and "computing23 s" in alone


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (count_of(1, "class"), "1 class"),
        (count_of(2000, "class"), "2,000 classes"),
        (count_of(0, "sample"), "0 samples"),
        (percent(0), "0 %"),
        (percent(0.0312), "3.1 %"),
        (percent(0.00001), "under 0.1 %"),
        (percent(1), "100 %"),
        (duration(0.41), "0.4 s"),
        (duration(119), "119 s"),
        (duration(600), "10 min"),
        (duration(9000), "2.5 h"),
        (memory(3 * 2**20), "3 MiB"),
        (memory(3 * 2**30), "3.0 GiB"),
        (verdict(None), "unknown"),
        (verdict(0.7499), "repeatable"),
        (verdict(0.6), "fair"),
        (verdict(0.1), "shaky"),
        (shortened("a\n b", 10), "a b"),
        (shortened("abcdef", 4), "abc…"),
    ],
)
def test_numbers_are_written_as_people_read_them(made: str, words: str) -> None:
    assert made == words


def test_border_samples_are_the_least_certain_of_their_class(discovery) -> None:
    for evidence in collect_evidence(discovery):
        rows = np.flatnonzero(discovery.assignments.fine == evidence.fine.id)
        margin = discovery.assignments.margin
        assert set(evidence.border) <= set(rows.tolist())
        assert (margin[list(evidence.border)] < BORDER_MARGIN).all()
        assert evidence.share_border == pytest.approx((margin[rows] < BORDER_MARGIN).mean())


def test_rival_is_the_sibling_with_most_probability(discovery) -> None:
    found = discovery.assignments
    fine, confidence = np.array([0, 0, 0]), np.array([0.6, 0.5, 0.7], np.float32)
    hand = replace(
        found,
        fine=fine,
        confidence=confidence,
        margin=np.array([0.3, 0.15, 0.6], np.float32),
        runner_up=np.array([3, 6, 3]),  # with probabilities 0.3, 0.35, 0.1
    )
    rival = collect_evidence(replace(discovery, assignments=hand))[0].rival
    assert (rival.fine, rival.pull) == (3, pytest.approx((0.3 + 0.1) / 3))


def test_only_child_has_no_rival() -> None:
    assert all(e.rival is None for e in collect_evidence(pretend_blobs(n_fine=3)[2]))


def test_suspects_look_like_another_coarse_class(discovery) -> None:
    parent = discovery.relations[0].relation.argmax(axis=1)
    own = discovery.assignments.fine
    moved = own.copy()
    moved[0] = np.flatnonzero(parent != parent[own[0]])[0]
    changed = replace(discovery.assignments, fine_unmasked=moved)
    share = share_of_suspects(replace(discovery, assignments=changed))
    assert share == pytest.approx(1 / discovery.n_samples)


def test_mixups_are_the_strangers_by_pair_of_classes(discovery) -> None:
    parent = discovery.relations[0].relation.argmax(axis=1)
    moved = discovery.assignments.fine.copy()
    strangers = np.flatnonzero(parent[moved] == 0)[:3]
    moved[strangers] = np.flatnonzero(parent == 1)[0]
    changed = replace(discovery.assignments, fine_unmasked=moved)
    (mixup,) = mixups(replace(discovery, assignments=changed), 5)
    assert (mixup.coarse, mixup.likely) == (0, 1)
    assert sorted(mixup.rows) == strangers.tolist()
    homely = replace(discovery.assignments, fine_unmasked=discovery.assignments.fine)
    assert mixups(replace(discovery, assignments=homely), 5) == ()


def test_suspects_of_judged_labels_are_ranked_and_explained(discovery) -> None:
    found = judged(discovery)
    noise = found.label_noise[0]
    assert found.suspects.tolist() == noise.suspected.tolist()
    assert found.suspects[0] == noise.wrong_probability.argmax()
    assert (found.likely_coarse[found.suspects] == noise.proposed[found.suspects]).all()
    rows = sorted(row for mixup in mixups(found, 99) for row in mixup.rows)
    assert rows == sorted(found.suspects.tolist())
    page = page_of(found)
    assert "are estimated to be wrong" in page and "5.0 % to 15 %" in page


def test_a_reader_is_told_of_labels_that_are_right_or_cannot_be_judged(discovery) -> None:
    exemplars = Exemplars.of(*pretend_blobs()[:2], 7)
    asked = {"labels": {"coarse_noise": "auto"}}
    homely = replace(discovery.assignments, fine_unmasked=discovery.assignments.fine)
    calm = replace(discovery, assignments=homely)
    assert sections.label_doubts(calm, exemplars) is None
    assert "could not be judged" in page_of(replace(calm, config=asked))
    noise = judged(discovery).label_noise[0]
    right = replace(noise, wrong_probability=np.zeros_like(noise.wrong_probability))
    assert "0 samples carry a label" in page_of(replace(calm, config=asked, label_noise=(right,)))


def test_overlaps_name_both_classes_and_their_parents(discovery) -> None:
    assert not sections.overlaps(discovery)
    assert "Labels that overlap" not in page_of(discovery)
    text = page_of(judged(discovery))
    section = text[text.index("Labels that overlap") : text.index("Sizes and confidence")]
    assert all(word in section for word in ("class 0", "class 1", "coarse 0", "coarse 1", "52 %"))


def test_a_class_in_two_coarse_classes_is_at_home_in_both(discovery) -> None:
    relation = discovery.relations[0].relation.copy()
    relation[0] = True
    everywhere = replace(discovery.relations[0], relation=relation)
    moved = np.zeros_like(discovery.assignments.fine)
    found = replace(
        discovery,
        relations=(everywhere,),
        assignments=replace(discovery.assignments, fine_unmasked=moved),
    )
    assert not len(found.suspects)


def test_every_fine_class_is_the_child_of_one_coarse_class(discovery) -> None:
    children = [fine.id for group in children_of(discovery) for fine in group]
    assert sorted(children) == list(range(discovery.n_fine))


def test_tree_has_a_leaf_per_fine_and_a_name_per_coarse_class(discovery) -> None:
    tree = radial_tree(discovery)
    leaves = [leaf for branch in tree.branches for leaf in branch.leaves]
    assert sorted(leaf.href for leaf in leaves) == [f"#class-{i}" for i in range(7)]
    assert [branch.name.words for branch in tree.branches] == ["coarse 0", "coarse 1", "coarse 2"]
    assert "nan" not in str(tree)


def test_strip_segments_are_as_wide_as_classes_are_large(discovery) -> None:
    fine = [replace(c, size=s) for c, s in zip(discovery.classes, (30, 10), strict=False)]
    segments = class_strip(fine, "#4e79a7")
    assert [part.style.split()[0] for part in segments] == ["flex:30", "flex:10"]


def test_tree_is_drawn_only_where_it_is_legible(discovery) -> None:
    assert is_drawable(discovery)
    assert not is_drawable(pretend_blobs(n_coarse=50, n_fine=100, per_fine=1)[2])
    assert not is_drawable(pretend_blobs(n_coarse=5, n_fine=300, per_fine=1)[2])


@pytest.mark.parametrize("width", [1, 63, 64, 65, 500])
def test_fingerprints_have_few_columns_and_use_every_feature(width: int) -> None:
    binned = _binned(np.ones((2, width), np.float32))
    assert binned.shape == (2, min(width, MAX_COLUMNS))
    assert (binned >= 1).all()


@pytest.mark.parametrize("n_fine", [1, 150, 1000, 5000])
def test_classes_share_one_budget_of_exemplars(n_fine: int) -> None:
    x, coarse, _ = blobs()
    for texts in (None, ("t",) * len(x)):
        shown = Exemplars.of(pretend_dataset(x, coarse, texts=texts), x, n_fine)
        assert shown.n_central >= 1
        assert (shown.n_central + shown.n_border) * n_fine <= max(MAX_LINES, n_fine)


def test_closeness_is_one_at_the_parent_and_falls_with_the_price(discovery) -> None:
    relation = discovery.relations[0]
    closeness = _closeness(relation)
    assert (closeness[relation.relation] == 1).all()
    others = ~relation.relation
    order = np.argsort(relation.regret[others])
    assert (np.diff(closeness[others][order]) <= 0).all()
    unknown = replace(relation, regret=np.full_like(relation.regret, np.inf))
    assert (_closeness(unknown)[others] == 0).all()


def test_labels_on_the_map_do_not_cover_each_other() -> None:
    xy = np.array([[0, 0], [10, 10]], np.float32)
    places = {k: np.array([5, 5], np.float32) for k in range(4)}
    heights = sorted(float(place[1]) for place in apart(places, xy).values())
    assert min(np.diff(heights)) > 0.3


def test_nested_settings_are_flattened() -> None:
    assert flattened({"a": {"b": 1, "c": {"d": None}}, "e": "x"}) == [
        ("a.b", "1"),
        ("a.c.d", "null"),
        ("e", '"x"'),
    ]
