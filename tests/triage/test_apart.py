"""What sets a class apart, each figure against its formula worked out by hand."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from falcon_svc.triage.apart import CHANCE, value_lifts
from falcon_svc.types import AboutColumn


def column(codes, values=("Oslo", "Rome", "Bern"), name="city"):
    return AboutColumn(name, values, np.array(codes, np.int32))


def test_lift_share_and_counts_by_hand():
    # the class: 8 of Oslo, 2 of Rome; beside it 2 of Oslo, 28 of Rome; one sample without a city
    codes = [0] * 8 + [1] * 2 + [-1] + [0] * 2 + [1] * 28
    (found,) = value_lifts([column(codes)], np.arange(11), np.arange(41))
    assert (found.column, found.value, found.n, found.n_beside) == ("city", "Oslo", 8, 10)
    assert found.share == 0.8
    assert found.lift == pytest.approx((8 / 10) / (10 / 40))


def test_chance_finds_are_left_out_by_the_exact_probability():
    # 2 of 3 in the class have it, 3 of 8 in all: 3 of C(8, 3) draws ... counted one by one
    has = [1, 1, 0, 1, 0, 0, 0, 0]
    as_many = sum(sum(has[i] for i in draw) >= 2 for draw in combinations(range(8), 3))
    assert as_many / 56 * 2 > CHANCE
    assert value_lifts([column([0 if one else 1 for one in has])], np.arange(3), np.arange(8)) == ()


def test_rare_values_and_columns_without_a_word_are_left_out():
    codes = [0] + [1] * 19 + [1] * 60
    assert value_lifts([column(codes)], np.arange(20), np.arange(80)) == ()
    assert value_lifts([column([-1] * 80)], np.arange(20), np.arange(80)) == ()
    assert value_lifts([column([0] * 20)], np.arange(20), np.arange(20)) == ()


def test_the_largest_lift_leads():
    city = [0] * 20 + [1] * 60
    year = [0] * 20 + [0] * 20 + [1] * 40
    columns = [column(year, ("2001", "2002"), "year"), column(city)]
    found = value_lifts(columns, np.arange(20), np.arange(80))
    assert [(one.column, one.lift) for one in found] == [("city", 4.0), ("year", 2.0)]
    assert len(value_lifts(columns, np.arange(20), np.arange(80), most=1)) == 1
