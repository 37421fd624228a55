"""Classes keep who they are: overlaps, the assignment, and what becomes of the others."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from falcon_svc.triage.classes import ReviewClass
from falcon_svc.triage.identity import LEAST_OVERLAP, lineage_of, matched, overlaps

partitions = st.lists(st.tuples(st.integers(-1, 3), st.integers(-1, 3)), min_size=1, max_size=25)


def jaccard(old, new, a, b):
    both = (old >= 0) & (new >= 0)
    first, second = set(np.flatnonzero(both & (old == a))), set(np.flatnonzero(both & (new == b)))
    return len(first & second) / len(first | second) if first | second else 0.0


@settings(max_examples=60, deadline=None)
@given(partitions)
def test_overlaps_and_the_assignment_against_brute_force(pairs):
    old, new = np.array(pairs, np.int64).T
    found = overlaps(old, new)
    share = {(a, b): jaccard(old, new, a, b) for a in range(4) for b in range(4)}
    pairs = zip(found.old.tolist(), found.new.tolist(), strict=True)
    told = dict(zip(pairs, found.share.tolist(), strict=True))
    assert told == pytest.approx({pair: s for pair, s in share.items() if s > 0})
    allowed = {pair: s for pair, s in share.items() if s >= LEAST_OVERLAP}
    best = max(
        sum(allowed.get((a, order[a]), 0.0) for a in range(4))
        for order in itertools.permutations(range(4))
    )
    chosen = matched(found)
    assert np.isclose(sum(share[a, b] for b, a in chosen.items()), best)
    assert len(set(chosen.values())) == len(chosen)
    assert all(share[a, b] >= LEAST_OVERLAP for b, a in chosen.items())


def classes(*numbers):
    return {n: ReviewClass(n, f"class {n}", (0,)) for n in numbers}


def told(old, new, before, now):
    old, new = np.array(old), np.array(new)
    sizes = np.bincount(old, minlength=9), np.bincount(new, minlength=9)
    lines = lineage_of(classes(*before), classes(*now), old, new, sizes)
    return {line.id: (line.what, line.others) for line in lines}, lines


def test_each_fate_is_told():
    found, lines = told(
        old=[0] * 6 + [1] * 4 + [2] * 4 + [3] * 4,
        new=[0] * 4 + [7] * 2 + [1] * 4 + [1] * 4 + [8, 8, 0, 1],
        before=(0, 1, 2, 3),
        now=(0, 1, 7, 8, 6),
    )
    assert found == {
        "c0": ("kept", ()),
        "c1": ("kept", ()),
        "c7": ("split", ("c0",)),
        "c8": ("split", ("c3",)),
        "c6": ("born", ()),
        "c2": ("merged", ("c1",)),
        "c3": ("died", ()),
    }
    assert [line.what for line in lines] == [
        *("kept", "kept", "born", "split", "split", "merged", "died")
    ]
    first = lines[0]
    assert (first.overlap, first.n_before, first.n_now) == (round(4 / 7, 4), 6, 5)


def test_ten_thousand_classes_need_no_table_of_all_pairs():
    fine = np.arange(50_000) // 5
    renumbered = np.random.default_rng(0).permutation(10_000)[fine]
    chosen = matched(overlaps(fine, renumbered))
    assert len(chosen) == 10_000
    assert all((fine[renumbered == b] == a).all() for b, a in list(chosen.items())[:50])
