"""A worker that waits until it is let go, and then takes all the memory it can get."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from falcon_svc.settings import Settings

kind, identity, number, supervisor = sys.argv[1:]
while not (Path(Settings().data_dir) / "go").exists():
    time.sleep(0.05)
taken = []
while True:
    taken.append(b"x" * 2**20)
