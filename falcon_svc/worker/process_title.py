"""Imported first by the process that stands by: finds where the process's title is written.

setproctitle looks for the arguments beside the first variable of the environment, so it has to look
before any is changed; copies of the process inherit what it found.
"""

from __future__ import annotations

import os

os.environ["SPT_NOENV"] = "1"  # it leaves /proc/PID/environ as it is; a new variable moves no other

from setproctitle import getproctitle, setproctitle

TITLE = getproctitle()
__all__ = ["TITLE", "setproctitle"]
