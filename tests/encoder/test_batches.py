"""Epochs of batches: every sample once, the same again from a seed, divided among processes."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest
import torch
from torch import Tensor

from falcon_svc.encoder.moco.batches import AHEAD, Batches, Flow

SAMPLES = np.arange(22, dtype=np.float32)[:, None] * np.ones(3, np.float32)


def noisy(batch: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    noise = torch.rand(batch.shape, generator=generator)
    return batch + noise, batch


def batches(samples: np.ndarray = SAMPLES, **changes: object) -> Batches:
    given = {"batch_size": 5, "seed": 0, "device": "cpu", **changes}
    return Batches(samples, given.pop("views", noisy), **given)


def test_an_epoch_visits_every_sample_once_in_even_batches() -> None:
    made = batches()
    seen = [batch.rows for batch in made.epoch(0)]
    assert len(seen) == len(made) == 4
    assert {len(rows) for rows in seen} == {5, 6}
    assert sorted(torch.cat(seen).tolist()) == list(range(22))


def test_views_are_those_of_the_rows() -> None:
    for batch in batches().epoch(3):
        noisy_view, plain = batch.views
        assert torch.equal(plain, torch.from_numpy(SAMPLES)[batch.rows])
        assert bool(((noisy_view - plain >= 0) & (noisy_view - plain < 1)).all())


def test_epochs_and_seeds_differ_and_repeat_exactly() -> None:
    def epoch(number: int, seed: int = 0) -> list[Tensor]:
        return [batch.views[0] for batch in batches(seed=seed).epoch(number)]

    first = epoch(0)
    assert all(map(torch.equal, first, epoch(0)))
    assert not torch.equal(torch.cat(first), torch.cat(epoch(1)))
    assert not torch.equal(torch.cat(first), torch.cat(epoch(0, seed=1)))


def test_a_resumed_run_goes_on_with_the_same_batches() -> None:
    through = batches()
    whole = [batch.views[0] for number in range(3) for batch in through.epoch(number)]
    resumed = [batch.views[0] for batch in batches().epoch(2)]
    assert all(map(torch.equal, whole[-len(resumed) :], resumed))


@pytest.mark.parametrize("world_size", [2, 3])
def test_processes_divide_the_batches_of_one(world_size: int) -> None:
    samples = np.zeros((24, 1), np.float32)
    alone = batches(samples, batch_size=6).rows(1)
    shares = [
        batches(samples, batch_size=6, rank=rank, world_size=world_size).rows(1)
        for rank in range(world_size)
    ]
    for joint, parts in zip(alone, zip(*shares, strict=True), strict=True):
        assert {len(part) for part in parts} == {6 // world_size}
        assert sorted(np.concatenate(parts)) == sorted(joint)


def test_processes_get_equal_batches_whatever_the_number_of_samples() -> None:
    shares = [batches(rank=rank, world_size=3).rows(0) for rank in range(3)]
    sizes = [[len(rows) for rows in share] for share in shares]
    assert sizes[0] == sizes[1] == sizes[2]
    every = np.concatenate([rows for share in shares for rows in share])
    assert set(every) == set(range(22))
    assert len(every) == 24


def test_processes_see_different_views() -> None:
    first, second = (
        torch.cat([b.views[0] - b.views[1] for b in batches(rank=r, world_size=2).epoch(0)])
        for r in range(2)
    )
    assert not torch.equal(first, second)


def test_fewer_samples_than_a_batch_make_one_batch() -> None:
    made = batches(SAMPLES[:3], batch_size=256)
    assert [len(batch.rows) for batch in made.epoch(0)] == [3]


def test_pixels_on_disk_are_read_without_being_written(tmp_path) -> None:
    np.save(tmp_path / "pixels.npy", np.arange(40, dtype=np.uint8).reshape(10, 1, 2, 2))
    mapped = np.load(tmp_path / "pixels.npy", mmap_mode="r")
    for batch in batches(mapped, views=lambda x, _: (x,), batch_size=4).epoch(0):
        assert batch.views[0].dtype == torch.uint8
        assert torch.equal(batch.views[0], torch.from_numpy(mapped[batch.rows.numpy()].copy()))


def test_the_next_batches_are_made_while_one_is_used() -> None:
    made = []

    def count(batch: Tensor, generator: torch.Generator) -> tuple[Tensor]:
        made.append(threading.current_thread())
        return (batch,)

    stream = batches(views=count).epoch(0)
    next(stream)
    deadline = time.monotonic() + 5
    while len(made) < AHEAD + 1 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert len(made) == AHEAD + 1
    assert threading.current_thread() not in made
    stream.close()
    assert len(made) < 22


def test_an_error_in_a_view_reaches_the_loop() -> None:
    def fail(batch: Tensor, generator: torch.Generator) -> tuple[Tensor]:
        raise ValueError("no such view")

    with pytest.raises(ValueError, match="no such view"):
        list(batches(views=fail).epoch(0))


def test_the_flow_counts_samples_and_the_time_spent_waiting() -> None:
    def slow(batch: Tensor, generator: torch.Generator) -> tuple[Tensor]:
        time.sleep(0.1)
        return (batch,)

    waiting = batches(views=slow)
    list(waiting.epoch(0))
    assert waiting.flow.samples == 22
    assert 0.1 < waiting.flow.waiting_s <= waiting.flow.seconds  # 0.4 s but for stalls elsewhere


def test_the_flow_tells_speed_and_share() -> None:
    assert Flow(samples=30, seconds=2.0, waiting_s=0.5).samples_per_s == 15
    assert Flow(samples=30, seconds=2.0, waiting_s=0.5).waiting_share == 0.25
    assert Flow().samples_per_s == Flow().waiting_share == 0
