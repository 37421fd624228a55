"""Names of classes: formulas against oracles, and what every name must keep to."""

from __future__ import annotations

from dataclasses import replace
from math import log

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from falcon_svc.naming import name_classes
from falcon_svc.naming.contrast import class_features, effect_sizes
from falcon_svc.naming.names import MAX_LETTERS, PLAIN, plain
from falcon_svc.naming.words import class_tfidf, class_words
from falcon_svc.types import Reading
from tests.discoveries import blobs, pretend_dataset

TEXTS = ["please freeze my card", "freeze the card now", "lost card freeze"]
TEXTS += ["what is my balance", "balance of my card", "show the balance"]
FINE = np.repeat([0, 1], 3)


def test_tfidf_is_the_formula_by_hand():
    counts = np.array([[3.0, 0, 3], [0, 3, 1]])  # mean of the classes: 5
    rare, common = log(1 + 5 / 3), log(1 + 5 / 4)
    expected = [[3 * rare, 0, 3 * common], [0, 3 * rare, common]]
    assert np.allclose(class_tfidf(counts), expected)


def test_words_are_those_that_a_plain_count_finds():
    """An oracle in pure Python: the best word of each class by the formula."""
    held = [[set(t.split()) for t in TEXTS[3 * c : 3 * c + 3]] for c in range(2)]
    words = {"freeze", "card", "balance", "lost"}
    count = [{w: sum(w in s for s in texts) for w in words} for texts in held]
    mean = sum(sum(c.values()) for c in count) / 2
    for c, found in enumerate(class_words(TEXTS, FINE, 2)):
        score = {
            w: count[c][w] * log(1 + mean / max(sum(k[w] for k in count), 1e-9)) for w in words
        }
        assert found[0] == max(score, key=score.get)
    assert class_words(TEXTS, FINE, 2)[0][:2] == ["freeze", "card"]


def test_forms_of_a_word_and_words_of_one_text_alone_name_nothing():
    texts = ["transfer cash", "transfers abroad zebra", "transfer it", "transferring cash"] * 3
    found = class_words([*texts, "balance", "balances"], np.array([0] * 12 + [1] * 2), 2)[0]
    assert found[0] == "cash"
    assert sum(word.startswith("transfer") for word in found) == 1
    assert class_words(["1 2 3", "???"], np.array([0, 1]), 2) == [[], []]


def test_effect_size_is_cohens_d():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 4)).astype(np.float32)
    fine = np.arange(60) % 3
    x[fine == 1, 2] += 4
    d = effect_sizes(x, fine, np.array([0, 0, 1]))
    a, b = x[fine == 1].astype(float), x[fine == 0].astype(float)
    pooled = np.sqrt((19 * a.var(axis=0, ddof=1) + 19 * b.var(axis=0, ddof=1)) / 38)
    assert np.allclose(d[1], (a.mean(axis=0) - b.mean(axis=0)) / pooled)
    assert np.allclose(d[0], -d[1])
    rest = x[fine != 2].astype(float)
    assert np.sign(d[2]) == pytest.approx(np.sign(x[fine == 2].mean(axis=0) - rest.mean(axis=0)))


def test_effect_size_does_not_know_units():
    x, _, fine = blobs()
    parents = np.arange(7) % 3
    moved = x.astype(np.float64) * 50 - 900
    d = effect_sizes(x, fine, parents)
    assert np.allclose(d, effect_sizes(moved, fine, parents), rtol=1e-3)


def test_constant_features_and_tiny_classes_give_no_warning():
    x = np.array([[0, 1], [0, 1], [1, 1], [1, 1], [5, 1]], np.float32)
    d = effect_sizes(x, np.array([0, 0, 1, 1, 2]), np.array([0, 0, 0, 0]))
    assert np.isneginf(effect_sizes(x[:4], np.array([0, 0, 1, 1]), np.array([0, 0]))[0, 0])
    assert not d[:, 1].any()
    assert not d[3].any()  # an empty class


def test_named_columns_name_classes():
    x = np.zeros((40, 3), np.float32) + np.random.default_rng(0).normal(size=(40, 3)) * 0.1
    fine = np.repeat([0, 1], 20)
    x[fine == 1, 1] += 3
    names = ("sepal width", "petal length", "petal width")
    found = class_features(x.astype(np.float32), names, fine, np.array([0, 0]))
    assert found[0][0] == "low petal length"
    assert found[1][0] == "high petal length"


def named(texts=None, features=None, ids=None, n_fine=7, **kwargs):
    x, coarse, fine = blobs(n_fine=n_fine, **kwargs)
    dataset = pretend_dataset(x, coarse, **({"texts": texts} if texts else {}), ids=ids)
    dataset = replace(dataset, reading=Reading(features=features))
    parents = np.arange(n_fine) % 3
    medoids = [np.flatnonzero(fine == c)[:3].tolist() for c in range(n_fine)]
    return name_classes(dataset, fine, parents, medoids)


def test_a_class_without_words_or_named_columns_is_like_its_most_typical_sample():
    assert named()[:2] == ("like s00000", "like s00012")
    assert named(ids=tuple(map(str, range(84))))[1] == "like sample 12"
    paths = tuple(f"birds/<b>wren {i}.png" for i in range(84))
    assert named(ids=paths)[1] == "like b wren 12.png"


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(max_size=40), min_size=1, max_size=6), st.integers(0, 1))
def test_names_are_different_short_and_never_markup(words, kind):
    texts = tuple(words[i % len(words)] or "-" for i in range(84))
    found = named(texts=texts) if kind else named(features=tuple((words * 8)[:8]))
    assert len(set(map(str.casefold, found))) == 7
    for name in found:
        assert name and len(name) <= MAX_LETTERS
        assert all(c.isalnum() or c in PLAIN or c == "…" for c in name)


def test_what_looks_like_markup_or_a_formula_is_taken_apart():
    assert plain("<script>alert(1)</script>") == "script alert(1) /script"
    assert plain("=cmd|' /C calc'!A0") == "cmd /C calc A0"
    assert len(plain("x" * 500)) == 28
