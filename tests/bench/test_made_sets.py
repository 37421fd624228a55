"""Made sets: thinned as the same seed always thins, and nulls that hold one class each."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from falcon_svc.bench.bench_set import BenchSet, in_memory
from falcon_svc.bench.made_sets import (
    KINDS,
    MOST_SINGLE,
    Made,
    noise_like,
    single_classes,
    thinned,
    unequal_rows,
)
from falcon_svc.bench.set_name import SetName
from falcon_svc.errors import ConfigError, InputError
from tests.bench.sets import save_separated

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"
NOISES = [kind for kind in KINDS if kind != "single"]


def labelled(per_fine, fine_per_coarse, dim=6, seed=0):
    """A set with these sizes; the last coarse class is skew."""
    rng, fine = np.random.default_rng(seed), np.repeat(np.arange(len(per_fine)), per_fine)
    coarse = np.repeat(np.arange(len(fine_per_coarse)), fine_per_coarse)[fine]
    x = rng.normal(size=(len(fine), dim)) @ rng.normal(size=(dim, dim)) + 5 * coarse[:, None]
    names = [f"c{q}" for q in range(len(fine_per_coarse))]
    return BenchSet("made", in_memory(x, coarse, names), fine, "none")


@pytest.mark.parametrize("seed", range(4))
def test_thinning_keeps_what_it_promises(seed):
    data = labelled([40, 3, 100, 60, 20, 7], [3, 2, 1])
    rows = unequal_rows(data.dataset.coarse.labels, data.truth, seed=seed)
    assert (np.diff(rows) > 0).all()
    kept = np.bincount(data.truth[rows], minlength=6)
    full = np.bincount(data.truth)
    stays = kept > 0
    assert (kept[stays] >= np.minimum(5, full[stays])).all() and (kept <= full).all()
    assert set(data.dataset.coarse.labels[rows].tolist()) == {0, 1, 2}


def test_equal_seeds_keep_equal_rows_and_others_do_not():
    data = labelled([40, 30, 100, 60, 20, 70], [3, 2, 1])
    first, again, other = (thinned(data, seed=seed) for seed in (1, 1, 2))
    assert first.dataset.ids == again.dataset.ids
    assert first.dataset.digest == again.dataset.digest != other.dataset.digest
    rows = [int(i) for i in first.dataset.ids]
    np.testing.assert_array_equal(first.features, data.features[rows])


def test_shares_are_log_uniform_from_a_twentieth_to_all():
    """One fine class per coarse class, so that all stay: 5 % of 10,000 rows, median 22 %."""
    fine = np.repeat(np.arange(200), 1_000)
    sizes = np.bincount(fine[unequal_rows(fine, fine, seed=0)], minlength=200)
    assert 50 <= sizes.min() < 60 and 950 < sizes.max() <= 1_000
    assert np.median(sizes) == pytest.approx(1_000 * 0.05**0.5, rel=0.2)


def test_what_is_not_labelled_is_left_out_and_empty_classes_go():
    data = labelled([10, 10, 10, 10], [2, 1, 1])
    truth = np.where(data.truth == 2, -1, data.truth)
    made = thinned(BenchSet("a", data.dataset, truth, "none"), seed=0)
    assert made.dataset.coarse.names == ("c0", "c2")
    assert set(made.truth.tolist()) <= {0, 1, 3}
    assert made.has_truth.all() and made.true_counts.max() <= 2


def test_too_little_truth_is_one_sentence():
    data = labelled([10, 10], [1, 1])
    for truth in (np.full(20, -1), np.where(data.truth == 1, -1, 0)):
        with pytest.raises(InputError, match="two coarse classes or more"):
            thinned(BenchSet("a", data.dataset, truth, "none"), seed=0)
        with pytest.raises(InputError, match="two coarse classes or more"):
            single_classes(BenchSet("a", data.dataset, truth, "none"), seed=0)


def test_single_classes_are_the_largest_of_each_coarse_class_first():
    data = labelled([40, 30, 100, 60, 20, 70], [3, 2, 1])
    made = single_classes(data, seed=0)
    assert made.true_counts.tolist() == [1] * 6
    assert made.dataset.coarse.names == ("c0 2", "c2 5", "c1 3", "c0 0", "c1 4", "c0 1")
    assert np.bincount(made.dataset.coarse.labels).tolist() == [100, 70, 60, 40, 20, 30]


def test_there_are_at_most_twenty_and_every_coarse_class_has_its_turn():
    data = labelled([12] * 60, [50, 9, 1])
    made, other = single_classes(data, seed=0), single_classes(data, seed=1)
    assert made.dataset.coarse.n_coarse == MOST_SINGLE
    assert {name.split()[0] for name in made.dataset.coarse.names} == {"c0", "c1", "c2"}
    assert made.dataset.coarse.names != other.dataset.coarse.names


@pytest.mark.parametrize("kind", NOISES)
def test_noise_has_the_mean_and_covariance_of_its_class(kind):
    data = labelled([3_000, 3_000, 3_000], [2, 1], dim=3)
    made = noise_like(data, kind, seed=0)
    assert made.true_counts.tolist() == [1, 1]
    assert made.dataset.ids == data.dataset.ids
    for rows in data.dataset.coarse.rows_by_class():
        before, after = data.features[rows], made.features[rows]
        size = np.trace(np.cov(before.T))
        assert np.linalg.norm(before.mean(axis=0) - after.mean(axis=0)) < 0.1 * size**0.5
        assert np.abs(np.cov(before.T) - np.cov(after.T)).max() < 0.2 * size


def axes_of(kind):
    """Coordinates along the principal axes of one class of noise."""
    data = labelled([20_000, 50], [1, 1], dim=3)
    rows = data.dataset.coarse.rows_by_class()[0]
    before, made = data.features[rows], noise_like(data, kind, seed=0)
    _, scale, axes = np.linalg.svd(before - before.mean(axis=0), full_matrices=False)
    spread = scale / len(rows) ** 0.5
    return (made.features[rows] - before.mean(axis=0)) @ axes.T / spread


@pytest.mark.parametrize(
    ("kind", "third", "fourth"), [("gaussian", 0, 3), ("skewed", 2, 9), ("uniform", 0, 1.8)]
)
def test_axes_have_the_moments_of_their_kind(kind, third, fourth):
    along = axes_of(kind)
    np.testing.assert_allclose(abs(np.mean(along**3, axis=0)), third, atol=0.2)
    np.testing.assert_allclose(np.mean(along**4, axis=0), fourth, rtol=0.25)


def test_heavy_axes_are_students_t_with_three_degrees():
    """P(|T| > 5) = 0.0154 for three degrees, and the scale makes the variance one."""
    beyond = (np.abs(axes_of("heavy")) > 5 / 3**0.5).mean()
    assert beyond == pytest.approx(0.0154, rel=0.15)


def test_noise_spans_no_more_than_its_class_and_copes_with_one_sample():
    data = labelled([4, 1, 30], [1, 1, 1], dim=6)
    made = noise_like(data, "gaussian", seed=0)
    few, one, _ = data.dataset.coarse.rows_by_class()
    basis = (data.features[few] - data.features[few].mean(axis=0)).astype(np.float64)
    drawn = (made.features[few] - data.features[few].mean(axis=0)).astype(np.float64)
    assert np.linalg.matrix_rank(np.r_[basis, drawn], tol=1e-3) == 3
    np.testing.assert_allclose(made.features[one], data.features[one], rtol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_nulls_are_named_and_seeded(kind, tmp_path):
    path = save_separated(tmp_path / "a.npz")
    name = SetName.parse(f"{path}@null={kind},seed=1")
    assert name.made == Made(null=kind, seed=1)
    data, again = name.load(), SetName.parse(f"{path}@null={kind},seed=1").load()
    assert data.name == f"a (null={kind},seed=1)"
    assert data.dataset.digest == again.dataset.digest
    assert data.n_fine == data.dataset.coarse.n_coarse == (6 if kind == "single" else 3)


def test_a_set_may_be_thinned_and_then_made_null(tmp_path):
    path = save_separated(tmp_path / "a.npz")
    data = SetName.parse(f"{path}@thin=0,null=uniform").load()
    thin = SetName.parse(f"{path}@thin=0").load()
    assert len(data.dataset) == len(thin.dataset) < 210
    assert data.true_counts.tolist() == [1, 1, 1]


@pytest.mark.parametrize("options", ["thin=-1", "thin=soon", "null=cauchy", "seed=1", "thin=1.5"])
def test_wrong_wishes_are_one_sentence(tmp_path, options):
    path = save_separated(tmp_path / "a.npz")
    with pytest.raises(ConfigError, match=options.partition("=")[0]):
        SetName.parse(f"{path}@{options}")


@pytest.mark.shared
@pytest.mark.parametrize("seed", range(3))
def test_rows_are_those_of_the_script(seed):
    script = SHARED / "make_unequal.py"
    if not script.exists():
        pytest.skip("the data sets are not there")
    spec = importlib.util.spec_from_file_location("make_unequal", script)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for name in ("clinc150", "slurp", "anuran", "pbmc68k"):
        with np.load(SHARED / f"{name}.npz") as arrays:
            coarse, fine = arrays["coarse"], arrays["fine"]
        np.testing.assert_array_equal(
            unequal_rows(coarse, fine, seed=seed), module.keep(coarse, fine, seed)
        )
        data = SetName.parse(f"{SHARED / name}.npz@thin={seed}").load()
        assert [int(i) for i in data.dataset.ids] == module.keep(coarse, fine, seed).tolist()
