"""Which device the head is trained on."""

from __future__ import annotations

from falcon_svc.errors import DeviceError


def choose_device(wanted: str) -> str:
    """Return a torch device name for ``auto``, ``cpu`` or ``cuda``.

    Raises
    ------
    DeviceError
        cuda was asked for and there is none.
    """
    if wanted == "cpu":
        return "cpu"
    import torch

    if torch.cuda.is_available():
        return "cuda"
    if wanted == "cuda":
        raise DeviceError(
            "Expected a CUDA device, as device = cuda asks for, but torch finds none; use "
            "device = auto or cpu, or install a CUDA build of torch."
        )
    return "cpu"
