"""`falcon review` in a process of its own, and a client that has entered."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import httpx

BASE = "/v1/jobs/local/review"


class RunningReview:
    """The page of one result, as users start it.

    Parameters
    ----------
    directory
        A result.
    author
        Whose corrections these are.
    """

    def __init__(self, directory: Path, *, author: str = "bench") -> None:
        command = [sys.executable, "-m", "falcon_svc.cli.main", "review", str(directory)]
        self._process = subprocess.Popen(
            [*command, "--no-open", "--author", author], stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        found = re.match(r"(http://127\.0\.0\.1:\d+)/\?token=(\S+) shows", line)
        if not found:
            raise RuntimeError(f"falcon review printed {line!r} in place of its address.")
        self.address, self.url = line.split()[0], found[1]

    def client(self) -> httpx.Client:
        """Return a client with the page's cookie; the address is good for one of them."""
        client = httpx.Client(base_url=self.url, timeout=600)
        client.get(self.address.removeprefix(self.url))
        return client

    def peak_bytes(self) -> int:
        """Return the peak resident memory of the process."""
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        found = re.search(r"VmHWM:\s+(\d+) kB", status)
        return int(found[1]) * 1024 if found else 0

    def cpu_s(self) -> float:
        """Return the processor seconds that the process has taken so far."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def stop(self) -> None:
        """End it, and wait until it is gone."""
        self._process.terminate()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def training(directory: Path) -> subprocess.Popen[bytes]:
    """Start a discovery in the demo's data that trains beside what is measured, again and again."""
    once = f"{sys.executable} -m falcon_svc.cli.main demo --quiet --out {directory}"
    command = ["sh", "-c", f"while true; do {once}; done"]
    return subprocess.Popen(command, env=os.environ, start_new_session=True)
