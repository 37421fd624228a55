"""Settings as keywords: what `discover` and `FineClassDiscovery` take, and where each one goes.

Place: beside `config`, which checks the values. Everything that has no keyword is set by a
`DiscoveryConfig`, which keywords override.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from falcon_svc.config import DiscoveryConfig, make_config
from falcon_svc.data.spelling import label_text
from falcon_svc.errors import ConfigError
from falcon_svc.setting_tables import put

AUTO = "auto"
PLACES: dict[str, tuple[str, ...]] = {
    "n_fine": ("counts", "n_fine"),
    "n_fine_per_coarse": ("counts", "n_fine_per_coarse"),
    "sizes": ("counts", "sizes"),
    "least_samples": ("counts", "least_samples"),
    "coarse_noise": ("labels", "coarse_noise"),
    "several_parents": ("labels", "several_parents"),
    "scale": ("data", "scale"),
    "id_column": ("data", "id_column"),
    "text_column": ("data", "text_column"),
    "vector_column": ("data", "vector_column"),
    "feature_columns": ("data", "feature_columns"),
    "ignore_columns": ("data", "ignore_columns"),
    "label_sources": ("data", "label_sources"),
    "obsm_key": ("data", "obsm_key"),
    "constraints": ("relation", "constraints"),
    "encoder": ("encoder", "name"),
    "head": ("train", "head"),
    "epochs": ("train", "epochs"),
    "seed": ("seed",),
    "device": ("device",),
}
"""Keyword -> its place in the configuration."""


def config_of(base: DiscoveryConfig | None, given: Mapping[str, Any]) -> DiscoveryConfig:
    """Return the settings of `base` (None = the defaults) with keywords over them.

    Parameters
    ----------
    base
        What has no keyword; None = the defaults.
    given
        Keyword -> value; None = as in `base`. ``n_fine="auto"`` stands for an estimate.

    Raises
    ------
    ConfigError
        An unknown keyword, or a value out of range.
    """
    tables = (base or DiscoveryConfig()).model_dump()
    for name, value in given.items():
        if name not in PLACES:
            raise ConfigError(
                f"Expected one of the settings {', '.join(PLACES)}, found {name!r}; everything "
                "else is set by config=DiscoveryConfig(...)."
            )
        if value is not None:
            put(tables, PLACES[name], _plain(name, value))
    return make_config(tables)


def _plain(name: str, value: Any) -> Any:
    if name == "n_fine" and value == AUTO:
        return None
    if name == "n_fine_per_coarse" and hasattr(value, "items"):  # labels may be of any type
        return {label_text(label): _count(count) for label, count in value.items()}
    return _count(value)


def _count(value: Any) -> Any:
    """Return numbers of NumPy as those of Python, in ranges too."""
    if isinstance(value, list | tuple):
        return type(value)(map(_count, value))
    return value.item() if hasattr(value, "item") and not hasattr(value, "__len__") else value
