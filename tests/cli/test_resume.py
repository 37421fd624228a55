"""A run that is killed at any moment goes on with --resume and ends at the same bytes."""

from __future__ import annotations

import signal
import time

import pytest

from tests.cli.conftest import falcon, start_falcon, subset

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1_800)]
CONFIG = "[train]\nepochs = 60\nbatch_size = 64\n"
DEADLINE_S = 900
"""Patience on a machine that does much else."""


@pytest.fixture(scope="module")
def command(tmp_path_factory):
    """Everything of a run but --out: long enough to be killed in its middle."""
    folder = tmp_path_factory.mktemp("resume")
    (folder / "falcon.toml").write_text(CONFIG)
    data = subset(folder / "requests.npz", per_fine=20, n=5)
    return ("discover", data, "--config", folder / "falcon.toml", "--n-fine", 15, "--quiet")


@pytest.fixture(scope="module")
def uninterrupted(command, tmp_path_factory) -> bytes:
    out = tmp_path_factory.mktemp("whole") / "out"
    assert falcon(*command, "--out", out).code == 0
    return (out / "assignments.parquet").read_bytes()


def wait_for(work_dir, pattern: str, process) -> None:
    """Wait until a run has left such a file."""
    began = time.monotonic()
    while not list(work_dir.glob(pattern)):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() - began < DEADLINE_S
        time.sleep(0.01)


@pytest.mark.parametrize(
    "moment", ["stages/structure-balanced-1-*.s*", "stages/start-*.s*", "head-*/epoch-00002?"]
)
def test_a_killed_run_resumes_to_the_same_bytes(command, uninterrupted, tmp_path, moment):
    out, work_dir = tmp_path / "out", tmp_path / ".out.work"
    process = start_falcon(*command, "--out", out)
    wait_for(work_dir, moment, process)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=DEADLINE_S)
    assert process.returncode == -signal.SIGKILL
    assert not out.exists()
    assert falcon(*command, "--out", out, "--resume").code == 0
    assert (out / "assignments.parquet").read_bytes() == uninterrupted
    assert not work_dir.exists()


def test_control_c_says_how_to_go_on_and_other_settings_take_over_what_is_the_same(
    command, tmp_path
):
    out = tmp_path / "out"
    process = start_falcon(*command, "--out", out)
    wait_for(tmp_path / ".out.work", "head-*/epoch-00000?", process)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=DEADLINE_S)
    assert process.returncode == 130
    assert "--resume" in err
    assert "Traceback" not in err
    longer = tmp_path / "longer.toml"
    longer.write_text(CONFIG.replace("60", "5"))
    loud = [longer if part == command[3] else part for part in command if part != "--quiet"]
    done = falcon(*loud, "--out", out, "--resume")
    assert done.code == 0
    assert "stage structure: taken over" in done.err
    assert falcon(*loud, "--out", tmp_path / "anew").code == 0
    tables = [(path / "assignments.parquet").read_bytes() for path in (out, tmp_path / "anew")]
    assert tables[0] == tables[1]
