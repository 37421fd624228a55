"""What share of the processor the processes of a session get.

Linux may share it out among sessions first (autogroups, sched(7)): niceness then counts inside a
session only, and the session's own is set beside. Who is not privileged may raise a niceness and
not lower it again; a session's may be lowered to 0 by anybody. What cannot be set is left as it is.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

PROC = Path("/proc")


def set_nice(session: int, nice: int) -> bool:
    """Set how nice the processes of a session are, beyond this process.

    False if there is no such session: its leader has not made it yet, or has ended.

    Parameters
    ----------
    session
        Process id of its leader.
    nice
        From 0, an equal share, to 19.
    """
    own = min(os.getpriority(os.PRIO_PROCESS, 0) + nice, 19)
    try:
        if os.getsid(session) != session:
            return False
    except ProcessLookupError:
        return False
    with suppress(OSError):
        os.setpriority(os.PRIO_PGRP, session, own)
    with suppress(OSError):
        (PROC / str(session) / "autogroup").write_text(str(own), "utf-8")
    return True
