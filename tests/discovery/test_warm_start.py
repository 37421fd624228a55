"""The start of the head: discriminants of the structure, calibrated, with shares and targets."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import softmax
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from falcon_svc.discovery.counts.choice import Counts
from falcon_svc.discovery.structure import Structure
from falcon_svc.discovery.training.warm_start import (
    START_CONFIDENCE,
    discriminant_start,
    size_shares,
    start_of,
)
from tests.discovery.planted import planted


def structure_of(data, *, equal: bool = True) -> Structure:
    n_fine = data.relations[0].sum(axis=0).astype(np.int64)
    whole = np.full(len(n_fine), np.nan, np.float32)
    counts = Counts(n_fine, n_fine, n_fine, whole, 0.0, equal)
    return Structure(data.fine, counts, np.ones(data.n_fine, np.float32))


def whitened(data) -> np.ndarray:
    """Features whose pooled scatter inside fine classes is the identity."""
    centers = np.stack([data.features[data.fine == i].mean(axis=0) for i in range(data.n_fine)])
    scatter = np.cov((data.features - centers[data.fine]).T, bias=True)
    values, vectors = np.linalg.eigh(scatter)
    return (data.features @ (vectors / np.sqrt(values))).astype(np.float32)


def test_its_decisions_are_those_of_linear_discriminant_analysis():
    data = planted(spread=1.0)
    inputs = whitened(data)
    start = discriminant_start(inputs, data.fine, data.sources[0].labels, data.relations, seed=0)
    oracle = LinearDiscriminantAnalysis(priors=np.full(data.n_fine, 1 / data.n_fine))
    expected = oracle.fit(inputs, data.fine).predict(inputs)
    found = (inputs @ start.weight.T + start.bias).argmax(axis=1)
    assert (found == expected).mean() > 0.995


def test_mean_confidence_among_the_children_is_as_wanted():
    data = planted(spread=1.0)
    coarse = data.sources[0].labels
    start = discriminant_start(data.features, data.fine, coarse, data.relations, seed=0)
    scores = data.features @ start.weight.T + start.bias
    masked = np.where(data.relations[0].T[coarse], scores, -np.inf)
    confidence = softmax(masked, axis=1).max(axis=1).mean()
    assert confidence == pytest.approx(START_CONFIDENCE, abs=1e-3)


def test_shares_follow_sizes_only_as_far_as_sizes_differ():
    data = planted(parents=((0, 0, 1),), per_class=10)
    fine = np.repeat([0, 0, 0, 1, 2, 2], 5)
    coarse = np.repeat([0, 0, 0, 0, 1, 1], 5)
    unequal = Structure(fine, structure_of(data, equal=False).counts, np.ones(3, np.float32))
    equal = Structure(fine, structure_of(data).counts, np.ones(3, np.float32))
    np.testing.assert_allclose(size_shares(unequal, coarse), np.array([16, 6, 11]) / 33, atol=1e-6)
    np.testing.assert_allclose(size_shares(equal, coarse), [1 / 3, 1 / 3, 1 / 3], atol=1e-6)


def test_the_relation_of_a_further_source_is_found_from_its_labels():
    data = planted(parents=((0, 0, 0, 1, 1, 1), (0, 1, 0, 1, 0, 1)))
    start = start_of(
        data.features, np.arange(len(data.fine)), structure_of(data), data.sources, seed=0
    )
    for found, planted_relation in zip(start.head.relations, data.relations, strict=True):
        np.testing.assert_array_equal(found, planted_relation)
    assert [t.tolist() for t in start.size_targets] == [[3, 3], [3, 3]]
    assert start.fine_prior.sum() == pytest.approx(1, abs=1e-6)
