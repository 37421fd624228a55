"""Clusterings that are told nothing: one cluster where nothing can be split, and their graphs."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from falcon_svc.bench import baselines, peers, quality
from falcon_svc.bench.baselines import TooLargeError, per_class
from falcon_svc.bench.set_name import SetName
from falcon_svc.errors import MissingExtraError
from falcon_svc.metrics import accuracy_score
from falcon_svc.types import LabelSource
from tests.bench.sets import save_separated

CLUSTERS = {
    "no split": peers.no_split,
    "leiden": peers.leiden(weighted=True),
    "leiden, unweighted": peers.leiden(weighted=False),
    "umap + hdbscan": peers.umap_hdbscan,
    "evoc": peers.evoc,
    "plscan": peers.plscan,
}
every_cluster = pytest.mark.parametrize("name", CLUSTERS)


def quietly(cluster, rows, seed=0):
    """As the benchmark calls it: its library's warnings are not ours."""
    source = LabelSource("coarse", np.zeros(len(rows), np.int64), ("all",))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what is compiled on import warns, too
        return per_class(rows, source, np.array([1]), cluster, seed)


def blobs(sizes, dim=8, seed=0):
    rng, fine = np.random.default_rng(seed), np.repeat(np.arange(len(sizes)), sizes)
    return (20 * np.eye(len(sizes), dim)[fine] + rng.normal(size=(len(fine), dim))), fine


def library_of(name):
    """Skip where the extra is not installed."""
    needed = {"leiden": ["leidenalg", "igraph"], "leiden, unweighted": ["leidenalg", "igraph"]}
    needed |= {"umap + hdbscan": ["umap"], "evoc": ["evoc"], "plscan": ["fast_hdbscan"]}
    needed["leiden"].append("umap")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for module in needed.get(name, []):
            pytest.importorskip(module)


@every_cluster
@pytest.mark.parametrize("n", [1, 2])
def test_tiny_classes_are_one_cluster(name, n):
    rows = np.random.default_rng(0).normal(size=(n, 3)).astype(np.float32)
    assert CLUSTERS[name](rows, 1, 0).tolist() == [0] * n


@every_cluster
def test_equal_samples_are_one_cluster(name):
    assert set(CLUSTERS[name](np.ones((50, 3), np.float32), 1, 0).tolist()) == {0}


@pytest.mark.parametrize(("name", "least"), [("umap + hdbscan", 10), ("evoc", 5), ("plscan", 5)])
def test_a_class_that_cannot_hold_two_clusters_is_one(name, least):
    rows = np.random.default_rng(0).normal(size=(2 * least - 1, 3)).astype(np.float32)
    assert set(CLUSTERS[name](rows, 1, 0).tolist()) == {0}


@pytest.mark.parametrize("name", [name for name in CLUSTERS if name != "no split"])
def test_a_class_beyond_memory_is_refused(name, monkeypatch):
    monkeypatch.setattr(baselines, "MOST_ROWS", 3)
    with pytest.raises(TooLargeError, match="4 samples"):
        CLUSTERS[name](np.eye(4, dtype=np.float32), 1, 0)


@pytest.mark.slow
@every_cluster
@pytest.mark.parametrize("n", [3, 4, 9, 10, 13, 16, 20, 21, 40])
def test_small_classes_do_not_crash(name, n):
    library_of(name)
    rows = np.random.default_rng(n).normal(size=(n, 6)).astype(np.float32)
    fine = quietly(CLUSTERS[name], rows)
    assert fine.min() == 0 and len(np.unique(fine)) == fine.max() + 1


@pytest.mark.slow
@every_cluster
@pytest.mark.parametrize("dim", [1, 2])
def test_few_dimensions_and_repeated_samples_do_not_crash(name, dim):
    library_of(name)
    rows = np.random.default_rng(0).normal(size=(60, dim)).astype(np.float32)
    rows[:30] = rows[0]
    assert quietly(CLUSTERS[name], rows).min() == 0


@pytest.mark.slow
@pytest.mark.parametrize("name", ["leiden, unweighted", "umap + hdbscan", "plscan"])
def test_classes_far_apart_are_not_mixed(name):
    """They may be split further, as Leiden and UMAP do; PLSCAN finds them exactly."""
    library_of(name)
    rows, fine = blobs((60, 80, 70))
    found = quietly(CLUSTERS[name], rows.astype(np.float32))
    assert all(len(set(fine[found == i].tolist())) == 1 for i in range(found.max() + 1))
    assert name != "plscan" or accuracy_score(fine, found) == 1


@pytest.mark.slow
@every_cluster
def test_same_seed_same_answer(name):
    library_of(name)
    rows = np.random.default_rng(1).normal(size=(80, 5)).astype(np.float32)
    first, second = (quietly(CLUSTERS[name], rows, seed=3) for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_the_plain_graph_joins_nearest_neighbors_both_ways():
    rows = np.r_[np.arange(5.0), 100 + np.arange(40.0)][:, None].astype(np.float32)
    graph = peers._plain_graph(rows).toarray()
    np.testing.assert_array_equal(graph, graph.T)
    assert set(np.unique(graph)) == {0, 1} and not graph.diagonal().any()
    others = peers.NEIGHBORS - 1
    distance = np.abs(rows - rows.T) + np.diag(np.full(len(rows), np.inf))
    reach = np.sort(distance, axis=1)[:, others - 1]
    assert (graph[distance < reach[:, None]] == 1).all()
    assert (graph.sum(axis=1) >= others).all()


@pytest.mark.slow
def test_the_weighted_graph_is_umaps():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        umap = pytest.importorskip("umap")
        rows = np.random.default_rng(0).normal(size=(70, 4)).astype(np.float32)
        ours = peers._umap_graph(rows).toarray()
        theirs = umap.UMAP(n_neighbors=peers.NEIGHBORS, random_state=0).fit(rows).graph_.toarray()
    np.testing.assert_allclose(ours, theirs, atol=1e-4)


@pytest.mark.slow
def test_leidens_partition_has_the_modularity_that_networkx_measures():
    library_of("leiden, unweighted")
    import igraph
    import networkx as nx

    rows = np.random.default_rng(0).normal(size=(90, 3)).astype(np.float32)
    found = quietly(peers.leiden(weighted=False), rows)
    graph = nx.from_scipy_sparse_array(peers._plain_graph(rows))
    groups = [set(np.flatnonzero(found == i).tolist()) for i in range(found.max() + 1)]
    ours = nx.community.modularity(graph, groups)
    same = igraph.Graph(len(rows), list(graph.edges)).modularity(found.tolist())
    assert ours == pytest.approx(same)
    louvain = nx.community.louvain_communities(graph, seed=0)
    assert ours >= nx.community.modularity(graph, louvain) - 0.01


@pytest.mark.parametrize(
    ("method", "package"),
    [
        *(("leiden", "igraph"), ("umap-hdbscan", "umap-learn"), ("evoc", "evoc")),
        ("plscan", "fast-hdbscan"),
    ],
)
def test_a_missing_library_is_a_row_that_says_how_to_install_it(
    method, package, tmp_path, monkeypatch
):
    def absent(module):
        raise ModuleNotFoundError(module)

    monkeypatch.setattr(peers.importlib, "import_module", absent)
    path = save_separated(tmp_path / "a.npz")
    table = quality.run([str(path)], seeds=(0,), methods=[method, "no-split"])
    sentence = f"'{package}', which is not installed; install it from the folder of the program"
    assert sentence in table and "pip install -e '.[bench]'" in table
    assert "| no split | 64.3 |" in table


def test_the_error_is_of_the_kind_that_users_can_mend(monkeypatch):
    def absent(module):
        raise ModuleNotFoundError(module)

    monkeypatch.setattr(peers.importlib, "import_module", absent)
    with pytest.raises(MissingExtraError):
        peers.evoc(np.eye(40, dtype=np.float32), 1, 0)


def test_no_split_finds_as_many_classes_as_there_are_coarse_ones(tmp_path):
    data = SetName.parse(str(save_separated(tmp_path / "a.npz"))).load()
    answer = quality.METHODS["no-split"].variants["raw"](data, 0)
    assert answer.counts.tolist() == [1, 1, 1]
    np.testing.assert_array_equal(answer.fine, data.dataset.coarse.labels)
