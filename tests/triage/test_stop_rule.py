"""The stop rule against brute force over all draws."""

from __future__ import annotations

from fractions import Fraction
from itertools import combinations
from math import comb

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from falcon_svc.errors import InputError
from falcon_svc.triage.stop_rule import rows_to_look_at, sampling_plan, worst_wrong


def passes(n_samples: int, wrong: int, n_look: int, most_wrong: int) -> Fraction:
    """Share of all draws of `n_look` that hold at most `most_wrong` wrong ones, by counting."""
    draws = combinations(range(n_samples), n_look)
    good = sum(sum(i < wrong for i in draw) <= most_wrong for draw in draws)
    return Fraction(good, comb(n_samples, n_look))


@settings(max_examples=60, deadline=None)
@given(
    n=st.integers(1, 11),
    c=st.integers(0, 3),
    purity=st.sampled_from([0.5, 0.7, 0.8, 0.9, 0.95]),
    confidence=st.sampled_from([0.6, 0.8, 0.95]),
)
def test_the_plan_is_the_least_that_keeps_its_promise(n, c, purity, confidence):
    plan = sampling_plan(n, most_wrong=c, purity=purity, confidence=confidence)
    share = Fraction(str(purity))
    impure = [d for d in range(n + 1) if Fraction(n - d, n) < share]
    assert worst_wrong(n, purity) == (impure[0] if impure else n + 1)
    if not impure:
        return
    allowed = 1 - Fraction(str(confidence))
    if plan.n_look < n:
        assert all(passes(n, d, plan.n_look, c) <= allowed for d in impure)
    if plan.n_look > 1:
        assert passes(n, impure[0], plan.n_look - 1, c) > allowed


def test_known_figures():
    assert sampling_plan(10**6).n_look == 29  # 0.9 ** 29 < 0.05 < 0.9 ** 28
    assert sampling_plan(1).n_look == 1
    assert "Look at 29 of 1,000,000; with none wrong" in sampling_plan(10**6).sentence()


@pytest.mark.parametrize("wrong", [{"n_samples": 0}, {"purity": 1.0}, {"confidence": 0}])
def test_numbers_out_of_range_are_told(wrong):
    with pytest.raises(InputError, match=r"\.$"):
        sampling_plan(**{"n_samples": 10, **wrong})


def test_rows_are_drawn_from_the_class():
    rows = np.arange(100, 200)
    drawn = rows_to_look_at(rows, sampling_plan(100), seed=1)
    assert len(drawn) == sampling_plan(100).n_look
    assert set(drawn) <= set(rows)
    assert (drawn == rows_to_look_at(rows[::-1], sampling_plan(100), seed=1)).all()
