"""How many threads a piece of work is worth.

Place: around steps whose matrices are small however often they are multiplied: head training,
the feature space, prediction. Threads that share a product of a few milliseconds wait for each
other at its end; while another program holds a core, that wait lasts a scheduler's slice each
time, and a head that takes 3.5 s on one thread took 40 s on two.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

from threadpoolctl import threadpool_limits

SMALL_FLOP = 2e8
"""Floating-point operations of one product up to which one thread does it: about 4 ms of a core,
a scheduler's slice."""

Item = TypeVar("Item")
Answer = TypeVar("Answer")


def n_workers() -> int:
    """Return how many threads the libraries take too: `OMP_NUM_THREADS`, or one per core."""
    asked = os.environ.get("OMP_NUM_THREADS", "").split(",")[0]
    if asked.isdecimal() and int(asked) > 0:
        return int(asked)
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def in_threads(
    work: Callable[[Item], Answer],
    items: Iterable[Item],
    *,
    on_failure: Callable[[BaseException], None] = lambda _: None,
) -> Iterator[Answer]:
    """Yield the answers in the items' order, worked out by `n_workers()` threads.

    For arithmetic in batches that leaves Python alone; each item on one thread of the numerical
    libraries, so the answers are the same bits whatever the number of workers. `on_failure` is
    told what ends the work early, before those items are waited for that are being worked on.
    """
    if (most := n_workers()) == 1:
        yield from map(work, items)
        return
    with ThreadPoolExecutor(most, initializer=_alone) as pool:
        try:
            yield from pool.map(work, items)
        except BaseException as error:
            on_failure(error)
            raise


def _alone() -> None:
    """Let OpenMP use one thread in this worker: it asks every thread anew how many it may have."""
    threadpool_limits(1, user_api="openmp")


@contextmanager
def threads_for(flop: float) -> Iterator[None]:
    """Let torch, BLAS and OpenMP use one thread if a product is small, else as many as they have.

    Parameters
    ----------
    flop
        Floating-point operations of one product, 2 n k m for (n, k) times (k, m).
    """
    if flop >= SMALL_FLOP:
        yield
        return
    import torch

    before = torch.get_num_threads()
    with threadpool_limits(1):
        torch.set_num_threads(1)
        try:
            yield
        finally:
            torch.set_num_threads(before)
