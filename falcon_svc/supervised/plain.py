"""Figures as JSON has them: numbers that are not finite become null."""

from __future__ import annotations

import math
from typing import Any


def plain(value: Any) -> Any:
    """Return JSON-ready `value` with None in place of NaN and infinity, at any depth.

    Examples
    --------
    >>> plain({"a": [1.0, float("nan")]})
    {'a': [1.0, None]}
    """
    if isinstance(value, dict):
        return {name: plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
