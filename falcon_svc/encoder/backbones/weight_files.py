"""Reading a file of network weights that the user has: safetensors, or what PyTorch saves.

Place: used by `pretrained` and by training that goes on from a file, from the command line only;
the service resolves the names of encoders itself (`encoder_files`). PyTorch's own files
are pickles: this is the one module that reads them, and only with the loader that makes tensors
and plain containers and refuses every other object.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor

from falcon_svc.errors import ConfigError

MAX_BYTES = 32 * 2**30
# Where training programs keep the weights beside their optimiser: PyTorch Lightning and timm,
# DINO (the teacher is the better one), and the habit of many.
WRAPPERS = ("state_dict", "model_state_dict", "teacher", "model", "network", "net", "weights")


def read_weights(path: Path) -> dict[str, Tensor]:
    """Return the tensors of a file by name, on the CPU.

    Containers named as in `WRAPPERS` are opened; entries that are not tensors are left out.

    Raises
    ------
    ConfigError
        The file is missing, too large, damaged, holds other objects than tensors, or none.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            start = file.read(9)
    except OSError as error:
        raise _unfit(path, f"no readable file ({error.strerror})", "check the path") from error
    if size > MAX_BYTES:
        raise _unfit(path, f"{size:,} bytes, more than {MAX_BYTES:,}", "give the weights alone")
    found = read_safetensors(path) if start[8:] == b"{" else _read_torch(path)
    tensors = {str(name): value for name, value in found.items() if isinstance(value, Tensor)}
    if not tensors:
        raise _unfit(path, "no tensors", "save the network's state_dict")
    return tensors


def read_safetensors(path: Path) -> dict[str, Tensor]:
    """Return the tensors of a safetensors file; see `read_weights` for the error."""
    try:
        return safetensors.torch.load_file(path)
    except (SafetensorError, OSError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise _unfit(path, f"a damaged safetensors file ({reason})", "copy it again") from error


def _read_torch(path: Path) -> Mapping[Any, Any]:
    try:
        found = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # its errors share no base but Exception
        foreign = re.search(r"GLOBAL ([\w.]+)", str(error))
        what = f"the Python object {foreign[1]}" if foreign else "a file that is neither"
        raise _unfit(path, what, "save the state_dict alone, best as safetensors") from error
    while isinstance(found, Mapping) and (inner := _inner(found)) is not None:
        found = inner
    return found if isinstance(found, Mapping) else {}


def _inner(found: Mapping[Any, Any]) -> Mapping[Any, Any] | None:
    """Return the container of weights inside a training program's checkpoint."""
    inside = (found.get(name) for name in WRAPPERS)
    return next((value for value in inside if isinstance(value, Mapping)), None)


def _unfit(path: Path, found: str, remedy: str) -> ConfigError:
    return ConfigError(
        f"Encoder: expected weights by name (safetensors, or a PyTorch state_dict without other "
        f"objects) in {path}, found {found}; {remedy}.",
        code="bad_encoder",
    )
