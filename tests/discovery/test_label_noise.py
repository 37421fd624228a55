"""Wrong coarse labels: the mixture against a plain one, planted errors, what is withheld."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import check_grad
from scipy.special import softmax

from falcon_svc.config import make_config
from falcon_svc.discovery.labels import mixture as label_mixture
from falcon_svc.discovery.labels.config import LabelConfig
from falcon_svc.discovery.labels.evidence import LabelEvidence, Witnesses, neighbor_weights, scaled
from falcon_svc.discovery.labels.mixture import (
    FLOOR,
    LabelMixture,
    even_transition,
    first_mixture,
    log_class_prob,
)
from falcon_svc.discovery.labels.noise import (
    MODEL_ERROR,
    can_judge,
    expected_interval,
    find_label_noise,
    withheld,
)
from falcon_svc.errors import ConfigError
from falcon_svc.types import LabelSource


def planted(seed=0, n=1500, n_coarse=4, per_coarse=3, dim=12, spread=3.0):
    """Blobs, three to a coarse class, so that a coarse class has several modes."""
    rng = np.random.default_rng(seed)
    fine = rng.integers(0, n_coarse * per_coarse, n)
    centres = rng.normal(size=(n_coarse * per_coarse, dim)) * spread
    x = (centres[fine] + rng.normal(size=(n, dim))).astype(np.float32)
    return x, (fine % n_coarse).astype(np.int64)


def source_of(labels, n_coarse=4):
    return LabelSource("coarse", labels, tuple("abcdefghij"[:n_coarse]))


def moved(labels, rate, seed=1, n_coarse=4):
    rng = np.random.default_rng(seed)
    rows = rng.permutation(len(labels))[: round(rate * len(labels))]
    out = labels.copy()
    out[rows] = (labels[rows] + rng.integers(1, n_coarse, len(rows))) % n_coarse
    return out


def evidence_of(prob):
    return LabelEvidence(np.log(prob).astype(np.float32), prob.astype(np.float32))


@pytest.fixture(scope="module")
def noisy():
    x, labels = planted()
    wrong = moved(labels, 0.1)
    return x, labels, wrong, find_label_noise(x, source_of(wrong), None, seed=0)


def test_wrong_labels_are_found_and_the_right_ones_proposed(noisy):
    _, labels, wrong, noise = noisy
    bad = wrong != labels
    assert noise.rate == pytest.approx(0.1, abs=0.015)
    assert noise.low < 0.1 < noise.high
    assert bad[noise.suspected].mean() > 0.95
    assert len(noise.suspected) == pytest.approx(bad.sum(), rel=0.1)
    assert (noise.proposed[noise.suspected] == labels[noise.suspected]).mean() > 0.95


def test_suspects_are_ranked_and_numbers_add_up(noisy):
    _, _, wrong, noise = noisy
    doubt = noise.wrong_probability[noise.suspected]
    assert (np.diff(doubt) <= 0).all() and (doubt > 0.5).all()
    assert noise.expected.sum() == pytest.approx(noise.wrong_probability.sum(), rel=1e-5)
    assert noise.rate == pytest.approx(noise.wrong_probability.mean(), rel=1e-5)
    assert (noise.expected_low <= noise.expected).all()
    assert (noise.expected <= noise.expected_high).all()
    assert (noise.proposed != wrong).all()
    assert (noise.proposed_probability <= noise.wrong_probability + 1e-6).all()


def test_probabilities_are_calibrated():
    """Among labels said to be wrong at p, a share p is: summed over bins of 200."""
    x, labels = planted(n=3000, spread=1.2)
    wrong = moved(labels, 0.2)
    noise = find_label_noise(x, source_of(wrong), None, seed=0)
    order = np.argsort(noise.wrong_probability)
    bins = np.array_split(order, 15)
    said = np.array([noise.wrong_probability[b].mean() for b in bins])
    true = np.array([(wrong != labels)[b].mean() for b in bins])
    assert np.abs(said - true).mean() < 0.04


@pytest.mark.parametrize("spread", [3.0, 1.0, 0.3, 0.0])
def test_overlap_of_classes_is_no_error(spread):
    """Right labels of classes that overlap a little or wholly are not taken for wrong ones."""
    x, labels = planted(spread=spread)
    noise = find_label_noise(x, source_of(labels), None, seed=0)
    assert noise.rate < 0.05
    assert noise.low == 0
    assert len(noise.suspected) < 0.01 * len(x)


@pytest.mark.parametrize("n_coarse", [2, 3])
def test_few_clear_classes_show_their_wrong_labels(n_coarse):
    """With few classes an even error looks much like a floor of doubt; it is found all the same."""
    x, labels = planted(n_coarse=n_coarse)
    wrong = moved(labels, 0.2, n_coarse=n_coarse)
    noise = find_label_noise(x, source_of(wrong, n_coarse), None, seed=0)
    assert noise.rate == pytest.approx(0.2, abs=0.03)


def test_a_given_rate_is_kept_to():
    x, labels = planted()
    wrong = moved(labels, 0.1)
    free = find_label_noise(x, source_of(wrong), None, seed=0)
    small = find_label_noise(x, source_of(wrong), 0.02, seed=0)
    assert small.given and not free.given
    assert small.rate < free.rate
    assert find_label_noise(x, source_of(labels), 0.0, seed=0).rate < 1e-6


def test_unlabelled_samples_are_not_judged_and_change_nothing_else():
    x, labels = planted()
    wrong = moved(labels, 0.1)
    some = wrong.copy()
    some[::3] = -1
    noise = find_label_noise(x, source_of(some), None, seed=0)
    assert np.isnan(noise.wrong_probability[::3]).all() and (noise.proposed[::3] == -1).all()
    rest = np.arange(len(x)) % 3 > 0
    alone = find_label_noise(x[rest], source_of(wrong[rest]), None, seed=0)
    assert np.array_equal(noise.wrong_probability[rest], alone.wrong_probability)


def test_the_same_seed_gives_the_same_answer(noisy):
    x, _, wrong, noise = noisy
    again = find_label_noise(x, source_of(wrong), None, seed=0)
    assert np.array_equal(noise.wrong_probability, again.wrong_probability)
    assert np.array_equal(noise.proposed, again.proposed)


def test_what_cannot_be_judged_is_said_so():
    x, labels = planted(n=40)
    assert find_label_noise(x, source_of(np.zeros_like(labels), 1), None, seed=0) is None
    assert not can_judge(100, 1) and not can_judge(7, 2) and not can_judge(10**6, 10**4)
    assert can_judge(10**6, 200) and not can_judge(10**6, 201)


def test_a_class_that_a_fold_never_saw_breaks_nothing():
    x, labels = planted(n=200)
    rare = labels.copy()
    rare[0] = 4
    noise = find_label_noise(x, source_of(rare, 5), None, seed=0)
    assert np.isfinite(noise.wrong_probability).all()


def test_withheld_labels_are_the_suspected_ones(noisy):
    _, _, wrong, noise = noisy
    believed = withheld(source_of(wrong), noise, np.ones(4, np.int64))
    gone = np.flatnonzero(believed.labels < 0)
    assert gone.tolist() == sorted(noise.suspected.tolist())
    kept = believed.labels >= 0
    assert np.array_equal(believed.labels[kept], wrong[kept])
    source = source_of(wrong)
    assert withheld(source, None, np.ones(4, np.int64)) is source


def test_a_coarse_class_keeps_half_its_labels_and_one_per_fine_class(noisy):
    _, _, wrong, noise = noisy
    all_wrong = replace(noise, wrong_probability=np.linspace(0.6, 0.9, len(wrong)))
    believed = withheld(source_of(wrong), all_wrong, np.ones(4, np.int64))
    sizes, left = np.bincount(wrong), np.bincount(believed.labels[believed.labels >= 0])
    assert np.array_equal(left, sizes - sizes // 2)
    assert believed.labels[0] >= 0  # the least suspected of its class stays
    needy = withheld(source_of(wrong), all_wrong, sizes)
    assert np.array_equal(needy.labels, wrong)


def test_mixture_is_bayes_rule_by_hand():
    """Two classes, p = (.9, .1), labels wrong at 20 %: seen as the second, .36 / .52... by hand."""
    prob = np.array([[0.9, 0.1]])
    mixture = LabelMixture(np.array([0.0, -20.0]), even_transition(2, 0.2))
    found = mixture.posterior(evidence_of(prob), np.array([1]))
    assert found[0] == pytest.approx([0.9 * 0.2 / (0.9 * 0.2 + 0.1 * 0.8), 0.08 / 0.26], rel=1e-3)


def test_mixture_finds_a_transition_that_it_is_drawn_from():
    rng = np.random.default_rng(0)
    transition = np.array([[0.9, 0.1, 0.0], [0.0, 1.0, 0.0], [0.0, 0.3, 0.7]])
    prob = softmax(rng.normal(size=(6_000, 3)) * 4, axis=1)
    true = (prob.cumsum(axis=1) > rng.random((len(prob), 1))).argmax(axis=1)
    seen = (transition[true].cumsum(axis=1) > rng.random((len(prob), 1))).argmax(axis=1)
    found = first_mixture(evidence_of(prob), seen, None)
    assert np.abs(found.transition - transition).max() < 0.06


def test_mixture_never_loses_likelihood_and_its_slope_is_right():
    rng = np.random.default_rng(0)
    prob = softmax(rng.normal(size=(400, 3)) * 2, axis=1)
    labels = prob.argmax(axis=1)
    labels[:40] = (labels[:40] + 1) % 3
    evidence = evidence_of(prob)
    start = LabelMixture(np.zeros(2), even_transition(3, 0.05))
    end = label_mixture.fit_mixture(start, evidence, labels, None)
    assert end.log_likelihood(evidence, labels) > start.log_likelihood(evidence, labels)
    assert end.transition.sum(axis=1) == pytest.approx(1)
    value, slope = label_mixture.loss_of(evidence, labels, start.transition)
    assert check_grad(value, slope, np.array([0.3, -0.4])) < 1e-5


def test_log_class_prob_is_a_product_of_powers():
    prob = np.array([[0.7, 0.2, 0.1]])
    plain = prob**0.5 * (prob + FLOOR) ** 2.0
    found = np.exp(log_class_prob(np.log([0.5, 2.0]), evidence_of(prob)))
    assert found == pytest.approx(plain / plain.sum(), rel=1e-5)


def test_interval_of_certain_labels_is_the_models_error_only():
    wrong, labels = np.zeros(100), np.repeat([0, 1], 50)
    wrong[:5] = 1
    low, high = expected_interval(wrong, labels, 2)
    assert low == pytest.approx([5 - 50 * MODEL_ERROR, 0])
    assert high == pytest.approx([5 + 50 * MODEL_ERROR, 50 * MODEL_ERROR])


def test_interval_holds_the_number_of_wrong_labels():
    inside = 0
    for seed in range(8):
        x, labels = planted(seed=seed, n=600, spread=2.0)
        wrong = moved(labels, 0.1, seed=seed)
        noise = find_label_noise(x, source_of(wrong), None, seed=0)
        inside += noise.low * len(x) <= (wrong != labels).sum() <= noise.high * len(x)
    assert inside >= 7


def test_evidence_never_sees_the_own_label():
    """One label changed: all that is said of that very sample stays as it was."""
    x, labels = planted(n=300)
    witnesses = Witnesses(x, seed=0)
    believed = np.ones(len(x), np.bool_)
    other = labels.copy()
    other[7] = (labels[7] + 1) % 4
    first = witnesses.ask(labels, 4, believed)
    second = witnesses.ask(other, 4, believed)
    assert np.array_equal(first.votes[7], second.votes[7])
    assert np.array_equal(first.linear[7], second.linear[7])
    assert not np.array_equal(first.votes, second.votes)


def test_labels_that_are_not_believed_have_no_vote():
    x, labels = planted(n=300)
    believed = np.random.default_rng(0).random(len(x)) < 0.8
    other = np.where(believed, labels, (labels + 1) % 4)
    first, second = (Witnesses(x, seed=0).ask(z, 4, believed) for z in (labels, other))
    assert np.array_equal(first.votes, second.votes)
    assert np.array_equal(first.linear, second.linear)


def test_space_has_unit_mean_variance_and_weights_fall_with_distance():
    x, _ = planted(n=400)
    assert scaled(x, seed=0).var(axis=0, ddof=1).mean() == pytest.approx(1, rel=1e-4)
    weights = neighbor_weights(np.eye(3, dtype=np.float32), np.array([[0, 1], [1, 2], [2, 0]]))
    assert weights[:, 0] == pytest.approx(1) and weights[:, 1] == pytest.approx(np.exp(-1))


@pytest.mark.parametrize("value", ["auto", "none", 0, 0.1])
def test_settings_that_are_accepted(value):
    assert LabelConfig(coarse_noise=value).judged == (value != "none")


@pytest.mark.parametrize("value", ["some", "0.1", 0.5, -0.1, True])
def test_settings_that_are_refused_by_name(value):
    with pytest.raises(ConfigError, match="coarse_noise"):
        make_config({"labels": {"coarse_noise": value}})
