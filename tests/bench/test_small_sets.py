"""Planted and scikit-learn's sets: what they hold, and how they are named."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import pdist
from sklearn.cluster import KMeans

from falcon_svc.bench.baselines import kmeans, per_class
from falcon_svc.bench.set_name import SetName, parse_all
from falcon_svc.bench.small_sets import GROUPS, SKLEARN_SETS, PlantedSet
from falcon_svc.errors import ConfigError, InputError
from falcon_svc.metrics import accuracy_score

PLANTED = GROUPS["planted"]


def class_means(vectors, fine):
    return np.array([vectors[fine == i].mean(axis=0) for i in range(fine.max() + 1)])


def test_there_are_22_planted_sets_and_no_two_alike():
    assert len(PLANTED) == 22
    digests = {name.load().dataset.digest for name in parse_all(["planted"])}
    assert len(digests) == 22


@pytest.mark.parametrize("text", PLANTED)
def test_planted_sets_hold_what_their_names_say(text):
    data = SetName.parse(text).load()
    counts = [int(n) for n in text.removeprefix("planted:").partition("@")[0].split(",")]
    assert data.true_counts.tolist() == counts
    assert np.bincount(data.truth).min() >= 2
    assert data.features.dtype == np.float32


@pytest.mark.parametrize("text", PLANTED)
def test_whoever_knows_the_counts_finds_planted_classes_almost_exactly(text):
    data = SetName.parse(text).load()
    fine = per_class(data.features, data.dataset.coarse, data.true_counts, kmeans, 0)
    assert accuracy_score(data.truth, fine) > 0.99


@pytest.mark.parametrize("dim", [1, 2, 5, 40])
@pytest.mark.parametrize("seed", range(3))
def test_means_are_as_far_apart_as_was_asked(dim, seed):
    planted = PlantedSet(counts=(3, 1, 2), dim=dim, distance=7.0, seed=seed)
    means = planted._means(np.random.default_rng(seed))
    assert means.shape == (6, dim)
    assert pdist(means).min() == pytest.approx(7.0)
    siblings = [pdist(part).min() for part in (means[:3], means[4:])]
    np.testing.assert_allclose(siblings, 7.0)


def test_noise_is_of_unit_variance_and_rows_are_in_no_order():
    dataset, fine = PlantedSet(counts=(2, 1), rows=2_000, dim=4).read()
    rest = dataset.vectors - class_means(dataset.vectors, fine)[fine]
    np.testing.assert_allclose(np.cov(rest.T), np.eye(4), atol=0.06)
    assert np.count_nonzero(np.diff(fine)) > len(fine) / 3


def test_sizes_are_equal_or_up_to_the_ratio_apart():
    _, fine = PlantedSet(counts=(4, 4), rows=50).read()
    assert np.bincount(fine).tolist() == [50] * 8
    _, fine = PlantedSet(counts=(40, 40), rows=100, ratio=10, distance=1).read()
    sizes = np.bincount(fine)
    assert 10 <= sizes.min() < 15 and 80 < sizes.max() <= 100


def test_same_seed_same_set_and_another_is_another():
    digests = [PlantedSet(counts=(2, 1), seed=seed).read()[0].digest for seed in (4, 4, 5)]
    assert digests[0] == digests[1] != digests[2]


@pytest.mark.parametrize(
    ("name", "sizes", "counts"),
    [
        ("iris", (100, 50), [2, 1]),
        ("wine", (59, 119), [1, 2]),
        ("digits", (901, 896), [5, 5]),
    ],
)
def test_scikit_learns_sets(name, sizes, counts):
    data = SetName.parse(f"sklearn:{name}").load()
    assert data.true_counts.tolist() == counts
    assert tuple(np.bincount(data.dataset.coarse.labels).tolist()) == sizes
    assert name in SKLEARN_SETS


def test_only_wine_is_standardised_as_its_columns_are_of_different_units():
    wine = SetName.parse("sklearn:wine").load().features
    np.testing.assert_allclose(wine.std(axis=0), 1, rtol=1e-4)
    np.testing.assert_allclose(wine.mean(axis=0), 0, atol=1e-5)
    assert SetName.parse("sklearn:iris").load().features.max() == pytest.approx(7.9)
    assert SetName.parse("sklearn:digits").load().features.max() == 16


def test_words_stand_for_groups():
    names = [name.text for name in parse_all(["sklearn", "planted:1,2@dim=4"])]
    assert names == ["sklearn:iris", "sklearn:wine", "sklearn:digits", "planted:1,2 (dim=4)"]
    assert len(parse_all(["planted", "shipped"])) == 23


def test_made_of_a_planted_set_its_seed_is_for_both():
    name = SetName.parse("planted:3,2@seed=5,null=gaussian")
    assert name.source.seed == name.made.seed == 5
    data = name.load()
    assert data.true_counts.tolist() == [1, 1]
    found = KMeans(2, n_init=1, random_state=0).fit(data.features)
    assert found.inertia_ > 0


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("planted:", "counts"),
        ("planted:3", "counts"),
        ("planted:3,x", "counts"),
        ("planted:3,0", "counts"),
        ("planted:3,2@dim=0", "dim"),
        ("planted:3,2@colour=red", "colour"),
        ("planted:3,2@ratio=0.5", "ratio"),
        ("sklearn:moons", "iris, wine, digits"),
        ("sklearn:iris@dim=3", "iris, wine, digits"),
    ],
)
def test_wrong_names_are_one_sentence(text, words):
    with pytest.raises(ConfigError, match=words):
        SetName.parse(text)


def test_a_missing_file_says_what_else_there_is():
    with pytest.raises(InputError, match="planted:COUNTS and sklearn:NAME"):
        SetName.parse("planted3.npz")
