"""Landlock: a Linux process gives up, for good, the files that it will not need.

Place: `isolation` says which. It needs no rights and no second user, and holds for all threads and
processes that are started afterwards. Source: the kernel's userspace-api/landlock; the C library
has no functions for it, so the system calls are made by number, the same on every architecture.
"""

from __future__ import annotations

import ctypes
import os
import struct
import sys
from collections.abc import Iterable
from enum import IntFlag
from pathlib import Path

_CREATE, _ADD, _RESTRICT = 444, 445, 446
_GET_VERSION, _BENEATH = 1, 1
_PR_SET_NO_NEW_PRIVS = 38
_TCP = 0b11  # bind and connect, from version 4
_SCOPES = 0b11  # abstract sockets and signals of processes outside, from version 6
REFER_SINCE, TRUNCATE_SINCE, TCP_SINCE, SCOPES_SINCE = 2, 3, 4, 6


class Access(IntFlag):
    """What may be done with a file, or with all that lies beneath a folder."""

    EXECUTE = 1 << 0
    WRITE = 1 << 1
    READ = 1 << 2
    LIST = 1 << 3
    CHANGE = 0b1111111110000  # remove, and make of every kind
    REFER = 1 << 13  # move between folders
    TRUNCATE = 1 << 14


LOOK = Access.EXECUTE | Access.READ | Access.LIST
USE = Access.READ | Access.WRITE | Access.TRUNCATE
EVERYTHING = LOOK | USE | Access.CHANGE | Access.REFER
_OF_FILES = Access.EXECUTE | USE


def version() -> int:
    """Return the version of Landlock that the kernel has; 0 = none."""
    if sys.platform != "linux":
        return 0
    return max(_call(_CREATE, None, 0, _GET_VERSION), 0)


def restrict(allowed: Iterable[tuple[Path, Access]], *, offline: bool) -> bool:
    """Leave this process nothing but what is allowed; return whether the kernel could.

    Parameters
    ----------
    allowed
        Files, and folders with all beneath them, with what may be done there; links are not
        followed, and what cannot be opened is left out.
    offline
        Whether TCP is given up too, where the kernel can.
    """
    known = version()
    if known < REFER_SINCE:
        return False
    handled = EVERYTHING if known >= TRUNCATE_SINCE else EVERYTHING & ~Access.TRUNCATE
    net = _TCP if offline and known >= TCP_SINCE else 0
    scopes = _SCOPES if known >= SCOPES_SINCE else 0
    attributes = struct.pack("=QQQ", handled, net, scopes)
    ruleset = _call(_CREATE, attributes, len(attributes), 0)
    if ruleset < 0:
        return False
    for path, access in allowed:
        _allow(ruleset, path, access & handled)
    ctypes.CDLL(None).prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    done = _call(_RESTRICT, ruleset, 0) == 0
    os.close(ruleset)
    return done


def _allow(ruleset: int, path: Path, access: Access) -> None:
    try:
        opened = os.open(path, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return
    if not path.is_dir():
        access &= _OF_FILES
    _call(_ADD, ruleset, _BENEATH, struct.pack("=Qi", access, opened), 0)
    os.close(opened)


def _call(number: int, *arguments: int | bytes | None) -> int:
    system = ctypes.CDLL(None).syscall
    system.restype = ctypes.c_long
    words = [ctypes.c_long(a) if isinstance(a, int) else a for a in arguments]
    return int(system(ctypes.c_long(number), *words))
