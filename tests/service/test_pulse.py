"""The health check of a worker: steps that were made just now, by its lock file."""

from __future__ import annotations

import os
import time

import pytest

from falcon_svc.errors import ConfigError
from falcon_svc.service.operations.pulse import SILENT_S, beat, check_at_work, lock_file
from falcon_svc.service.operations.supervisor import hold_lock
from falcon_svc.settings import Settings


@pytest.fixture
def settings(tmp_path):
    return Settings(data_dir=tmp_path)


def test_a_folder_without_a_supervisor_has_none_at_work(settings):
    with pytest.raises(ConfigError, match="falcon worker") as refused:
        check_at_work(settings)
    assert refused.value.code == "not_at_work"


def test_a_supervisor_is_at_work_from_its_lock_and_by_its_steps(settings):
    descriptor = hold_lock(settings)
    check_at_work(settings)
    _last_step(settings, SILENT_S + 1)
    with pytest.raises(ConfigError):
        check_at_work(settings)
    beat(settings)
    check_at_work(settings)
    os.close(descriptor)


def _last_step(settings, seconds_ago):
    at = time.time() - seconds_ago
    os.utime(lock_file(settings), (at, at))
