"""Clustering inside each coarse class with nothing given: what a user would try instead of ours.

Each is the default setting of a program in wide use, called through that program's own library,
as a `baselines.Cluster`: `leiden` as scanpy runs it (Traag et al. 2019; Wolf et al. 2018),
`umap_hdbscan` as BERTopic (Grootendorst 2022), `evoc` (EVoC, McInnes) and `plscan` (Bot et al.
2025). `no_split` needs none. The libraries are the extra ``bench``; leidenalg and igraph are
GPL, so nothing but this module may use them, and nothing is installed without being asked for.

What cannot be split, or is too small for its method to split, is one cluster, and the library is
not called: some of them crash there.
"""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.cluster import HDBSCAN
from sklearn.neighbors import NearestNeighbors

from falcon_svc.bench.baselines import Cluster, check_size, noise_joined
from falcon_svc.discovery.partition.shared_metric import unit_rows
from falcon_svc.errors import MissingExtraError
from falcon_svc.types import FloatArray, IntArray

NEIGHBORS = 15
RESOLUTION = 1.0
UMAP_DIM = 5
EVOC_LEAST_DIM = 4
LEAST_SIZE = {"umap-hdbscan": 10, "evoc": 5, "plscan": 5}
"""Least cluster sizes, as these programs set them: twice as many samples are needed for a split."""


def no_split(rows: FloatArray, count: int, seed: int) -> IntArray:
    """One cluster: what is lost, or gained, if nothing is discovered."""
    return np.zeros(len(rows), np.int64)


def unless_too_small(cluster: Cluster, least: int) -> Cluster:
    """Return `cluster`, for classes of fewer than `least` samples or of equal ones `no_split`."""

    def guarded(rows: FloatArray, count: int, seed: int) -> IntArray:
        check_size(rows)
        if len(rows) < least or not np.ptp(rows, axis=0).any():
            return no_split(rows, count, seed)
        return cluster(rows, count, seed)

    return guarded


def leiden(*, weighted: bool) -> Cluster:
    """Return Leiden on the graph of neighbors, with scanpy's weights or all of one weight.

    Modularity at resolution 1, until nothing improves. As in scanpy a sample is its own first
    neighbor, distances are Euclidean, and `weighted` takes UMAP's weights, which needs umap-learn.
    """

    def cluster(rows: FloatArray, count: int, seed: int) -> IntArray:
        igraph, leidenalg = _library("igraph"), _library("leidenalg")
        graph = sparse.triu(_umap_graph(rows) if weighted else _plain_graph(rows), 1).tocoo()
        edges = np.column_stack([graph.row, graph.col]).tolist()
        found = leidenalg.find_partition(
            igraph.Graph(len(rows), edges),
            leidenalg.RBConfigurationVertexPartition,
            weights=graph.data.tolist(),
            n_iterations=-1,
            seed=seed,
            resolution_parameter=RESOLUTION,
        )
        return np.asarray(found.membership, np.int64)

    return unless_too_small(cluster, 3)


def _plain_graph(rows: FloatArray) -> sparse.csr_matrix:
    """(N, N) of ones where either sample is among the other's nearest."""
    graph = _others(rows).kneighbors_graph()
    return graph.maximum(graph.T)


def _umap_graph(rows: FloatArray) -> sparse.csr_matrix:
    """(N, N) of weights in (0, 1]."""
    distance, index = _others(rows).kneighbors()
    itself = np.arange(len(rows))[:, None]
    graph, *_ = _library("umap.umap_", "umap-learn").fuzzy_simplicial_set(
        rows,
        1 + index.shape[1],
        random_state=np.random.RandomState(0),
        metric="euclidean",
        knn_indices=np.hstack([itself, index]),
        knn_dists=np.hstack([np.zeros_like(itself), distance]).astype(np.float32),
    )
    graph.eliminate_zeros()
    return graph


def _others(rows: FloatArray) -> NearestNeighbors:
    """Nearest samples other than the sample, whose distance to itself rounding makes positive."""
    return NearestNeighbors(n_neighbors=min(NEIGHBORS, len(rows)) - 1).fit(rows)


def _umap_hdbscan(rows: FloatArray, count: int, seed: int) -> IntArray:
    """HDBSCAN (excess of mass) in five dimensions of UMAP by cosine."""
    embedding = _library("umap", "umap-learn").UMAP(
        n_neighbors=NEIGHBORS, n_components=UMAP_DIM, min_dist=0.0, metric="cosine",
        random_state=seed,
    ).fit_transform(rows)  # fmt: skip
    model = HDBSCAN(min_cluster_size=LEAST_SIZE["umap-hdbscan"], copy=True)
    return noise_joined(embedding, np.asarray(model.fit_predict(embedding)))


def _evoc(rows: FloatArray, count: int, seed: int) -> IntArray:
    """EVoC's most persistent layer; it works by cosine, and so does the joining of noise.

    Columns of zeros change no cosine, and it fails below four columns.
    """
    filled = np.pad(rows, ((0, 0), (0, max(0, EVOC_LEAST_DIM - rows.shape[1]))))
    ids = _library("evoc").EVoC(random_state=seed).fit_predict(filled)
    return noise_joined(unit_rows(rows), np.asarray(ids, np.int64))


def _plscan(rows: FloatArray, count: int, seed: int) -> IntArray:
    """PLSCAN's most persistent layer; nothing random."""
    model = _library("fast_hdbscan", "fast-hdbscan").PLSCAN(reproducible=True)
    return noise_joined(rows, np.asarray(model.fit_predict(rows), np.int64))


def _library(module: str, package: str | None = None) -> Any:
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        package = package or module
        raise MissingExtraError(package, extra="bench", purpose="this baseline") from error


umap_hdbscan = unless_too_small(_umap_hdbscan, 2 * LEAST_SIZE["umap-hdbscan"])
evoc = unless_too_small(_evoc, 2 * LEAST_SIZE["evoc"])
plscan = unless_too_small(_plscan, 2 * LEAST_SIZE["plscan"])
