"""Evidence: formulas against hand cases and oracles, and cards that are JSON."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy import stats

from falcon_svc.triage.apart import Mark, class_words, effect_sizes, words_of
from falcon_svc.triage.corrections import Split
from falcon_svc.triage.evidence import collect, diverse_rows, stability_verdict
from falcon_svc.triage.session import Session
from falcon_svc.types import AboutColumn, LabelSource
from tests.triage.reviews import write_result


def test_effect_size_is_that_of_the_t_test():
    rng = np.random.default_rng(0)
    a, b = rng.normal(1, 2, (30, 4)), rng.normal(0, 1, (20, 4))
    found = {mark.name: mark.value for mark in effect_sizes(a, b, "wxyz")}
    t = stats.ttest_ind(a, b).statistic
    for name, value in zip("wxyz", t / np.sqrt(30 * 20 / 50), strict=True):
        assert found[name] == pytest.approx(value)
    assert effect_sizes(a[:1], b, "wxyz") == ()
    assert effect_sizes(np.ones((3, 1)), np.ones((3, 1)), "w") == ()


def test_words_by_hand():
    marks = class_words({0: ["pay my bill", "the bill"], 1: ["the weather", "rain today"]})
    # class 0 has 5 words, 2 of them "bill"; 9 words in 2 classes; "bill" occurs twice
    assert marks[0][0] == Mark("bill", pytest.approx(2 / 5 * np.log(1 + 4.5 / 2)))
    assert "the" not in [mark.name for mark in marks[1][:2]]
    assert words_of("L'été, 42 زرزور!") == ["été", "زرزور"]


def test_diverse_members_are_far_apart():
    x = np.array([[0, 0], [0.1, 0], [5, 0], [0, 9], [5.1, 0]], np.float32)
    assert diverse_rows(x, np.arange(5), 3).tolist() == [0, 3, 4]
    assert diverse_rows(x, np.arange(2), 9).tolist() == [0, 1]
    assert not len(diverse_rows(x, np.arange(0), 3))


def test_a_card_is_json_and_knows_its_words(tmp_path):
    texts = tuple(f"kind{'abcdefg'[i // 12]} sample number" for i in range(84))
    dataset, _ = write_result(tmp_path / "r", parts={"texts": texts})
    session = Session(tmp_path / "r")
    card = collect(session, "c3", dataset=dataset)
    assert card.size == 12
    assert card.words[0].name == "kindd"
    assert card.parents == ("coarse 0",)
    assert card.parent_words.startswith("It hangs")
    assert set(card.medoids) <= {session.review.ids[r] for r in session.review.members(3)}
    json.dumps(card.document())


def test_stability_in_a_word():
    assert [stability_verdict(x) for x in (0.9, 0.7, 0.5, 0.3, None)] == [
        "repeatable", "fair", "shaky", "artefact", "unknown",
    ]  # fmt: skip


def test_a_card_tells_other_columns_by_lift_and_every_label_source(tmp_path):
    fine = np.arange(84) // 12
    site = AboutColumn("site", ("river", "town"), (fine != 3).astype(np.int32))
    labels = np.where(np.arange(84) % 12 == 0, -1, fine % 2).astype(np.int64)
    farm = LabelSource("farm", labels, ("north", "south"))
    write_result(tmp_path / "r", parts={"about": (site,), "sources": (farm,)})
    card = collect(Session(tmp_path / "r"), "c3")
    values = {(one.column, one.value): one for one in card.values}
    assert (values["site", "river"].n, values["site", "river"].n_beside) == (12, 12)
    assert values["site", "river"].lift == 3.0  # 12 of 12, beside 12 of 36 under coarse 0
    (told,) = card.sources
    assert told.source == "farm" and told.parents == ("south",)
    assert told.labels == (("south", 11),) and told.n_unlabelled == 1
    assert "under 'south'" in told.words and "'north', the next best" in told.words
    assert values["farm", "south"].n == 11
    json.dumps(card.document())


def test_a_class_that_a_correction_made_says_so_in_every_source(tmp_path):
    labels = (np.arange(84) // 12 % 2).astype(np.int64)
    farm = LabelSource("farm", labels, ("north", "south"))
    write_result(tmp_path / "r", parts={"sources": (farm,)})
    session = Session(tmp_path / "r")
    part = tuple(session.review.ids[row] for row in session.review.members(3)[:5])
    session.submit([Split(class_id="c3", parts=(part,))], author="Ada", expected=session.head)
    card = collect(session, "c7")
    assert card.sources[0].parents == () and "A correction made" in card.sources[0].words
    assert card.stability is None and "since a correction" in card.parent_words
