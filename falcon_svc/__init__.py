"""falcon-svc: discover the fine classes inside coarsely labelled data.

The front door: everything in `__all__` is imported when it is first asked for, so that
``import falcon_svc`` itself loads neither torch nor numpy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from falcon_svc.late import late

if TYPE_CHECKING:
    from falcon_svc.config import DiscoveryConfig
    from falcon_svc.data import load_dataset
    from falcon_svc.errors import (
        CollapsedError,
        ConfigError,
        DeviceError,
        DivergedError,
        FalconError,
        InputError,
        MissingExtraError,
        StorageError,
    )
    from falcon_svc.estimator import FineClassDiscovery
    from falcon_svc.front import discover, predict
    from falcon_svc.result.result import Result, read_result

__version__ = "0.1.0"

__all__ = [
    "CollapsedError",
    "ConfigError",
    "DeviceError",
    "DiscoveryConfig",
    "DivergedError",
    "FalconError",
    "FineClassDiscovery",
    "InputError",
    "MissingExtraError",
    "Result",
    "StorageError",
    "discover",
    "load_dataset",
    "predict",
    "read_result",
]

_HOMES = {
    **dict.fromkeys(__all__, "errors"),
    "DiscoveryConfig": "config",
    "FineClassDiscovery": "estimator",
    "Result": "result.result",
    "discover": "front",
    "load_dataset": "data",
    "predict": "front",
    "read_result": "result.result",
}
"""Name -> the module that holds it."""


__getattr__ = late(__name__, _HOMES)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
