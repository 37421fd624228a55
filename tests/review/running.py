"""`falcon review` as users start it."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from pathlib import Path


class RunningReview:
    """`falcon review DIR --no-open` in a process of its own."""

    def __init__(self, directory: Path, *flags: str) -> None:
        command = [sys.executable, "-m", "falcon_svc.cli.main", "review", str(directory)]
        self.process = subprocess.Popen(
            [*command, "--no-open", "--author", "ada", *flags], stdout=subprocess.PIPE, text=True
        )
        line = self.process.stdout.readline()
        found = re.match(r"(http://127\.0\.0\.1:\d+)/\?token=(\S+) shows", line)
        assert found, line
        self.address, self.url = line.split()[0], found[1]

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def stop(self) -> int:
        self.process.terminate()
        try:
            return self.process.wait(20)
        finally:
            self.kill()


def wait_for(condition, seconds: float = 60.0):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = condition()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError("never became true")
