"""Counts to vectors, the usual recipe: normalise, log, variable genes, scale, PCA.

Steps and constants are scanpy's defaults (normalize_total 1e4, log1p, highly_variable_genes
"seurat" with 2,000 genes, scale to 10, PCA to 50): Wolf et al., "SCANPY", 2018; dispersions by
Satija et al., 2015. Values that are neither whole nor above 50 count as logged already.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from falcon_svc.count_recipe import (
    CLIP,
    TARGET_SUM,
    CountRecipe,
    check_counts,
    is_logged,
    unique_names,
)
from falcon_svc.data.pca import principal_components
from falcon_svc.data.refusal import refusal
from falcon_svc.types import FloatArray, IntArray

VARIABLE_GENES = 2_000
BINS = 20
COMPONENTS = 50


def fit_recipe(
    counts: Any, genes: Sequence[str], *, where: str, genes_only: bool = False
) -> CountRecipe:
    """Return the recipe of an (N, G) CSR matrix of cells by genes: at most 50 components.

    With `genes_only` it ends early, with the logs of at most 2,000 variable genes.

    Raises
    ------
    InputError
        Values that are not finite or negative; fewer than two cells or genes.
    """
    check_counts(counts.data, f"X of {where}")
    _check_shape(counts.shape, where)
    logged_already = is_logged(counts.data)
    linear = counts.expm1() if logged_already else normalise(counts)
    used = variable_genes(linear)
    logged = linear[:, used].log1p().tocsr()
    mean, deviation = _moments(logged)
    deviation[deviation == 0] = 1
    recipe = CountRecipe(unique_names(genes), used, logged_already, mean, deviation)
    if genes_only:
        return recipe

    def read(start: int, stop: int) -> FloatArray:
        block = (logged[start:stop].toarray() - mean) / deviation
        return np.asarray(np.minimum(block, CLIP), dtype=np.float32)

    found = principal_components(read, shape=logged.shape, dim=COMPONENTS, seed=0)
    return replace(recipe, offset=found.mean, rows=found.rows)


def normalise(counts: Any) -> Any:
    """Scale every cell to a sum of 10,000; cells without counts stay zero."""
    from scipy import sparse

    sums = np.asarray(counts.sum(axis=1), dtype=np.float64).ravel()
    factors = TARGET_SUM / np.where(sums > 0, sums, 1)
    return (sparse.diags(factors) @ counts).tocsr()


def variable_genes(linear: Any) -> IntArray:
    """Return the ascending columns of the 2,000 genes that vary most for their mean."""
    mean, deviation = _moments(linear)
    safe = np.maximum(mean, 1e-12)
    dispersion = np.log(np.where(deviation > 0, deviation**2 / safe, np.nan))
    score = _standardised(dispersion, np.log1p(mean))
    order = np.argsort(-np.nan_to_num(score, nan=-np.inf), kind="stable")
    return np.sort(order[:VARIABLE_GENES]).astype(np.int64)


def _standardised(dispersion: NDArray[Any], mean: NDArray[Any]) -> NDArray[Any]:
    """Return dispersions relative to the genes of similar mean, 20 bins of equal width."""
    edges = np.linspace(mean.min(), mean.max(), BINS + 1)[1:-1]
    bins = np.digitize(mean, edges, right=True)
    score = np.full(len(mean), np.nan)
    for number in np.unique(bins):
        inside = (bins == number) & ~np.isnan(dispersion)
        values = dispersion[inside]
        if values.size == 1:
            score[inside] = 1.0  # as scanpy: a gene alone in its bin
        elif values.size:
            score[inside] = (values - values.mean()) / (values.std(ddof=1) or 1.0)
    return score


def _moments(matrix: Any) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return mean and standard deviation (ddof 1) of the columns."""
    n = matrix.shape[0]
    mean = np.asarray(matrix.sum(axis=0), dtype=np.float64).ravel() / n
    square = np.asarray(matrix.multiply(matrix).sum(axis=0), dtype=np.float64).ravel() / n
    variance = np.maximum(square - mean**2, 0) * n / max(n - 1, 1)
    return mean, np.sqrt(variance)


def _check_shape(shape: tuple[int, int], where: str) -> None:
    if min(shape) < 2:
        raise refusal(
            "at least two cells and two genes",
            f"shape {shape}",
            where=f"X of {where}",
            remedy="give more data",
            code="no_data",
        )
