"""A container of the compose file as a process of this machine: its command, its environment."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from tests.architecture.sources import ROOT
from tests.docker.files import compose, dockerfile, interpolated

GRACE_S = 30


class Container:
    """A service of the compose file.

    Parameters
    ----------
    name
        Of the service, whose image is one of ours.
    outside
        Variables of the shell in which `docker compose` would run.
    inside
        What is elsewhere on this machine: the volume, the port, the database's address.
    folder
        For its log.
    """

    def __init__(
        self, name: str, outside: dict[str, str], inside: dict[str, str], folder: Path
    ) -> None:
        self.file = dockerfile(name)
        given = compose()["services"][name]["environment"]
        chosen = {key: interpolated(value, outside) for key, value in given.items()}
        own = {**self.file.environment, **chosen, **inside}
        kept = {key: os.environ[key] for key in ("PATH", "LANG") if key in os.environ}
        self.environment = {"PYTHONPATH": str(ROOT), **own, **kept, "OMP_NUM_THREADS": "1"}
        self.log = folder / f"{name}.log"

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                _here(self.file.words("CMD")),
                cwd=self.environment["FALCON_DATA_DIR"],
                env=self.environment,
                stdout=log,
                stderr=log,
            )

    def run(self, *words: str) -> str:
        """As `docker compose exec` does; return what it prints."""
        done = subprocess.run(
            _here(list(words)),
            cwd=self.environment["FALCON_DATA_DIR"],
            env=self.environment,
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.strip()

    def wait_healthy(self, seconds: float = 90.0) -> None:
        """As `docker compose up --wait` does."""
        deadline = time.monotonic() + seconds
        while not self.is_healthy():
            running = self.process.poll() is None and time.monotonic() < deadline
            assert running, self.log.read_text()[-3000:]
            time.sleep(0.2)

    def is_healthy(self) -> bool:
        """Whether the image's health check succeeds."""
        port = self.environment.get("FALCON_PORT", "8000")
        words = [word.replace(":8000/", f":{port}/") for word in self.file.words("HEALTHCHECK")]
        done = subprocess.run(_here(words), env=self.environment, capture_output=True, check=False)
        return done.returncode == 0

    def stop(self) -> int:
        """As `docker compose stop` does; return the exit code."""
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(GRACE_S)
        finally:
            self.process.kill()
            self.process.wait()


def _here(words: list[str]) -> list[str]:
    """A container's command with the Python and the `falcon` of this machine."""
    ours = {"python": [sys.executable], "falcon": [sys.executable, "-m", "falcon_svc.cli.main"]}
    return [*ours[words[0]], *words[1:]]
