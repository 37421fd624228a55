"""A worker that does what its task's id begins with, and writes down what it saw.

sleep        works for ever           exit7    ends with code 7 after a moment
deaf         ignores SIGTERM          forks    starts a process that ignores SIGTERM, and ends
forksleep    starts one and works for ever
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from falcon_svc.settings import Settings
from falcon_svc.worker.limits import limit_self

DEAF_CHILD = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"
SEEN = ("CUDA_VISIBLE_DEVICES", "OMP_NUM_THREADS")


def main(arguments: list[str]) -> int:
    kind, identity, number, supervisor = arguments
    what = identity.partition("_")[0]
    settings = Settings()
    limit_self(settings, kind, int(supervisor))
    if what == "deaf":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    child = None
    if what.startswith("fork"):
        child = subprocess.Popen([sys.executable, "-c", DEAF_CHILD]).pid
    report(settings.data_dir, f"{identity}-{number}", child)
    time.sleep(0.5)
    if what.startswith("exit"):
        return int(what.removeprefix("exit"))
    if what == "forks":
        return 0
    time.sleep(600)
    return 0


def report(data_dir: Path, name: str, child: int | None) -> None:
    """Add a line, so that a second run of one attempt would be seen."""
    seen = {name: value for name, value in os.environ.items() if name.startswith("FALCON_")}
    seen |= {name: os.environ.get(name) for name in SEEN}
    line = json.dumps({"pid": os.getpid(), "child": child, "environment": seen})
    with (data_dir / f"{name}.jsonl").open("a") as file:
        file.write(line + "\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
