"""What ends an attempt has a code, a sentence without paths, and a bound."""

from __future__ import annotations

import errno

import pytest
import torch

from falcon_svc.config import make_config
from falcon_svc.errors import ConfigError, DeviceError, DivergedError, InputError, StorageError
from falcon_svc.worker.failures import failure_of, with_smaller_batches


def disk(number):
    return OSError(number, "somewhere", "/srv/secret")


@pytest.mark.parametrize(
    ("error", "code", "most"),
    [
        (InputError("x."), "bad_input", 1),
        (ConfigError("x.", code="infeasible_counts"), "infeasible_counts", 1),
        (DivergedError("x."), "diverged", 1),
        (DeviceError("x."), "no_such_device", 1),
        (StorageError("x.", code="artifact_missing"), "artifact_missing", 1),
        (StorageError("in /srv/secret."), "storage", None),
        (StorageError.because("/srv/secret", disk(errno.EDQUOT), remedy="."), "storage_full", None),
        (disk(errno.ENOSPC), "storage_full", None),
        (disk(errno.EIO), "storage", None),
        (disk(errno.EROFS), "storage", None),
        (MemoryError(), "out_of_memory", 2),
        (torch.OutOfMemoryError("CUDA out of memory."), "out_of_memory", 2),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: 4 bytes"), "out_of_memory", 2),
        (torch.AcceleratorError("CUDA error: an illegal memory access"), "device_lost", None),
        (RuntimeError("CUDA error: unspecified launch failure\nmore"), "device_lost", None),
    ],
)
def test_every_kind_of_end_has_its_code_and_its_bound(error, code, most):
    failure = failure_of(error)
    assert (failure.code, failure.most) == (code, most)
    assert failure.detail.endswith(".") and "/srv" not in failure.detail


@pytest.mark.parametrize(
    "error",
    [RuntimeError("shapes differ"), KeyError("x"), ValueError("CUDA error"), disk(errno.ENOENT)],
)
def test_mistakes_of_ours_stay_tracebacks(error):
    assert failure_of(error) is None


def test_too_little_memory_is_all_the_memory_there_was():
    with pytest.raises(RuntimeError) as raised:
        torch.empty(2**60, dtype=torch.uint8)
    assert failure_of(raised.value).code == "out_of_memory"


def test_batches_are_halved_once_per_time_and_never_empty():
    five = {"batch_size": 5}
    config = make_config({"train": five, "joint": five, "encoder": {"moco": five}})
    halved = [with_smaller_batches(config, times) for times in range(4)]
    assert [c.train.batch_size for c in halved] == [5, 2, 1, 1]
    assert [c.joint.batch_size for c in halved] == [5, 2, 1, 1]
    assert [c.encoder.moco.batch_size for c in halved] == [5, 2, 1, 1]
