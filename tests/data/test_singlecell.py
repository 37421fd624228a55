"""The count recipe against plain dense numpy, step by step; and principal components."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from falcon_svc.data.formats import singlecell
from falcon_svc.data.formats.singlecell import fit_recipe, normalise, variable_genes
from falcon_svc.data.pca import principal_components
from falcon_svc.encoder.views.vector_views import are_logged_counts

COUNTS = np.random.default_rng(3).negative_binomial(1, 0.4, (40, 60)).astype(np.float32)


def count_features(counts, genes_only: bool = False) -> np.ndarray:
    genes = [f"g{k}" for k in range(counts.shape[1])]
    recipe = fit_recipe(counts, genes, where="test", genes_only=genes_only)
    return recipe.apply(counts, genes, where="test")


def dense_recipe(counts: np.ndarray, dim: int) -> np.ndarray:
    scaled = counts / counts.sum(axis=1, keepdims=True) * 1e4
    logged = np.log1p(scaled)
    z = np.minimum((logged - logged.mean(axis=0)) / logged.std(axis=0, ddof=1), 10)
    z = z - z.mean(axis=0)
    u, s, _ = np.linalg.svd(z, full_matrices=False)
    return u[:, :dim] * s[:dim]


def test_every_cell_sums_to_ten_thousand() -> None:
    counts = COUNTS.copy()
    counts[4] = 0
    sums = np.asarray(normalise(sparse.csr_matrix(counts)).sum(axis=1)).ravel()
    assert np.allclose(np.delete(sums, 4), 1e4)
    assert sums[4] == 0


def test_the_recipe_equals_dense_numpy() -> None:
    found = count_features(sparse.csr_matrix(COUNTS))
    want = dense_recipe(COUNTS, found.shape[1])
    assert found.shape == (40, 39)
    strong = slice(0, 30)  # the last axes are close to each other
    assert np.allclose(np.abs(found[:, strong]), np.abs(want[:, strong]), atol=2e-2)


def test_logged_values_are_not_logged_again() -> None:
    logged = np.log1p(COUNTS / COUNTS.sum(axis=1, keepdims=True) * 1e4)
    found = count_features(sparse.csr_matrix(logged.astype(np.float32)))
    want = count_features(sparse.csr_matrix(COUNTS))
    assert np.allclose(found[:, :20], want[:, :20], atol=1e-2)


def scanpy_score(linear: np.ndarray) -> np.ndarray:
    """scanpy 1.10, highly_variable_genes(flavor="seurat"), its steps in pandas."""
    pandas = pytest.importorskip("pandas")
    mean, var = linear.mean(axis=0), linear.var(axis=0, ddof=1)
    mean[mean == 0] = 1e-12
    table = pandas.DataFrame(
        {"mean": np.log1p(mean), "dispersion": np.log(np.where(var > 0, var / mean, np.nan))}
    )
    groups = table.groupby(pandas.cut(table["mean"], bins=20), observed=True)["dispersion"]
    average, deviation = groups.transform("mean"), groups.transform("std")
    alone = deviation.isna()
    deviation[alone], average[alone] = average[alone], 0
    return np.asarray((table["dispersion"] - average) / deviation)


def test_variable_genes_are_those_of_scanpy(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    counts = rng.poisson(rng.gamma(1, 3, 300), (80, 300)) * rng.choice([0, 1, 2], (80, 300))
    linear = np.asarray(normalise(sparse.csr_matrix(counts.astype(np.float64))).todense())
    best = np.argsort(-scanpy_score(linear.copy()))[:40]
    monkeypatch.setattr(singlecell, "VARIABLE_GENES", 40)
    assert variable_genes(sparse.csr_matrix(linear)).tolist() == sorted(best.tolist())


def test_constant_genes_do_no_harm() -> None:
    counts = np.column_stack([COUNTS, np.zeros(40), np.zeros(40)])
    assert np.isfinite(count_features(sparse.csr_matrix(counts))).all()


@pytest.mark.parametrize("width", [30, 700])
def test_components_equal_the_singular_vectors(width: int) -> None:
    rng = np.random.default_rng(1)
    x = (rng.normal(size=(300, 8)) * 2.0 ** np.arange(8)) @ rng.normal(size=(8, width))
    x = (x + 0.01 * rng.normal(size=x.shape) + 3).astype(np.float32)
    found = principal_components(lambda a, b: x[a:b], shape=x.shape, dim=6, seed=0)
    axes = np.linalg.svd(x - x.mean(axis=0), full_matrices=False)[2][:6]
    assert np.allclose(np.abs(np.sum(found.rows * axes, axis=1)), 1, atol=1e-4)
    assert np.allclose(found.rows @ found.rows.T, np.eye(6), atol=1e-5)
    assert np.allclose(found.apply(x).mean(axis=0), 0, atol=1e-2)


def test_components_are_the_same_bytes_for_the_same_seed() -> None:
    x = np.random.default_rng(1).normal(size=(50, 600)).astype(np.float32)
    runs = [
        principal_components(lambda a, b: x[a:b], shape=x.shape, dim=9, seed=4).rows.tobytes()
        for _ in range(2)
    ]
    assert runs[0] == runs[1]


def test_constant_rows_have_components_too() -> None:
    x = np.ones((5, 4), np.float32)
    found = principal_components(lambda a, b: x[a:b], shape=x.shape, dim=9, seed=0)
    assert found.rows.shape == (4, 4)
    assert np.allclose(found.apply(x), 0)


def test_genes_only_are_log_normalised_counts_that_can_be_thinned() -> None:
    found = count_features(sparse.csr_matrix(COUNTS), genes_only=True)
    want = np.log1p(COUNTS / COUNTS.sum(axis=1, keepdims=True) * 1e4)
    assert found.dtype == np.float32
    assert np.allclose(found, want, rtol=1e-5)
    assert are_logged_counts(found)
