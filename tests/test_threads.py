"""Small products use one thread, large ones all, and what was set before comes back."""

from __future__ import annotations

import os

import numpy as np
import pytest
import torch
from threadpoolctl import threadpool_info

from falcon_svc.threads import SMALL_FLOP, in_threads, n_workers, threads_for


def used() -> set[int]:
    """Threads of torch and of every library that threadpoolctl knows."""
    np.ones((2, 2)) @ np.ones((2, 2))
    return {torch.get_num_threads(), *(library["num_threads"] for library in threadpool_info())}


@pytest.fixture
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def test_a_small_product_has_one_thread_and_a_large_one_keeps_all(two_threads):
    with threads_for(SMALL_FLOP - 1):
        assert used() == {1}
    assert torch.get_num_threads() == 2
    with threads_for(SMALL_FLOP):
        assert torch.get_num_threads() == 2


def test_threads_come_back_after_an_error(two_threads):
    with pytest.raises(ArithmeticError), threads_for(1.0):
        raise ArithmeticError
    assert torch.get_num_threads() == 2


@pytest.mark.parametrize(("asked", "found"), [("3", 3), ("2,1", 2)])
def test_workers_are_as_many_as_the_libraries_are_told(monkeypatch, asked, found):
    monkeypatch.setenv("OMP_NUM_THREADS", asked)
    assert n_workers() == found


@pytest.mark.parametrize("asked", ["", "0", "many"])
def test_else_there_is_one_per_core(monkeypatch, asked):
    monkeypatch.setenv("OMP_NUM_THREADS", asked)
    assert n_workers() == len(os.sched_getaffinity(0))


def test_answers_come_in_the_items_order_and_a_failure_is_told_first(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    assert list(in_threads(lambda n: n * n, range(9))) == [n * n for n in range(9)]
    told = []
    with pytest.raises(ZeroDivisionError):
        list(in_threads(lambda n: 1 // n, [1, 0, 2], on_failure=told.append))
    assert [type(error) for error in told] == [ZeroDivisionError]
