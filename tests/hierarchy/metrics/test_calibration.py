"""Calibration per level against bins counted one sample at a time."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from falcon_svc.errors import InputError
from falcon_svc.hierarchy.metrics import level_calibration_error, level_reliability
from tests.hierarchy.plain import BIRDS, coherent, line, often, trees


def plain_error(tree, true, scores, depth, n_bins):
    """ECE of one level: bins (0, 1/B], (1/B, 2/B], ..; 0 in the first."""
    bins = {}
    for label, row in zip(true.tolist(), scores, strict=True):
        path = line(tree.parents.tolist(), label)[::-1]
        if len(path) <= depth:
            continue
        best = max(tree.levels[depth].tolist(), key=lambda v, r=row: (r[v], -v))
        number = next(b for b in range(1, n_bins + 1) if row[best] * n_bins <= b or b == n_bins)
        bins.setdefault(number, []).append((row[best], best == path[depth]))
    total = sum(map(len, bins.values()))
    gaps = [abs(sum(hit for _, hit in rows) - sum(p for p, _ in rows)) for rows in bins.values()]
    return sum(gaps) / total if total else np.nan


@often
@given(trees(), st.integers(0, 10_000), st.integers(1, 15))
def test_errors_agree_with_loops(tree, seed, n_bins):
    rng = np.random.default_rng(seed)
    true, scores = rng.integers(0, tree.n_nodes, 20), coherent(tree, rng, 20)
    scores = np.minimum(scores, 1)
    found = level_calibration_error(true, scores, tree=tree, n_bins=n_bins)
    expected = [plain_error(tree, true, scores, d, n_bins) for d in range(1, tree.height + 1)]
    assert np.allclose(found, expected, equal_nan=True)


def test_labels_drawn_from_the_probabilities_are_calibrated():
    rng = np.random.default_rng(0)
    scores = coherent(BIRDS, rng, 20_000)
    leaf = scores[:, BIRDS.leaves].cumsum(axis=1) > rng.random((20_000, 1))
    true = BIRDS.leaves[leaf.argmax(axis=1)]
    assert (level_calibration_error(true, scores, tree=BIRDS) < 0.02).all()
    sharp = scores**3
    assert (level_calibration_error(true, sharp, tree=BIRDS) > 0.05).all()


def test_bins_by_hand():
    scores = np.array([[1, 0.7, 0.3, 0.7, 0, 0.3, 0, 0], [1, 0.4, 0.6, 0.4, 0, 0.6, 0, 0]])
    found = level_reliability([3, 3], scores, tree=BIRDS, n_bins=2)
    assert found.counts.tolist() == [[0, 2], [0, 2]]
    assert found.accuracy[0, 1] == 0.5 and found.confidence[0, 1] == pytest.approx(0.65)
    assert found.error == pytest.approx([0.15, 0.15]) and np.isnan(found.accuracy[0, 0])


def test_logits_are_refused():
    with pytest.raises(InputError, match="from 0 to 1, found 3 at row 1"):
        level_calibration_error([3, 3], [[1.0] * 8, [3.0] * 8], tree=BIRDS)
