"""New cells by an earlier recipe: by gene name, never fitted again."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from falcon_svc.count_recipe import CountRecipe, unique_names
from falcon_svc.data.formats.singlecell import fit_recipe
from falcon_svc.errors import InputError

RNG = np.random.default_rng(5)
COUNTS = RNG.negative_binomial(1, 0.3, (60, 40)).astype(np.float32) + 1
GENES = [f"g{k}" for k in range(40)]
NEW = RNG.negative_binomial(1, 0.3, (7, 40)).astype(np.float32) + 1
RECIPE = fit_recipe(sparse.csr_matrix(COUNTS), GENES, where="test")


def projected(counts: np.ndarray) -> np.ndarray:
    logs = np.log1p(counts / counts.sum(axis=1, keepdims=True) * 1e4)[:, RECIPE.used]
    scaled = np.minimum((logs - RECIPE.mean) / RECIPE.deviation, 10)
    return (scaled - RECIPE.offset) @ RECIPE.rows.T


def test_new_cells_follow_the_formula_whatever_their_order_and_other_genes() -> None:
    want = projected(NEW.astype(float))
    assert np.allclose(RECIPE.apply(NEW, GENES, where="test"), want, atol=1e-4)
    assert np.allclose(RECIPE.apply(sparse.csr_matrix(NEW), GENES, where="test"), want, atol=1e-4)
    order = RNG.permutation(40)
    wide = np.column_stack([NEW[:, order], np.full(7, 1000.0)])
    names = [*(GENES[k] for k in order), "virus"]
    assert np.allclose(RECIPE.apply(wide, names, where="test"), want, atol=1e-4)


def test_one_cell_is_as_it_is_among_others() -> None:
    alone = RECIPE.apply(NEW[:1], GENES, where="test")
    assert np.allclose(alone, RECIPE.apply(NEW, GENES, where="test")[:1], atol=1e-6)


def test_a_missing_gene_is_refused_by_name() -> None:
    with pytest.raises(InputError, match=r"all but 'g3' in x.h5ad; add these columns") as caught:
        RECIPE.apply(np.delete(NEW, 3, axis=1), np.delete(GENES, 3).tolist(), where="x.h5ad")
    assert caught.value.code == "missing_features"


def test_genes_that_only_the_sizes_miss_are_told() -> None:
    recipe = CountRecipe(("a", "b", "c"), np.array([0, 1]), False, np.zeros(2), np.ones(2))
    assert recipe.notes(["a", "b", "c", "d"]) == ()
    (note,) = recipe.notes(["b", "a"])
    assert note.code == "missing_genes" and "1 of the 3 genes" in note.text and "'c'" in note.text
    found = recipe.apply(np.array([[3.0, 1.0]]), ["b", "a"], where="test")
    assert np.allclose(found, np.log1p([[2500.0, 7500.0]]))


def test_logs_where_counts_are_expected_are_refused_and_the_other_way_round() -> None:
    logs = np.log1p(COUNTS / COUNTS.sum(axis=1, keepdims=True) * 1e4).astype(np.float32)
    with pytest.raises(InputError, match=r"Expected counts, .* found logarithms"):
        RECIPE.apply(logs, GENES, where="test")
    logged = fit_recipe(sparse.csr_matrix(logs), GENES, where="test")
    with pytest.raises(InputError, match=r"Expected logarithms .* found counts"):
        logged.apply(NEW, GENES, where="test")
    assert np.isfinite(logged.apply(logs[:2], GENES, where="test")).all()


@pytest.mark.parametrize(("value", "code"), [(-1.0, "not_counts"), (np.nan, "non_finite")])
def test_what_is_no_count_is_refused(value: float, code: str) -> None:
    bad = NEW.copy()
    bad[2, 2] = value
    with pytest.raises(InputError) as caught:
        RECIPE.apply(bad, GENES, where="test")
    assert caught.value.code == code


def test_a_recipe_is_kept_whole() -> None:
    again = CountRecipe.of(RECIPE.document(), RECIPE.tensors())
    same = again.apply(NEW, GENES, where="test") == RECIPE.apply(NEW, GENES, where="test")
    assert same.all() and again.used_genes == RECIPE.used_genes


def test_repeated_gene_names_are_told_apart_in_their_order() -> None:
    assert unique_names(["a", "b", "a", "a"]) == ("a", "b", "a-1", "a-2")
    assert unique_names(["a", "a", "a-1"]) == ("a", "a-2", "a-1")
    assert unique_names(["a-1", "a", "a"]) == ("a-1", "a", "a-2")
