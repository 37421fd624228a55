"""One task on a node of a cluster.

    python -m falcon_svc.engines.node WORKER KIND ID NUMBER DEVICE

Place: started by a cluster that knows nothing of us; ends as its worker ended. The worker is the
child of a local engine here, with the same limits as on one machine: nothing that it started
outlives it, and it dies with this process.
"""

from __future__ import annotations

import os
import signal
import sys
import time

from falcon_svc.engines.base import Task
from falcon_svc.engines.local import LocalEngine
from falcon_svc.settings import Settings

LOOK_S = 0.1


def main(arguments: list[str]) -> int:
    """Run a task to its end and return its exit code; a signal that ended it ends this too."""
    worker, kind, identity, number, device = arguments
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    engine = LocalEngine(Settings(), worker=worker)
    try:
        engine.start(Task(kind, identity, int(number), device))
        while not (ended := engine.ended()):
            time.sleep(LOOK_S)
    finally:
        engine.close()
    return ended[0].exit_code or 0


def end_as(code: int) -> int:
    """Return an exit code, or do not return if it stands for a signal."""
    if code < 0:
        if -code != signal.SIGKILL:
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    return code


if __name__ == "__main__":
    sys.exit(end_as(main(sys.argv[1:])))
