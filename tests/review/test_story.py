"""The whole story in a real browser: look, correct, contradict, solve, undo, accept, export."""

from __future__ import annotations

import csv
import json

import pytest

from tests.review.chromium import Browser, needs_browser
from tests.review.running import RunningReview, wait_for
from tests.triage.reviews import write_result

pytestmark = [pytest.mark.browser, needs_browser]
SHAPE = {"n_coarse": 3, "n_fine": 9, "per_fine": 30}


@pytest.fixture
def result(tmp_path):
    write_result(tmp_path / "result", **SHAPE)
    return tmp_path / "result"


@pytest.fixture
def review(result):
    running = RunningReview(result)
    yield running
    running.kill()


@pytest.fixture
def browser(tmp_path):
    made = Browser(tmp_path / "browser")
    yield made
    made.close()


def test_the_whole_story(browser, review, result):
    browser.open(review.address, "overview")
    browser.until("document.querySelector('.map').dataset.frames > 0")

    browser.go("#/local/class/c0", "class")  # open a class, and rename it
    browser.until("document.querySelectorAll('.samples > .tiles .tile').length === 30")
    browser.keys("r")
    browser.write("jay \u2066".replace("\u2066", ""))
    browser.press("Rename", "dialog")
    browser.said("Renamed to “jay”")
    browser.until("document.querySelector('h1').innerText === 'jay'")

    browser.keys("m")  # merge two
    browser.press("Merge", "dialog")
    browser.said("Merged")
    browser.until("document.querySelector('.classhead').innerText.includes('60 samples')")

    browser.keys("s")  # split one into 3
    browser.write("3")
    browser.press("Show me", "dialog")
    browser.press("Split into 3", "dialog")
    browser.said("Split into 3 classes")
    browser.until("document.querySelectorAll('a.side').length === 4")

    browser.go("#/local/overview", "overview")  # move a lasso selection
    browser.until("document.querySelector('.map').dataset.frames > 0")
    browser.js("""const s = document.querySelector('.mapside select'); s.value = 'coarse 0';
        s.dispatchEvent(new Event('change'))""")
    browser.until("document.querySelector('.coarselist details').open")
    browser.drag(".map", [(0.02, 0.02), (0.98, 0.02), (0.98, 0.98), (0.02, 0.98)])
    browser.until("document.querySelector('.legend').innerText.includes('90 samples selected')")
    browser.press("Move to", ".legend")
    browser.write("jay")
    browser.press("Move 90", "dialog")
    browser.said("Moved 90 samples")
    browser.press("Undo", "#top")
    browser.said("Undone")

    browser.go("#/local/class/c1", "class")  # pin an edge, and contradict it
    browser.until("document.querySelectorAll('.samples > .tiles .tile').length === 30")
    for verb, said in (("Always under it", "Pinned"), ("Never under it", "Forbidden")):
        browser.keys("p")
        browser.press(verb, "dialog")
        browser.said(said)
    browser.press("Solve again", "#top")
    browser.until("document.querySelector('dialog[open] .wishes')")
    why = browser.js("return document.querySelector('dialog[open]').innerText")
    assert "These cannot hold together" in why and "coarse 1 1" in why
    browser.press("I see", "dialog")
    browser.press("Undo", "#top")
    browser.said("Undone")
    browser.press("Solve again", "#top")
    browser.said("Solved again")

    browser.go("#/local/class/c2", "class")  # accept by sampling
    browser.until("document.querySelectorAll('.samples > .tiles .tile').length > 20")
    browser.keys("a")
    browser.press("Look at a sample", "dialog")
    browser.until("document.querySelector('.question h1')?.innerText.includes('Look at')")
    browser.keys("1")
    browser.until("document.querySelector('.badge.accepted')")

    browser.go("#/local/export", "export")
    browser.press("CSV")
    path = browser.files / "review.csv"
    wait_for(path.exists)
    rows = list(csv.DictReader(wait_for(path.read_text).splitlines()))
    assert len(rows) == 270 and {row["class"] for row in rows} >= {"jay"}
    assert {row["status"] for row in rows if row["class_id"] == "c2"} == {"accepted"}
    assert all(row["coarse"] == row["coarse_given"] for row in rows)

    browser.go("#/local/changes", "changes")
    browser.until("document.querySelectorAll('.log li').length >= 9")
    assert "Content Security Policy" not in str(browser.logged())


def test_a_kill_during_a_solve_loses_nothing(browser, review, result):
    browser.open(review.address, "overview")
    browser.go("#/local/class/c0", "class")
    browser.until("document.querySelectorAll('.tile').length > 5")
    browser.keys("r")
    browser.write("wren")
    browser.press("Rename", "dialog")
    browser.said("Renamed")
    browser.press("Solve again", "#top")
    browser.until("document.querySelector('.solving')")
    review.kill()
    lines = (result / "review" / "revisions.jsonl").read_text().splitlines()
    again = RunningReview(result)
    try:
        browser.open(again.address, "overview")
        browser.go("#/local/class/c0", "class")
        browser.until("document.querySelector('h1').innerText === 'wren'")
        assert json.loads(lines[0])["correction"]["name"] == "wren"
        browser.press("Solve again", "#top")
        browser.until("document.querySelector('#status').innerText.includes('Solved again')")
    finally:
        again.kill()


def test_text_of_users_is_never_markup(browser, tmp_path):
    names = (
        "<img src=x onerror=document.title='owned'>",
        "<script>document.title='owned'</script>",
    )
    write_result(
        tmp_path / "hostile", **SHAPE, parts={"names": (*names, "\u05d0\u05d1\u05d2 e\u0301\u0301")}
    )
    running = RunningReview(tmp_path / "hostile")
    try:
        browser.open(running.address, "overview")
        for place, view in (("class/c0", "class"), ("queue", "queue"), ("changes", "changes")):
            browser.go(f"#/local/{place}", view)
        browser.go("#/local/class/c0", "class")
        browser.until("document.querySelector('h1').innerText.includes('<img')")
        assert browser.js("return document.querySelectorAll('img[src=x]').length") == 0
        assert browser.driver.title != "owned"
        assert browser.js("return document.querySelectorAll('main script').length") == 0
    finally:
        running.kill()


def test_without_webgl_the_map_is_drawn_on_a_flat_canvas(tmp_path, review):
    browser = Browser(tmp_path / "flat", webgl=False)
    try:
        browser.open(review.address, "overview")
        browser.until("document.querySelector('.map').dataset.frames > 0")
        assert browser.js("return document.querySelector('.map').dataset.drawn") == "2d"
        inked = browser.js(
            "const c = document.querySelector('.map canvas');"
            "return c.getContext('2d').getImageData(0, 0, c.width, c.height).data"
            ".some((v, i) => i % 4 === 3 && v > 0)"
        )
        assert inked
    finally:
        browser.close()
