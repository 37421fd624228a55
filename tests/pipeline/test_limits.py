"""A worker leaves the processor to others, also where Linux shares it out by sessions first."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from falcon_svc.pipeline.limits import AUTOGROUP

STEP_BACK = """
import os
from falcon_svc.pipeline.limits import AUTOGROUP, limit_self
from falcon_svc.settings import Settings
limit_self(Settings(worker_nice=7), "job", os.getppid())
print(os.nice(0), AUTOGROUP.read_text() if AUTOGROUP.exists() else "")
"""


def test_a_worker_and_its_session_step_back():
    done = subprocess.run(
        [sys.executable, "-c", STEP_BACK],
        capture_output=True,
        text=True,
        check=True,
        start_new_session=True,
    )
    nice, _, session = done.stdout.strip().partition(" ")
    expected = min(os.nice(0) + 7, 19)
    assert int(nice) == expected
    if not AUTOGROUP.exists():
        pytest.skip("this kernel shares the processor among processes alone")
    assert session.endswith(f"nice {expected}")
