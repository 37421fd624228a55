"""What the system refuses: file descriptors, and memory, by killing who takes it."""

from __future__ import annotations

import resource
import socket
from contextlib import suppress
from pathlib import Path

import httpx
import psutil
import pytest

from falcon_svc.engines import LocalEngine, Task
from falcon_svc.settings import Settings
from tests.api.running import wait_until
from tests.faults.history import check_history, check_nothing_left
from tests.faults.jobs import add_dataset, submit

pytestmark = pytest.mark.faults
FILES = 64
CGROUPS = Path("/sys/fs/cgroup")
LIMITS = {"memory/falcon": "memory.limit_in_bytes", "falcon": "memory.max"}  # versions 1 and 2


@pytest.fixture
def small_memory():
    """A control group with little memory, where a test may make one."""
    for name, limit in LIMITS.items():
        with suppress(OSError):
            (CGROUPS / name).mkdir()
            (CGROUPS / name / limit).write_text(str(2**27))
            yield CGROUPS / name
            (CGROUPS / name).rmdir()
            return
    pytest.skip("this process may not limit the memory of others")


def test_a_worker_that_the_kernel_kills_is_out_of_memory(tmp_path, small_memory):
    engine = LocalEngine(Settings(data_dir=tmp_path), worker="tests.faults.hog")
    greedy, killed = (Task("job", name, 1) for name in ("greedy", "killed"))
    engine.start(killed)
    engine._children[killed].kill()
    wait_until(lambda: engine._children[killed].poll() is not None)
    (ended,) = engine.ended()
    assert (ended.exit_code, ended.out_of_memory) == (-9, False)
    engine.start(greedy)
    (small_memory / "cgroup.procs").write_text(str(engine._children[greedy].pid))
    (tmp_path / "go").touch()
    wait_until(lambda: engine._children[greedy].poll() is not None, 60)
    (ended,) = engine.ended()
    assert (ended.exit_code, ended.out_of_memory) == (-9, True)


def test_an_api_without_descriptors_recovers(start):
    service = start("data", "--no-worker")
    job_id = submit(service, add_dataset(service))
    process = psutil.Process(service.process.pid)
    resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (FILES, FILES))
    idle = [socket.create_connection(("127.0.0.1", service.port)) for _ in range(2 * FILES)]
    wait_until(lambda: process.num_fds() >= FILES - 1)
    with httpx.Client(timeout=2) as other, pytest.raises(httpx.TransportError):
        other.get(service.url + "/health/live")
    for connection in idle:
        connection.close()
    wait_until(lambda: process.num_fds() < FILES - 10)
    with httpx.Client(base_url=service.url, timeout=30) as other:
        assert other.get("/health/ready").status_code == 200
        assert other.get(f"/v1/jobs/{job_id}").json()["state"] == "queued"
        assert other.post(f"/v1/jobs/{job_id}:cancel").status_code == 202
    assert process.is_running()
    check_history(service, [job_id])
    check_nothing_left(service)
