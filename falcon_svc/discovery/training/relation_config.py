"""Settings of the relation: `[relation]`, what every solve of it has to keep.

Place: a section of the configuration; `relation_wishes` makes the solver's constraints of it.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class RelationConfig(BaseModel):
    """Constraints on which coarse class a fine class hangs on."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    constraints: tuple[dict[str, Any], ...] = Field(
        (),
        description="Constraints that the relation keeps, each a table with a kind and classes by "
        "name; docs/constraints.md lists them.",
    )
