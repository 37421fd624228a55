"""Memory of a worker is counted beyond what it has loaded: a copy has as much room as a process."""

from __future__ import annotations

import subprocess
import sys

LIMITED = """
import os
loaded = bytearray({loaded} * 2**20)
from falcon_svc.worker.limits import limit_self
from falcon_svc.settings import Settings
limit_self(Settings(worker_memory_bytes=2**28), "job", os.getppid())
room = []
try:
    while True:
        room.append(bytearray(16 * 2**20))
except MemoryError:
    print(len(room) * 16)
"""


def room_mib(loaded):
    """MiB that a worker may take which has loaded so many before."""
    done = subprocess.run(
        [sys.executable, "-c", LIMITED.format(loaded=loaded)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return int(done.stdout)


def test_a_worker_has_as_much_room_whatever_it_has_loaded():
    assert 208 <= room_mib(1) <= 256
    assert 208 <= room_mib(300) <= 256
