"""Which predictions a wanted precision lets through: by hand, by counting, at its edges."""

from __future__ import annotations

import numpy as np
import pytest

from falcon_svc.errors import ConfigError, InputError
from falcon_svc.result.surety import ANY, LEVELS, Demand, Surety, abstains, curve

RNG = np.random.default_rng(0)


def measured(n: int = 200, coarse_steps: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Confidences of n samples (of few values: ties) and whether the class is the assigned one."""
    confidence = RNG.uniform(0.2, 1, n)
    confidence = (confidence * 10).round() / 10 if coarse_steps else confidence
    return confidence.astype(np.float32), RNG.uniform(size=n) < confidence + 0.3


def test_a_hand_case():
    found = curve(np.array([0.9, 0.5, 0.7, 0.9], "f4"), np.array([True, True, False, True]))
    np.testing.assert_allclose(found[0], [0.9, 0.7, 0.5])  # the two of 0.9 come together
    np.testing.assert_allclose(found[1], [0.9, (0.9 + 0.9) / 3, (0.9 + 0.9 + 0.5) / 4], rtol=1e-6)
    surety = Surety(found, found)
    assert surety.least(0.8) == pytest.approx((0.9, 0.9))
    assert surety.least(0.55) == pytest.approx((0.5, 0.5))
    assert surety.least(0.95) == (np.inf, np.inf)


@pytest.mark.parametrize("ties", [False, True])
def test_precision_is_what_counting_gives(ties):
    confidence, right = measured(coarse_steps=ties)
    levels, precision = curve(confidence, right)
    for level, found in zip(levels, precision, strict=True):
        kept = confidence >= level
        expected = sum(p if r else 0 for p, r in zip(confidence[kept], right[kept], strict=True))
        assert found == pytest.approx(expected / kept.sum(), rel=1e-5)
    assert len(levels) == len(np.unique(confidence))
    assert (np.diff(levels) < 0).all()


@pytest.mark.parametrize("wanted", [0.5, 0.6, 0.7, 0.8])
def test_the_least_confidence_is_the_lowest_that_reaches_it(wanted):
    confidence, right = measured()
    surety = Surety(curve(confidence, right), curve(confidence, right))
    least, _ = surety.least(wanted)
    reach = [
        c for c in confidence if np.where(right, confidence, 0)[confidence >= c].mean() >= wanted
    ]
    assert least == pytest.approx(min(reach, default=np.inf))


def test_long_curves_are_thinned_and_keep_both_ends():
    confidence, right = measured(n=5_000)
    levels, precision = curve(confidence, right)
    assert (
        len(levels) == LEVELS and levels[0] == confidence.max() and levels[-1] == confidence.min()
    )
    assert precision[-1] == pytest.approx(np.where(right, confidence, 0).mean(), rel=1e-5)


def test_labels_and_the_plain_threshold_both_count():
    surety = Surety(np.array([[0.9, 0.5], [0.9, 0.8]], "f4"), np.array([[0.9], [0.9]], "f4"))
    confidence, labelled = np.array([0.6, 0.6, 0.95, 0.4]), np.array([True, False, False, True])
    found, notes = abstains(surety, Demand(precision=0.8), confidence, labelled)
    assert found.tolist() == [False, True, False, True]
    assert [note.code for note in notes] == ["estimated_precision"]
    assert "label from confidence 0.50 on, and of others from confidence 0.90 on" in notes[0].text
    found, _ = abstains(surety, Demand(0.7, 0.8), confidence, labelled)
    assert found.tolist() == [True, True, False, True]
    found, notes = abstains(surety, Demand(0.5), confidence, labelled)
    assert found.tolist() == [False, False, False, True] and notes == ()
    found, notes = abstains(surety, Demand(precision=0.99), confidence, labelled)
    assert found.all() and "label never, and of others never" in notes[0].text


def test_a_model_of_before_knows_no_precision():
    sure = np.array([0.6])
    assert not abstains(None, ANY, sure, np.array([True]))[0].any()
    with pytest.raises(InputError, match="run the discovery again"):
        abstains(None, Demand(precision=0.9), sure, np.array([True]))


@pytest.mark.parametrize(
    "demand", [(-0.1, None), (1.1, None), (np.nan, None), (0, 0), (0, 1), (0, np.nan)]
)
def test_numbers_outside_their_range_are_refused(demand):
    with pytest.raises(ConfigError, match=r"^Expected a .* (between|above) .*; choose one"):
        Demand(*demand)


def test_it_is_kept_whole():
    surety = Surety(curve(*measured()), curve(*measured(coarse_steps=True)))
    again = Surety.stored(surety.tensors())
    assert np.array_equal(again.labelled, surety.labelled)
    assert Surety.stored({}) is None
