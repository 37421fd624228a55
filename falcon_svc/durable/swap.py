"""Two directories swap names in one step, so that a name is never without its directory.

Place: under `atomic_directory`. Source: renameat2(2) with RENAME_EXCHANGE on Linux, renamex_np(2)
with RENAME_SWAP on macOS; Python offers neither. Other systems and some file systems cannot.
"""

from __future__ import annotations

import ctypes
import errno
import os
import sys
from pathlib import Path

from falcon_svc.durable.files import WINDOWS

_HERE, _SWAP = -100, 2  # AT_FDCWD; RENAME_EXCHANGE and RENAME_SWAP have the same value
_CANNOT = (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP)


def exchange(one: Path, other: Path) -> bool:
    """Swap the names of two existing paths on one file system; False where that is not offered.

    Raises
    ------
    OSError
        The system offers it and it failed; nothing was changed.
    """
    if WINDOWS:
        return False
    first, second = os.fsencode(one), os.fsencode(other)
    library = ctypes.CDLL(None, use_errno=True)
    if sys.platform == "darwin" and hasattr(library, "renamex_np"):
        failed = library.renamex_np(first, second, _SWAP)
    elif hasattr(library, "renameat2"):
        failed = library.renameat2(_HERE, first, _HERE, second, _SWAP)
    else:
        return False
    number = ctypes.get_errno()
    if failed and number not in _CANNOT:
        raise OSError(number, os.strerror(number), str(one))
    return not failed
