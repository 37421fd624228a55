"""All that is needed to run a discovery again, as rows of tables.

Place: drawn by ``making.html``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from falcon_svc.result.record import Discovery


def columns(discovery: Discovery) -> list[tuple[str, str]]:
    """Return each column with what became of it; none where columns have no names."""
    out = [(name, f"left out: {why}") for name, why in discovery.left_out]
    return out + [(name, "used") for name in discovery.features or ()]


def flattened(config: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """Return nested settings as ``section.name`` and value.

    Examples
    --------
    >>> flattened({"counts": {"n_fine": 6}, "seed": 0})
    [('counts.n_fine', '6'), ('seed', '0')]
    """
    rows: list[tuple[str, str]] = []
    for name, value in config.items():
        if isinstance(value, Mapping):
            rows += flattened(value, f"{prefix}{name}.")
        else:
            rows.append((f"{prefix}{name}", json.dumps(value, ensure_ascii=False, default=str)))
    return rows
