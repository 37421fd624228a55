"""The supervisor's process: `python -m falcon_svc.service.operations.supervise [PARENT_PID]`.

Place: started by `falcon serve`, with whom it dies (by the kernel on Linux, by looking at its
parent elsewhere), or alone by `falcon worker`. Settings come from the environment. It exits with 0
when it was told to stop, with `TAKEN` where another supervisor is at work in the data directory,
and with other codes where starting it again may help.
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
from functools import partial
from types import FrameType

from falcon_svc.engines import LocalEngine, StandBy, open_engine
from falcon_svc.errors import ConfigError, FalconError, StorageError
from falcon_svc.service.context import Context
from falcon_svc.service.operations.housekeeping import (
    SWEEPS,
    WEBHOOKS,
    Stop,
    keep_house,
    send_webhooks,
)
from falcon_svc.service.operations.pulse import beat, check_at_work, last_step
from falcon_svc.service.operations.supervisor import (
    AT_WORK_ALREADY,
    POLL_S,
    Supervisor,
    hold_lock,
    is_held,
)
from falcon_svc.service.operations.vitals import Vitals
from falcon_svc.settings import Settings
from falcon_svc.storage import Database, DatabaseError
from falcon_svc.storage.measures import LOOP_FAILURES, MeasureRepository

AGAIN_S, LONGEST_PAUSE_S = 1.0, 30.0
STEADY_S = 60.0
"""A supervisor that lived for so long did not fail at its start."""
TAKEN = 4
_TAKEN = "another supervisor is at work in the data directory"
_PR_SET_PDEATHSIG = 1
_log = logging.getLogger(__name__)


def run(settings: Settings, parent: int | None = None) -> None:
    """Supervise until SIGTERM, SIGINT, or the parent's end.

    Raises
    ------
    ConfigError
        Another supervisor is, or may be, at work in the data directory.
    FalconError
        One of its loops has died (code ``not_at_work``).
    """
    stop = _stop_by_signal()
    lock = take_lock(settings)
    context = Context.make(settings)
    vitals = Vitals(told=partial(_record_failure, context.database))
    # torch makes this folder when it is loaded, in the system's temporary one if nothing is said
    os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(settings.data_dir / "cache" / "torch"))
    stand_by = StandBy() if settings.engine == "local" and settings.warm_worker else None
    if stand_by is not None:
        stand_by.start()
    supervisor = Supervisor(
        settings,
        context.database,
        context.artifacts,
        open_engine(settings, stand_by),
        LocalEngine(settings, stand_by=stand_by),
        vitals=vitals,
    )
    for name, loop in ((WEBHOOKS, send_webhooks), (SWEEPS, keep_house)):
        vitals.thread(name, partial(loop, context, vitals, stop))
    try:
        _loop(supervisor, lock, stop, parent)
    finally:
        supervisor.close()
        if stand_by is not None:
            stand_by.close()
        context.close()


def _loop(supervisor: Supervisor, lock: int, stop: Stop, parent: int | None) -> None:
    """Step; a database or a disk that does not answer is asked again."""
    while not stop.wanted and parent in (None, os.getppid()):
        if not is_held(supervisor.settings, lock):
            raise _lock_lost(supervisor.settings)
        supervisor.vitals.check()
        try:
            supervisor.step()
            beat(supervisor.settings)
        except (DatabaseError, StorageError, OSError):
            _log.warning("the database or the disk does not answer", exc_info=True)
            time.sleep(AGAIN_S)
        time.sleep(POLL_S)


def _record_failure(database: Database, loop: str) -> None:
    """Count a failed turn in the record, where `/metrics` finds it."""
    with database.write() as session:
        MeasureRepository(session).add(LOOP_FAILURES, loop, 1.0)


def _lock_lost(settings: Settings) -> ConfigError:
    return ConfigError(
        f"Expected the lock file of this supervisor in {settings.data_dir}, found it removed or "
        "exchanged, so that another one may be at work; leave that file alone."
    )


def take_lock(settings: Settings) -> int:
    """Take the lock of a data directory; a supervisor that was just killed needs a moment to go.

    Raises
    ------
    ConfigError
        Another one is at work (code ``taken``).
    """
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

    It pauses longer before each start in a row that failed. Where another supervisor is at work in
    the data directory, no start would help, and this process ends.

    Parameters
    ----------
    settings
        Settings of the service.
    environment
        Environment of the child.
    vitals
        Vitals of this process.
    """

    def __init__(self, settings: Settings, environment: dict[str, str], vitals: Vitals) -> None:
        self._settings, self._environment, self._vitals = settings, environment, vitals
        self._stopping = threading.Event()
        self._child: subprocess.Popen[bytes] | None = None
        self._before: float | None = None
        self.restarts = 0

    def start(self) -> None:
        """Start it, and go on doing so."""
        self._vitals.thread("worker", self._keep)

    def _keep(self) -> None:
        short = 0
        while not self._stopping.is_set():
            began = time.monotonic()
            code = None
            with self._vitals.turn("worker"):
                code = self._run()
            if self._stopping.is_set():
                return None
            if code == TAKEN:
                return self._vitals.died("worker", _TAKEN)
            self.restarts += 1
            short = 0 if time.monotonic() - began > STEADY_S else short + 1
            pause_s = min(AGAIN_S * 2.0 ** max(0, short - 1), LONGEST_PAUSE_S)
            _log.error("the supervisor ended with exit code %s; another in %g s", code, pause_s)
            self._stopping.wait(pause_s)
        return None

    def _run(self) -> int:
        command = [
            sys.executable,
            "-m",
            "falcon_svc.service.operations.supervise",
            str(os.getpid()),
        ]
        self._before = last_step(self._settings)
        self._child = subprocess.Popen(command, env=self._environment)
        return self._child.wait()

    def check(self) -> None:
        """Raise ConfigError unless it is at work since it was started last."""
        check_at_work(self._settings, before=self._before)

    def stop(self) -> None:
        """Let it stop its jobs and end."""
        self._stopping.set()
        if self._child is not None:
            self._child.terminate()
            self._child.wait()


def main() -> int:
    """Run until told to stop; see this module's docstring."""
    logging.basicConfig(format="%(asctime)s %(name)s %(message)s")
    logging.getLogger("falcon_svc").setLevel(logging.INFO)  # of libraries, what is wrong
    parent = int(sys.argv[1]) if len(sys.argv) > 1 else None
    if parent is not None:
        die_with(parent)
    try:
        run(Settings(), parent)
    except FalconError as error:
        print(f"error: {error}", file=sys.stderr)
        return TAKEN if error.code == AT_WORK_ALREADY else 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
