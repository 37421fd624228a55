"""Rates: a burst, then so many per second, each name by itself, a bounded memory."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from falcon_svc.service import rates
from falcon_svc.service.rates import Rates
from falcon_svc.service.refusals import RequestError


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def taken(buckets, name, times):
    """How many of so many requests at once are let through."""
    for passed in range(times):
        try:
            buckets.take(name)
        except RequestError:
            return passed
    return times


@pytest.fixture
def clock():
    return Clock()


def test_a_burst_is_let_through_and_then_so_many_per_second(clock):
    buckets = Rates(2.0, 5, clock=clock)
    assert taken(buckets, "ann", 9) == 5
    clock.now += 1.0
    assert taken(buckets, "ann", 9) == 2
    clock.now += 0.4
    assert taken(buckets, "ann", 9) == 0
    clock.now += 1000
    assert taken(buckets, "ann", 9) == 5


def test_names_do_not_share(clock):
    buckets = Rates(1.0, 3, clock=clock)
    assert (taken(buckets, "ann", 9), taken(buckets, "bob", 9)) == (3, 3)


@given(st.lists(st.floats(0, 3), max_size=60))
def test_no_more_than_burst_and_rate_allow(pauses):
    clock = Clock()
    buckets, passed = Rates(2.0, 4, clock=clock), 0
    for pause in pauses:
        clock.now += pause
        passed += taken(buckets, "ann", 3)
    assert passed <= 4 + 2.0 * clock.now + 1e-6


def test_the_longest_unused_are_forgotten(clock, monkeypatch):
    monkeypatch.setattr(rates, "REMEMBERED", 3)
    buckets = Rates(1.0, 1, clock=clock)
    for name in ("a", "b", "c", "d"):
        assert taken(buckets, name, 2) == 1
    assert taken(buckets, "d", 1) == 0
    assert taken(buckets, "a", 1) == 1
