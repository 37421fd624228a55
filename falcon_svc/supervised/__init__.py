"""Labels that somebody gives: what a classifier, advice or metrics make of a data set by them.

Place: above `hierarchy`, `joint`, `data` and `result`; commands and workers do the same work
through it. What trains loads torch and is imported when it is first asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from falcon_svc.late import late

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


__getattr__ = late(__name__, _HOMES)
