"""What keeps a service from starting is one sentence and exit code 2, before anything is served."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys

import pytest

from falcon_svc.cli.listening import listen
from falcon_svc.errors import ConfigError
from tests.api.running import wait_until


def serve(folder, **settings):
    own = {f"FALCON_{name.upper()}": str(value) for name, value in settings.items()}
    command = [sys.executable, "-m", "falcon_svc.cli.main", "serve", "--data-dir", str(folder)]
    return subprocess.run(
        command, env={**os.environ, **own}, capture_output=True, text=True, check=False, timeout=60
    )


def test_a_second_service_of_one_data_directory_does_not_start(service):
    done = serve(service.folder, port=0, lock_wait_s=0)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: Expected one supervisor per data directory")
    assert done.stderr.count("\n") == 1 and str(service.folder) in done.stderr


def test_a_port_that_is_taken_is_a_sentence(service, tmp_path):
    done = serve(tmp_path / "other", port=service.port)
    assert (done.returncode, done.stdout) == (2, "")
    assert "--port" in done.stderr and done.stderr.count("\n") == 1
    assert not (tmp_path / "other").exists()


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_a_port_of_our_own_is_listened_on(host):
    with listen(host, 0) as place:
        port = place.getsockname()[1]
        socket.create_connection((host, port), 5).close()
        with pytest.raises(ConfigError) as refused:
            listen(host, port)
    assert refused.value.code == "port_taken"


def test_an_address_of_another_machine_is_a_sentence():
    with pytest.raises(ConfigError, match=r"192\.0\.2\.1"):
        listen("192.0.2.1", 8000)


def test_a_service_says_nothing_while_nothing_is_wrong(service):
    first, *more = service.log.read_text().splitlines()
    assert first.startswith(f"{service.url} serves ")
    assert not [line for line in more if "alembic" in line]


def test_a_service_is_ready_once_its_worker_is_and_tells_of_its_end(service):
    """A killed worker shows in readiness, is started again, and is counted."""
    assert "falcon_worker_restarts_total 0.0" in service.http.get("/metrics").text
    import psutil

    (supervisor,) = [
        pid
        for pid in service.descendants()
        if "falcon_svc.service.operations.supervise" in psutil.Process(pid).cmdline()
    ]
    os.kill(supervisor, signal.SIGKILL)
    wait_until(lambda: service.http.get("/health/ready").status_code == 503, 10, 0.01)
    assert service.http.get("/health/ready").json()["code"] == "not_at_work"
    assert service.http.get("/health/live").status_code == 200
    wait_until(lambda: service.http.get("/health/ready").status_code == 200)
    assert "falcon_worker_restarts_total 1.0" in service.http.get("/metrics").text
