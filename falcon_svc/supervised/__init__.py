"""Labels that somebody gives: what a classifier, advice or metrics make of a data set by them.

Place: above `hierarchy`, `joint`, `data` and `result`; commands and workers do the same work
through it. What trains loads torch and is imported when it is first asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from falcon_svc.supervised.encoding import encode_like, new_samples
    from falcon_svc.supervised.training import Trained, train_classifier

__all__ = ["Trained", "encode_like", "new_samples", "train_classifier"]

_HOMES = {
    "Trained": "training",
    "encode_like": "encoding",
    "new_samples": "encoding",
    "train_classifier": "training",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = globals()[name] = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    return found
