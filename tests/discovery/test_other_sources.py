"""Further label sources: what they say of structure, counts and which parents may meet."""

from __future__ import annotations

import numpy as np
import pytest

from falcon_svc.discovery.counts.bounds import count_bounds
from falcon_svc.discovery.counts.config import CountConfig
from falcon_svc.discovery.other_sources import (
    compatible_pairs,
    least_children,
    with_other_labels,
)
from falcon_svc.discovery.training.relation_step import kept_compatible, solve_relation, tie_to
from falcon_svc.errors import ConfigError
from falcon_svc.types import LabelSource
from solver import Constraints


def source(labels, n, name="coarse"):
    return LabelSource(name, np.asarray(labels, np.int64), tuple(f"{name}{k}" for k in range(n)))


FIRST = source(np.repeat([0, 1, 2], 40), 3)
NESTED = source(np.repeat([0, 1, 2, 3, 4, 4], 20), 5, "habitat")  # two in 0, two in 1, one in 2


def test_pairs_that_never_meet_are_incompatible():
    want = [[1, 1, 0, 0, 0], [0, 0, 1, 1, 0], [0, 0, 0, 0, 1]]
    assert compatible_pairs(FIRST, NESTED).astype(int).tolist() == want
    assert least_children(FIRST, [NESTED]).tolist() == [2, 2, 1]


def test_a_few_wrong_labels_make_no_pair_compatible():
    big = source(np.repeat([0, 1], 500), 2)
    labels = np.repeat([0, 1], 500)
    labels[[3, 700]] = [1, 0]
    assert compatible_pairs(big, source(labels, 2, "b")).tolist() == [[True, False], [False, True]]


@pytest.mark.parametrize("kind", ["independent", "disjoint", "few"])
def test_without_evidence_all_pairs_are_compatible(kind):
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 4, 120)
    if kind == "disjoint":  # no sample has both labels
        first, other = FIRST.labels.copy(), labels.copy()
        first[:60], other[60:] = -1, -1
        assert compatible_pairs(source(first, 3), source(other, 4, "b")) is None
        return
    if kind == "few":
        labels[12:] = -1
    assert compatible_pairs(FIRST, source(labels, 4, "b")) is None
    assert least_children(FIRST, [source(labels, 4, "b")]).tolist() == [1, 1, 1]


def test_other_labels_are_as_far_apart_as_two_samples_of_a_coarse_class():
    rng = np.random.default_rng(1)
    x = rng.normal(size=(120, 5)).astype(np.float32)
    seen = with_other_labels(x, FIRST, [NESTED])
    np.testing.assert_array_equal(seen[:, :5], x)
    means = np.stack([x[FIRST.labels == q].mean(axis=0) for q in range(3)])
    radius = ((x - means[FIRST.labels]) ** 2).sum(axis=1).mean()
    apart = ((seen[0, 5:] - seen[30, 5:]) ** 2).sum()  # one coarse class, two habitats
    assert apart == pytest.approx(2 * radius, rel=1e-4)


def test_samples_without_another_label_lie_at_the_mean_of_their_coarse_class():
    labels = NESTED.labels.copy()
    labels[0] = -1
    x = np.random.default_rng(1).normal(size=(120, 5)).astype(np.float32)
    axes = with_other_labels(x, FIRST, [source(labels, 5, "habitat")])[:, 5:]
    np.testing.assert_allclose(axes[0], axes[1:40].mean(axis=0), atol=1e-6)
    silent = source(np.full(120, -1), 2, "b")
    assert with_other_labels(x, FIRST, [silent]) is x


def test_counts_leave_room_for_the_classes_of_every_source():
    bounds = count_bounds(CountConfig(), FIRST, [NESTED])
    assert bounds.low.tolist() == [2, 2, 1] and bounds.least_total == 5
    apart = source(np.where(FIRST.labels == 0, -1, FIRST.labels - 1), 2)
    farms = source(np.where(FIRST.labels == 0, np.arange(120) % 7, -1), 7, "farm")
    with pytest.raises(ConfigError, match=r"6 fine classes were asked .* 'farm' has 7"):
        count_bounds(CountConfig(n_fine=6), apart, [farms])
    with pytest.raises(ConfigError, match=r"allows 1 fine classes in 'coarse0'.* 2 classes"):
        count_bounds(CountConfig(n_fine_per_coarse={"coarse0": 1}), FIRST, [NESTED])


def test_relations_solved_together_agree_where_each_alone_would_not():
    # Alone, class 1 goes to parent 0 of the first source and to parent 1 of the second.
    first = np.array([[0.30, 0.0], [0.16, 0.14], [0.0, 0.30], [0.0, 0.10]])
    other = np.array([[0.30, 0.0], [0.02, 0.28], [0.0, 0.30], [0.0, 0.10]])
    settings = {"balance": 0.0, "size_targets": None, "time_limit_s": 10.0}
    alone = solve_relation(first, **settings).relation
    assert alone[1].tolist() == [True, False]
    compatible = np.eye(2, dtype=np.bool_)
    together = solve_relation(
        first, **settings, wishes=Constraints([tie_to("b", other, compatible, balance=0.0)])
    )
    assert together.relation[1].tolist() == [False, True] and together.status == "optimal"
    kept = kept_compatible(together.relation, compatible)
    beside = solve_relation(other, **settings, wishes=Constraints(kept))
    np.testing.assert_array_equal(beside.relation, together.tied[0])
