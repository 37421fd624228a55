"""What goes wrong in a job has its code, its number of tries, and the checkpoint to go on from."""

from __future__ import annotations

import faulthandler
import json
import os
import resource
import signal

import numpy as np
import pytest
import torch

from falcon_svc.discovery.training import trainer
from falcon_svc.pipeline import stages
from tests.faults.desk import Desk, resumed_epochs
from tests.faults.history import check_history
from tests.faults.jobs import TRAIN

pytestmark = pytest.mark.faults


@pytest.fixture
def desk(tmp_path):
    return Desk(tmp_path / "data", max_attempts=3)


@pytest.fixture
def dataset(desk):
    return desk.add_dataset()


def raising(error):
    def call(*_, **__):
        raise error

    return call


@pytest.mark.parametrize(
    ("error", "code", "tries"),
    [
        (MemoryError(), "out_of_memory", 2),
        (torch.OutOfMemoryError("CUDA out of memory."), "out_of_memory", 2),
        (torch.AcceleratorError("CUDA error: unspecified launch failure"), "device_lost", 3),
        (OSError(5, "Input/output error"), "storage", 3),
        (OSError(28, "No space left on device"), "storage_full", 3),
    ],
)
def test_an_error_that_stays_fails_the_job_with_its_code(
    desk, dataset, monkeypatch, error, code, tries
):
    monkeypatch.setattr(stages, "open_encoder", raising(error))
    job_id = desk.submit(dataset)
    job = desk.until_ended(job_id)
    assert (job.state, job.error["code"], job.error["cause"]) == ("failed", code, code)
    assert desk.outcomes(job_id) == [code] * tries
    assert f"{tries} attempts" in job.error["detail"] and str(desk.folder) not in str(job.error)
    check_history(desk, [job_id])


def test_the_try_after_one_without_memory_has_half_the_batch(desk, dataset, monkeypatch):
    train = trainer.train_head

    def greedy(*given, **named):
        if given[4].batch_size > 64:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return train(*given, **named)

    monkeypatch.setattr(trainer, "train_head", greedy)
    config = {**TRAIN, "train": {"epochs": 3, "batch_size": 128}}
    job = desk.until_ended(desk.submit(dataset, config))
    assert (job.state, job.attempt) == ("succeeded", 2)
    assert json.loads(desk.result(job, "discovery.json"))["config"]["train"]["batch_size"] == 64
    check_history(desk, [job.id])


def test_a_job_that_outgrows_its_limit_is_out_of_memory(desk, monkeypatch):
    """The kernel refuses, not a test: the process may have no more than it has, and 64 MiB."""
    rng = np.random.default_rng(0)
    x, path = rng.normal(size=(50_000, 256)).astype(np.float32), desk.folder.parent / "big.npz"
    np.savez(path, x=x, coarse=np.arange(len(x)) % 2)
    features = stages._features_by

    def limited(*given, **named):
        with open("/proc/self/status") as file:
            used = next(int(line.split()[1]) << 10 for line in file if line.startswith("VmData"))
        resource.setrlimit(resource.RLIMIT_DATA, (used + 2**26, used + 2**26))
        return features(*given, **named)

    monkeypatch.setattr(stages, "_features_by", limited)
    job_id = desk.submit(desk.add_dataset(path.read_bytes()), {"counts": {"n_fine": 4}})
    job = desk.until_ended(job_id)
    assert (job.state, job.error["code"]) == ("failed", "out_of_memory")
    assert desk.outcomes(job_id) == ["out_of_memory"] * 2
    check_history(desk, [job_id])


def test_a_lost_device_costs_one_epoch(desk, dataset, tmp_path, monkeypatch):
    notes = tmp_path / "notes"  # a job reaches what is there beside the data directory
    notes.mkdir()
    epoch, epochs = trainer._train_epoch, resumed_epochs(notes, monkeypatch)
    mark = notes / "lost"

    def failing(state, *given):
        if state.epoch == 4 and not mark.exists():
            mark.touch()
            raise torch.AcceleratorError("CUDA error: uncorrectable ECC error encountered")
        return epoch(state, *given)

    monkeypatch.setattr(trainer, "_train_epoch", failing)
    job = desk.until_ended(desk.submit(dataset))
    assert (job.state, desk.outcomes(job.id)) == ("succeeded", ["device_lost", "succeeded"])
    assert epochs() == [0, 4]
    check_history(desk, [job.id])


def test_losses_that_are_never_finite_end_the_job_at_once(desk, dataset, monkeypatch):
    monkeypatch.setattr(trainer, "coarse_loss", lambda child: child[:, 0] * float("nan"))
    job = desk.until_ended(desk.submit(dataset))
    assert (job.state, job.error["code"], job.attempt) == ("failed", "diverged", 1)
    check_history(desk, [job.id])


def test_losses_that_are_not_finite_once_are_got_over(desk, dataset, monkeypatch):
    coarse_loss, calls = trainer.coarse_loss, []

    def bad_once(child):
        calls.append(1)
        return coarse_loss(child) * (float("nan") if len(calls) == 3 else 1.0)

    monkeypatch.setattr(trainer, "coarse_loss", bad_once)
    job = desk.until_ended(desk.submit(dataset))
    assert (job.state, job.attempt) == ("succeeded", 1)
    check_history(desk, [job.id])


def test_a_solver_without_time_gives_what_it_has_with_its_gap(desk, dataset):
    config = {**TRAIN, "train": {"epochs": 3, "solve_limit_s": 1e-9}}
    job = desk.until_ended(desk.submit(dataset, config))
    assert job.state == "succeeded"
    relation = json.loads(desk.result(job, "discovery.json"))["relations"][0]
    assert relation["status"] in ("optimal", "feasible") and relation["gap"] >= 0
    check_history(desk, [job.id])


def test_a_solver_that_crashes_is_a_lost_worker(desk, dataset, monkeypatch):
    from falcon_svc.discovery.training import relation_step

    def crash(*_, **__):
        faulthandler.disable()
        os.kill(os.getpid(), signal.SIGSEGV)

    monkeypatch.setattr(relation_step, "solve", crash)
    job = desk.until_ended(desk.submit(dataset))
    assert (job.state, job.error["code"]) == ("failed", "max_attempts")
    check_history(desk, [job.id])


@pytest.mark.parametrize(
    ("counts", "code"),
    [
        ({"n_fine": 500}, "infeasible_constraints"),
        ({"n_fine": 6, "n_fine_per_coarse": {"land": 5, "water": 5}}, "infeasible_constraints"),
        ({"n_fine_per_coarse": {"sky": 2}}, "bad_config"),
    ],
)
def test_what_cannot_be_is_refused_once(desk, dataset, counts, code):
    job = desk.until_ended(desk.submit(dataset, {"counts": counts}))
    assert (job.state, job.attempt) == ("failed", 1)
    assert job.error["code"] == code
    check_history(desk, [job.id])
