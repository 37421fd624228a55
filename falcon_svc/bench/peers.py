"""Clustering inside each coarse class with nothing given: what a user would try instead of ours.

Each is the default setting of a program in wide use, called through that program's own library,
as a `baselines.Cluster`: `leiden` as scanpy runs it (Traag et al. 2019; Wolf et al. 2018),
`umap_hdbscan` as BERTopic (Grootendorst 2022), `evoc` (EVoC, McInnes) and `plscan` (Bot et al.
2025). `no_split` needs none. The libraries are the extra ``bench``; leidenalg and igraph are
GPL, so nothing but this module may use them, and nothing is installed without being asked for.

What cannot be split, or is too small for its method to split, is one cluster by definition, and
the library is not called: several of them crash there.
"""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
from sklearn.cluster import HDBSCAN
from sklearn.neighbors import NearestNeighbors

from falcon_svc.bench.baselines import Cluster, check_size, noise_joined
from falcon_svc.discovery.metric import unit_rows
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


def _leiden(rows: FloatArray, count: int, seed: int) -> IntArray:
    """Modularity of the 15-nearest-neighbor graph with UMAP's weights, until nothing improves."""
    igraph, leidenalg = _library("igraph"), _library("leidenalg")
    sources, targets, weights = _umap_graph(rows)
    edges = np.column_stack([sources, targets]).tolist()
    found = leidenalg.find_partition(
        igraph.Graph(len(rows), edges),
        leidenalg.RBConfigurationVertexPartition,
        weights=weights.tolist(),
        n_iterations=-1,
        seed=seed,
        resolution_parameter=RESOLUTION,
    )
    return np.asarray(found.membership, np.int64)


def _umap_graph(rows: FloatArray) -> tuple[IntArray, IntArray, FloatArray]:
    """Return the edges (i < j) and weights in (0, 1] of scanpy's graph of neighbors.

    As there, a sample is its own first neighbor, and distances are Euclidean.
    """
    n_neighbors = min(NEIGHBORS, len(rows))
    distance, index = NearestNeighbors(n_neighbors=n_neighbors).fit(rows).kneighbors(rows)
    graph, *_ = _library("umap.umap_", "umap-learn").fuzzy_simplicial_set(
        rows,
        n_neighbors,
        random_state=np.random.RandomState(0),
        metric="euclidean",
        knn_indices=index,
        knn_dists=distance.astype(np.float32),
    )
    edges = graph.tocoo()
    once = (edges.row < edges.col) & (edges.data > 0)
    return edges.row[once], edges.col[once], edges.data[once]


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


leiden = unless_too_small(_leiden, 3)
umap_hdbscan = unless_too_small(_umap_hdbscan, 2 * LEAST_SIZE["umap-hdbscan"])
evoc = unless_too_small(_evoc, NEIGHBORS + 1)
plscan = unless_too_small(_plscan, 2 * LEAST_SIZE["plscan"])
