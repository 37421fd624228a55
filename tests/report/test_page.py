"""The page needs nothing else, runs nothing, hides nothing, and stands odd results."""

from __future__ import annotations

import base64
import re
from dataclasses import replace
from functools import cache
from itertools import pairwise
from xml.etree import ElementTree

import numpy as np
import pytest

from falcon_svc.report import figures, render_report
from falcon_svc.report.graph_drawing import children_of
from falcon_svc.types import LabelSource, Note, SkippedRow
from tests.discoveries import (
    StoredImages,
    blobs,
    pretend_blobs,
    pretend_dataset,
    pretend_discovery,
)
from tests.report.pages import Page

ATTACK = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>&amp;$x_$"
REFERENCES = ("src", "href", "action", "data", "srcset", "poster")


@cache
def text_page() -> Page:
    x, coarse, fine = blobs()
    texts = tuple(f"line {i}" for i in range(len(x)))
    dataset = pretend_dataset(x, coarse, texts=texts)
    return Page(render_report(pretend_discovery(dataset, x, fine), dataset, x))


@cache
def image_page(n_coarse: int = 3, n_fine: int = 7, per_fine: int = 12) -> Page:
    x, coarse, fine = blobs(n_coarse=n_coarse, n_fine=n_fine, per_fine=per_fine)
    noise = np.random.default_rng(0).integers(0, 256, (len(x), 24, 24, 3), np.uint8)
    dataset = pretend_dataset(x, coarse, images=StoredImages(noise))
    return Page(render_report(pretend_discovery(dataset, x, fine), dataset, x))


@cache
def vector_page() -> Page:
    return fresh_page()


def fresh_page() -> Page:
    dataset, x, discovery = pretend_blobs()
    return Page(render_report(discovery, dataset, x))


@pytest.fixture(scope="module", params=[text_page, image_page, vector_page])
def page(request) -> Page:
    return request.param()


def test_page_refers_to_itself_and_to_embedded_data_only(page: Page) -> None:
    for name in REFERENCES:
        assert all(value.startswith(("data:image/", "#")) for value in page.values(name))
    assert "url(" not in page.html
    assert "@import" not in page.html


def test_page_forbids_scripts_and_has_none(page: Page) -> None:
    policy = next(a for tag, a in page.elements if a.get("http-equiv"))
    assert policy["http-equiv"] == "Content-Security-Policy"
    assert policy["content"].startswith("default-src 'none'")
    assert "script-src" not in policy["content"]
    assert "script" not in page.tags()


def test_every_class_has_a_card_and_every_link_leads_somewhere(page: Page) -> None:
    assert {f"class-{i}" for i in range(7)} <= set(page.values("id"))
    assert {link.removeprefix("#") for link in page.values("href")} <= set(page.values("id"))


def test_every_picture_is_described(page: Page) -> None:
    pictures = [attrs for tag, attrs in page.elements if tag == "img"]
    assert pictures
    assert all(attrs["alt"] for attrs in pictures)


def test_every_drawing_is_well_formed(page: Page) -> None:
    drawings = [v for v in page.values("src") if v.startswith("data:image/svg+xml;base64,")]
    assert len(drawings) == 7  # one of them: what speaks for each number of classes
    for drawing in drawings:
        svg = ElementTree.fromstring(base64.b64decode(drawing.split(",")[1]))
        assert "mathdefault" not in "".join(svg.itertext())
        links = [v for node in svg.iter() for k, v in node.attrib.items() if k.endswith("href")]
        assert all(link.startswith(("#", "data:")) for link in links)


def test_headings_skip_no_level(page: Page) -> None:
    levels = [int(tag[1]) for tag in page.tags() if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(b - a <= 1 for a, b in pairwise(levels))


def test_key_figures_and_sections_are_there(page: Page) -> None:
    for words in (
        "7 fine classes in 3 coarse ones", "Where to look first", "Sizes and confidence", "Map",
        "Number of classes", "proven optimal", "Training", "How it was made", "peak memory",
    ):  # fmt: skip
        assert words in page.text


def test_texts_are_the_exemplars_of_a_text_data_set() -> None:
    assert re.search(r"line \d+", text_page().text)


def test_images_are_the_exemplars_of_an_image_data_set() -> None:
    assert sum(v.startswith("data:image/webp") for v in image_page().values("src")) >= 7


def test_words_of_the_data_never_become_markup() -> None:
    x, coarse, fine = blobs()
    n = len(x)
    dataset = pretend_dataset(
        x,
        coarse,
        names=(ATTACK, f"{ATTACK} 2", "plain"),
        texts=(ATTACK,) * n,
        ids=tuple(f"{ATTACK}{i}" for i in range(n)),
        sources=(LabelSource(ATTACK, coarse, ("a", ATTACK, "c")),),
    )
    dataset = replace(dataset, skipped=(SkippedRow(1, ATTACK, ATTACK),))
    discovery = pretend_discovery(dataset, x, fine)
    relations = tuple(
        replace(r, status=ATTACK, method=ATTACK, certificate={ATTACK: ATTACK})
        for r in discovery.relations
    )
    stages = tuple(replace(s, name=ATTACK) for s in discovery.stages)
    history = tuple({**epoch, ATTACK: epoch["loss"]} for epoch in discovery.history)
    hostile = replace(
        discovery,
        relations=relations,
        stages=stages,
        history=history,
        config={ATTACK: {ATTACK: ATTACK}},
        versions={ATTACK: ATTACK},
        dataset_digest=ATTACK,
    )
    page = Page(render_report(hostile, dataset, x))
    assert "script" not in page.tags()
    assert not [name for _, attrs in page.elements for name in attrs if name.startswith("on")]
    assert all(src.startswith("data:") for src in page.values("src"))
    assert ATTACK in page.text


def test_unequal_classes_are_drawn_on_a_logarithmic_scale() -> None:
    x, coarse, fine = blobs()
    fine = np.where(np.arange(len(x)) % 12 < 11, coarse, fine)
    dataset = pretend_dataset(x, coarse)
    test_every_drawing_is_well_formed(
        Page(render_report(pretend_discovery(dataset, x, fine), dataset, x))
    )


def test_names_of_any_script_or_undecodable_do_not_break_the_page() -> None:
    x, coarse, fine = blobs()
    dataset = pretend_dataset(x, coarse, names=("caf\udce9\x01", "鳥", "$c_"))
    page = render_report(pretend_discovery(dataset, x, fine), dataset, x).encode().decode()
    assert all(name in page for name in ("caf\ufffd\ufffd", "鳥", "$c_"))


def test_same_discovery_gives_the_same_page() -> None:
    assert fresh_page().html == vector_page().html


def bare(discovery):
    """Nothing but the answer: no map, no epoch, no stage."""
    return replace(
        discovery,
        map_rows=np.empty(0, np.int64),
        map_xy=np.empty((0, 2), np.float32),
        history=(),
        stages=(),
    )


def with_empty_class(discovery):
    first = discovery.classes[0]
    empty = replace(first, size=0, mean_confidence=0.0, medoids=(), stability=None)
    fine = np.where(discovery.assignments.fine == 0, 3, discovery.assignments.fine)
    assignments = replace(discovery.assignments, fine=fine)
    return replace(discovery, classes=(empty, *discovery.classes[1:]), assignments=assignments)


def unproven(discovery):
    solved = replace(discovery.relations[0], bound=np.inf, gap=np.inf, status="feasible")
    return replace(discovery, relations=(solved,))


@pytest.mark.parametrize(
    ("change", "words"),
    [(bare, "No epoch"), (with_empty_class, "Holds no sample"), (unproven, "not proven optimal")],
)
def test_incomplete_results_are_told_in_words(change, words: str) -> None:
    dataset, x, discovery = pretend_blobs()
    assert words in Page(render_report(change(discovery), dataset, x)).text


@pytest.mark.parametrize(
    "shape",
    [
        {"n_coarse": 1, "n_fine": 1, "per_fine": 2, "dim": 1},
        {"n_coarse": 2, "n_fine": 2, "per_fine": 1, "dim": 2},
        {"n_coarse": 40, "n_fine": 80, "per_fine": 2, "dim": 3},
    ],
)
def test_smallest_and_broad_results_have_a_page(shape) -> None:
    dataset, x, discovery = pretend_blobs(**shape)
    assert f"{shape['n_fine']} fine class" in Page(render_report(discovery, dataset, x)).text


def test_samples_without_a_label_do_not_break_the_page() -> None:
    x, coarse, fine = blobs()
    coarse[::5] = -1
    dataset = pretend_dataset(x, coarse)
    Page(render_report(pretend_discovery(dataset, x, fine), dataset, x))


def test_thousand_classes_of_noise_images_stay_under_eight_megabytes() -> None:
    page = image_page(n_coarse=100, n_fine=1000, per_fine=3)
    assert len(page.html.encode()) < 8e6
    assert {f"class-{i}" for i in range(1000)} <= set(page.values("id"))


def named(discovery, *names):
    """The discovery with names for its first classes, and notes with markup in them."""
    classes = [
        replace(fine, name=name) for fine, name in zip(discovery.classes, names, strict=False)
    ]
    notes = (Note("odd", "Column '<b>' is odd."),)
    rest = discovery.classes[len(classes) :]
    return replace(discovery, classes=(*classes, *rest), notes=notes)


def test_names_and_notes_are_where_a_reader_looks() -> None:
    dataset, x, found = pretend_blobs()
    html = render_report(named(found, "<i>jays</i>", "wrens and tits"), dataset, x)
    page = Page(html)
    assert "<i>jays" not in html and "<b>' is odd" not in html
    assert "Column '<b>' is odd." in page.text
    assert "wrens and tits" in page.texts  # on the card
    assert "1 wrens and tits" in page.texts  # in the graph
    assert " wrens and tits" in page.texts  # in the bar
    assert "Class 1 wrens and tits: 12 samples" in page.text  # a tooltip


def test_the_map_says_how_it_was_drawn_and_every_class_can_be_pointed_at() -> None:
    dataset, x, found = pretend_blobs()
    for method, words in (("pca", "principal components"), ("tsne", "t-SNE (van der Maaten")):
        html = render_report(replace(found, map_method=method), dataset, x)
        drawing = html[html.index('class="map"') :]
        drawing = drawing[: drawing.index("</svg>")]
        assert words in html
        assert drawing.count("<circle") == 7
        assert all(f'href="#class-{i}"><title>Class {i}: 12 samples' in drawing for i in range(7))


def test_what_is_most_doubtful_comes_before_the_classes_and_these_in_order() -> None:
    dataset, x, found = pretend_blobs()
    html = render_report(found, dataset, x)
    assert html.index("Where to look first") < html.index("<h2>The classes")
    order = [children.id for group in children_of(found) for children in group]
    assert [i for i in order if i % 3 == 0] == [0, 3, 6]


def test_equal_lines_of_the_counts_are_one_line() -> None:
    dataset, x, found = pretend_blobs()
    given = tuple(replace(c, n_fine=2, low=2, high=2, origin="given") for c in found.counts)
    html = render_report(replace(found, counts=given), dataset, x)
    assert "coarse 0, coarse 1, coarse 2" in html and "2 each" in html


def test_training_shows_what_was_learnt() -> None:
    history = [{"epoch": i, "learning_rate": 1 / (i + 1), "loss": 2.0 - i} for i in range(3)]
    assert "curves of loss over" in figures.training_curves(history).alt
    assert figures.training_curves(history[:1]) is None
