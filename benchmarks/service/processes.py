"""What /proc tells of processes: memory, processor time, children. Linux only."""

from __future__ import annotations

import os
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

PROC = Path("/proc")
TICK_S = 1 / os.sysconf("SC_CLK_TCK")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
SAMPLE_S = 0.05


def _stat(pid: int) -> list[str]:
    """Return the fields of /proc/PID/stat from the third on, or nothing."""
    try:
        return (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []


def is_there(pid: int) -> bool:
    """Return whether a process exists, dead ones that nobody has waited for included."""
    return bool(_stat(pid))


def children(pid: int) -> list[int]:
    """Return the processes that a process has started."""
    found = [int(path.name) for path in PROC.iterdir() if path.name.isdigit()]
    return [child for child in found if (stat := _stat(child)) and int(stat[1]) == pid]


def descendants(pid: int) -> list[int]:
    """Return the processes that a process has started, and those that these have."""
    own = children(pid)
    return own + [one for child in own for one in descendants(child)]


def command(pid: int) -> str:
    """Return a process's command line."""
    try:
        return (PROC / str(pid) / "cmdline").read_bytes().replace(b"\0", b" ").decode()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def cpu_s(pid: int) -> float:
    """Return the processor time that a process has used; 0 if it is gone."""
    stat = _stat(pid)
    return (int(stat[11]) + int(stat[12])) * TICK_S if stat else 0.0


def rss_bytes(pid: int) -> int:
    """Return a process's resident memory; 0 if it is gone."""
    stat = _stat(pid)
    return int(stat[21]) * PAGE_BYTES if stat else 0


def open_files(pid: int) -> int:
    """Return how many files and sockets a process has open."""
    return len(os.listdir(PROC / str(pid) / "fd"))


@dataclass(frozen=True)
class Circumstances:
    """What else the machine did while something was measured.

    Parameters
    ----------
    load_average
        Load average of the last minute, at the end.
    client_cores, api_cores, job_cores
        Processor seconds per second of the load generator, of the API's process, and of all
        discoveries.
    """

    load_average: float
    client_cores: float
    api_cores: float
    job_cores: float


class Watch:
    """Observes a stretch of time: processor time by part, and peak memory.

    Parameters
    ----------
    api, workers
        Process ids.
    memory
        Processes whose resident memory is added up.
    """

    def __init__(self, api: int, workers: list[int], memory: list[int]) -> None:
        self._parts, self._memory = ([os.getpid()], [api], workers), memory
        self._ended = threading.Event()
        self._sampler = threading.Thread(target=self._sample, daemon=True)
        self._cpu = [0.0 for _ in self._parts]
        self.first_rss_bytes = self.peak_rss_bytes = 0
        self.circumstances = Circumstances(0.0, 0.0, 0.0, 0.0)

    def __enter__(self) -> Watch:
        self._look()
        self.first_rss_bytes, self._began_cpu = self.peak_rss_bytes, self._cpu
        self._began = time.perf_counter()
        self._sampler.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ended.set()
        self._sampler.join()
        seconds = time.perf_counter() - self._began
        self._look()
        cores = [
            (after - before) / seconds
            for before, after in zip(self._began_cpu, self._cpu, strict=True)
        ]
        self.circumstances = Circumstances(os.getloadavg()[0], *cores)

    def _sample(self) -> None:
        while not self._ended.wait(SAMPLE_S):
            self._look()

    def _look(self) -> None:
        """Take the larger of what is and was: a process that has ended shows nothing any more."""
        used = [sum(map(cpu_s, pids)) for pids in self._parts]
        self._cpu = [max(pair) for pair in zip(self._cpu, used, strict=True)]
        self.peak_rss_bytes = max(self.peak_rss_bytes, sum(map(rss_bytes, self._memory)))
