"""Which GPUs this machine has, told without torch: the control plane never loads it.

Source: nvidia-smi(1) lists one GPU per line; CUDA_VISIBLE_DEVICES narrows and renames them
(CUDA C++ Programming Guide, environment variables).
"""

from __future__ import annotations

import os
import shutil
import subprocess
from functools import cache

from falcon_svc.settings import Settings

VISIBLE = "CUDA_VISIBLE_DEVICES"
TIMEOUT_S = 20.0


def gpu_names(settings: Settings) -> tuple[str, ...]:
    """Return the GPUs that jobs share, as CUDA_VISIBLE_DEVICES would name each.

    Parameters
    ----------
    settings
        `gpus` of those that this process sees, or all if it is not set.
    """
    visible = os.environ.get(VISIBLE)
    if visible is not None:
        names = [name.strip() for name in visible.split(",") if name.strip() not in ("", "-1")]
    else:
        number = _count() if settings.gpus is None else settings.gpus
        names = [str(index) for index in range(number)]
    return tuple(names[: settings.gpus])


@cache
def _count() -> int:
    """Return how many GPUs the driver knows; 0 where there is none, or it does not answer."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return 0
    try:
        listed = subprocess.run(
            [program, "--list-gpus"], capture_output=True, text=True, timeout=TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return 0
    return sum(line.startswith("GPU ") for line in listed.stdout.splitlines())
