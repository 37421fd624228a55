"""What was made fast gives what the slow way gives."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from scipy.cluster.hierarchy import linkage
from scipy.spatial.distance import pdist
from sklearn.decomposition import PCA

from falcon_svc.discovery.counts.bounds import count_bounds
from falcon_svc.discovery.counts.config import CountConfig
from falcon_svc.discovery.counts.total_stability import StabilityCurve
from falcon_svc.discovery.partition import agglomeration as joining
from falcon_svc.discovery.partition import distances as measured
from falcon_svc.discovery.partition import shared_metric
from falcon_svc.discovery.partition.principal import principal_scores
from falcon_svc.discovery.structure import find_structure
from falcon_svc.neighbors import search
from falcon_svc.types import LabelSource


def rows_of(n: int, dim: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((n, dim)).astype(np.float32)


@pytest.mark.parametrize("n", [1, 2, 9, 300])
def test_distances_are_those_of_scipy_over_several_blocks(monkeypatch, n):
    monkeypatch.setattr(measured, "BLOCK_ROWS", 128)
    rows = 5 + rows_of(n, 7)
    np.testing.assert_allclose(measured.distances(rows), pdist(rows), rtol=1e-9)
    if n > 1:
        np.testing.assert_allclose(measured.ward_steps(rows), linkage(rows, "ward"), rtol=1e-9)


def test_equal_rows_are_at_no_distance_and_votes_at_whole_ones():
    rows = np.repeat(1e3 + rows_of(4, 5), 3, axis=0)
    assert (measured.distance_table(rows)[np.arange(12), np.arange(12) // 3 * 3] == 0).all()
    votes = np.eye(6, dtype=np.float32)[np.random.default_rng(0).integers(6, size=(40, 3))]
    votes = votes.reshape(40, -1)
    np.testing.assert_array_equal(measured.squared_distances(votes), pdist(votes, "sqeuclidean"))


@pytest.mark.parametrize("shape", [(60, 9), (9, 60), (3, 2)])
def test_principal_components_are_those_of_scikit_learn(shape):
    rows = rows_of(*shape)
    found = principal_scores(rows, 2)
    wanted = PCA(2, svd_solver="full").fit_transform(rows)
    np.testing.assert_allclose(np.abs(found), np.abs(wanted), atol=1e-4)
    assert (found[np.abs(found).argmax(axis=0), [0, 1]] > 0).all()


def test_rows_alike_have_no_components():
    assert (principal_scores(np.ones((5, 3), np.float32), 2) == 0).all()


def test_means_in_pieces_are_the_same_bits(monkeypatch):
    rows, labels = rows_of(500, 4), np.random.default_rng(1).integers(-1, 30, size=500)
    whole = shared_metric.class_means(rows, labels, 31)
    monkeypatch.setattr(shared_metric, "CHUNK_ROWS", 16)
    np.testing.assert_array_equal(shared_metric.class_means(rows, labels, 31), whole)
    for label in range(31):
        own = rows[labels == label]
        wanted = own.mean(axis=0) if len(own) else np.zeros(4)
        np.testing.assert_allclose(whole[label], wanted, atol=1e-6)
    known = labels.clip(0)
    apart = ((rows - whole[known]) ** 2).sum(axis=1)
    np.testing.assert_array_equal(shared_metric.squared_lengths(rows, known, whole), apart)


@pytest.mark.parametrize("exponent", [0.0, 0.25, 1.0])
def test_groups_join_where_the_cheapest_of_all_pairs_is(exponent):
    rows, group = np.round(2 * rows_of(90, 3)), np.arange(90) % 30  # with equal costs among them
    start = joining.Groups.of(rows, group)
    many = [joining.Groups.of(rows_of(90, 3, seed=s), group) for s in range(3)]
    one, among = (joining.agglomerated(own, exponent) for own in ([start], [*many, start, *many]))
    np.testing.assert_array_equal(one[0].pairs, among[3].pairs)
    np.testing.assert_array_equal(one[0].costs, among[3].costs)
    size, distance = start.size, start.distance
    alive = list(range(30))
    for (kept, joined), own in zip(one[0].pairs, one[0].costs, strict=True):
        cost = distance * joining.size_weight(size[:, None], size[None], exponent)
        pairs = [(cost[a, b], a, b) for i, a in enumerate(alive) for b in alive[i + 1 :]]
        assert cost[kept, joined] == pytest.approx(min(pairs)[0], rel=1e-9)
        assert own == pytest.approx(cost[kept, joined], rel=1e-9)
        joining.join(np.array([kept]), np.array([joined]), size[None], distance[None])
        alive.remove(joined)


def test_neighbors_are_the_same_whatever_the_number_of_threads(monkeypatch):
    rows, labels = rows_of(400, 6), np.random.default_rng(2).integers(5, size=400)
    source = LabelSource("coarse", labels.astype(np.int64), tuple("abcde"))
    found = []
    for workers in (1, 2, 3):
        monkeypatch.setenv("OMP_NUM_THREADS", str(workers))
        found.append(search.nearest_inside(rows, source, 10))
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[0], found[2])


@pytest.mark.parametrize(
    ("sizes", "asked", "why"),
    [
        ("equal", "stability_curve", "a given total settles the counts where sizes are equal"),
        ("natural", "chance_of_twins", "a given total says itself that something is split"),
    ],
)
def test_a_given_total_is_not_asked_for_what_it_says(monkeypatch, sizes, asked, why):
    def nobody(*_: object, **__: object) -> StabilityCurve:
        pytest.fail(why)

    monkeypatch.setattr(f"falcon_svc.discovery.counts.posterior.{asked}", nobody)
    labels = np.repeat([0, 1], [70, 50]).astype(np.int64)
    source = LabelSource("coarse", labels, ("a", "b"))
    bounds = count_bounds(CountConfig(n_fine=5, sizes=sizes), source)
    assert find_structure(rows_of(120, 4), source, bounds, seed=0).counts.n_fine.sum() == 5


def test_a_discovery_loads_neither_scikit_learn_nor_torchs_compiler():
    code = """
import sys, falcon_svc.pipeline.discover
sys.exit(any(name in sys.modules for name in ("sklearn", "scipy.stats", "torch._dynamo")))
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
