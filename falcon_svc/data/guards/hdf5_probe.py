"""Read an AnnData file in a process of its own first: libhdf5 can crash or hang on damage.

Checks before reading stop what a file claims on purpose; a file with flipped bytes can still send
the C library into a segmentation fault or an endless loop, which no exception handler sees. So
the file is read once by a child, and again here when the child has survived it.
`falcon_svc.data.formats.h5ad_child` is that child.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from falcon_svc.data.config import DataConfig
from falcon_svc.data.refusal import quoted, refusal
from falcon_svc.errors import InputError

CHILD = "falcon_svc.data.formats.h5ad_child"
BYTES_PER_SECOND = 10 * 2**20  # slower than any disk we expect
WINDOWS_CRASH = 0xC0000000  # exit codes from here on are exceptions, such as an access violation


def probe(path: Path, config: DataConfig) -> None:
    """Return when a child has read the file.

    Raises
    ------
    InputError
        The child crashed, or took longer than `hdf5_time_limit_s` and a second per 10 MiB.
    """
    limit = config.hdf5_time_limit_s + path.stat().st_size / BYTES_PER_SECOND
    command = [sys.executable, "-m", CHILD, str(path.absolute())]
    try:
        done = subprocess.run(
            [*command, config.model_dump_json()], capture_output=True, timeout=limit, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise _damaged(path, f"an HDF5 file that takes more than {limit:.0f} s to read") from error
    if done.returncode < 0 or done.returncode >= WINDOWS_CRASH:
        raise _damaged(path, f"damage that stops the HDF5 library ({_how(done.returncode)})")


def _how(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit code {code:#x}"


def _damaged(path: Path, found: str) -> InputError:
    return refusal(
        "a sound AnnData file",
        found,
        where=quoted(path.name),
        remedy="write the file again, or fetch it again if it was cut off",
        code="unreadable",
    )
