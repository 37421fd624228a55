"""The supervisor's process: `python -m falcon_svc.service.supervise [PARENT_PID]`.

Place: started by `falcon serve`, with whom it dies (by the kernel on Linux, by looking at its
parent elsewhere), or alone by `falcon worker`. Settings come from the environment.
"""

from __future__ import annotations

import ctypes
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from types import FrameType

from falcon_svc.engines import LocalEngine, open_engine
from falcon_svc.errors import ConfigError, FalconError, StorageError
from falcon_svc.service.context import Context
from falcon_svc.service.housekeeping import Stop, keep_house
from falcon_svc.service.pulse import beat
from falcon_svc.service.supervisor import POLL_S, Supervisor, hold_lock, is_held
from falcon_svc.settings import Settings
from falcon_svc.storage import DatabaseError

AGAIN_S = 1.0
_PR_SET_PDEATHSIG = 1
_log = logging.getLogger(__name__)


def run(settings: Settings, parent: int | None = None) -> None:
    """Supervise until SIGTERM, SIGINT, or the parent's end.

    Raises
    ------
    ConfigError
        Another supervisor is, or may be, at work in the data directory.
    """
    stop = _stop_by_signal()
    lock = _take_lock(settings)
    context = Context.make(settings)
    supervisor = Supervisor(
        settings,
        context.database,
        context.artifacts,
        open_engine(settings),
        LocalEngine(settings),
    )
    threading.Thread(target=keep_house, args=(context, stop), daemon=True).start()
    try:
        _loop(supervisor, lock, stop, parent)
    finally:
        supervisor.close()
        context.close()


def _loop(supervisor: Supervisor, lock: int, stop: Stop, parent: int | None) -> None:
    """Step; a database or a disk that does not answer is asked again."""
    while not stop.wanted and parent in (None, os.getppid()):
        if not is_held(supervisor.settings, lock):
            raise _lock_lost(supervisor.settings)
        try:
            supervisor.step()
            beat(supervisor.settings)
        except (DatabaseError, StorageError, OSError):
            _log.warning("the database or the disk does not answer", exc_info=True)
            time.sleep(AGAIN_S)
        time.sleep(POLL_S)


def _lock_lost(settings: Settings) -> ConfigError:
    return ConfigError(
        f"Expected the lock file of this supervisor in {settings.data_dir}, found it removed or "
        "exchanged, so that another one may be at work; leave that file alone."
    )


def _take_lock(settings: Settings) -> int:
    """A supervisor that was just killed needs a moment to be gone."""
    deadline = time.monotonic() + settings.lock_wait_s
    while True:
        try:
            return hold_lock(settings)
        except FalconError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def _stop_by_signal() -> Stop:
    """A plain flag: an Event's lock, taken by a signal handler, can lock the thread it stopped."""
    stop = Stop()

    def end(_signal: int, _frame: FrameType | None) -> None:
        stop.wanted = True

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    return stop


def die_with(parent: int) -> None:
    """Let the kernel end this process with its parent, where it can (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        sys.exit(0)


class Companion:
    """A supervisor beside this process, started again when it ends.

    Parameters
    ----------
    environment
        Of the child.
    """

    def __init__(self, environment: dict[str, str]) -> None:
        self._environment = environment
        self._stopping = threading.Event()
        self._child: subprocess.Popen[bytes] | None = None
        self._keeper = threading.Thread(target=self._keep, daemon=True)

    def start(self) -> None:
        """Start it, and go on doing so."""
        self._keeper.start()

    def _keep(self) -> None:
        command = [sys.executable, "-m", "falcon_svc.service.supervise", str(os.getpid())]
        while not self._stopping.is_set():
            self._child = subprocess.Popen(command, env=self._environment)
            code = self._child.wait()
            if not self._stopping.is_set():
                _log.error("the supervisor ended with exit code %d; starting another", code)
                self._stopping.wait(AGAIN_S)

    def stop(self) -> None:
        """Let it stop its jobs and end."""
        self._stopping.set()
        if self._child is not None:
            self._child.terminate()
            self._child.wait()


def main() -> int:
    """Run until told to stop; see this module's docstring."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    parent = int(sys.argv[1]) if len(sys.argv) > 1 else None
    if parent is not None:
        die_with(parent)
    try:
        run(Settings(), parent)
    except FalconError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
