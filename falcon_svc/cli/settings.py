"""From flags to the configuration: defaults, then the TOML file, then the flags."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from falcon_svc.errors import ConfigError
from falcon_svc.setting_tables import SECTIONS, Tables, merged, put

if TYPE_CHECKING:
    from falcon_svc.config import DiscoveryConfig
    from falcon_svc.data import DataConfig


@dataclass(frozen=True)
class Flags:
    """What was given on the command line; None = not given."""

    config: Path | None = None
    n_fine: str | None = None
    n_fine_per_coarse: Path | None = None
    encoder: str | None = None
    allow_download: bool = False
    train_encoder: bool = False
    coarse_column: str | None = None
    label_sources: Sequence[str] | None = None
    seed: int | None = None
    device: str | None = None

    def arguments(self) -> list[str]:
        """Return the command line that gives them, but for the total."""
        values: dict[str, object] = {
            "--config": self.config,
            "--n-fine-per-coarse": self.n_fine_per_coarse,
            "--encoder": self.encoder,
            "--coarse-column": self.coarse_column,
            "--seed": self.seed,
            "--device": self.device,
        }
        given = [(flag, str(value)) for flag, value in values.items() if value is not None]
        given += [("--label-source", pair) for pair in self.label_sources or ()]
        switches = {"--allow-download": self.allow_download, "--train-encoder": self.train_encoder}
        words = [word for pair in given for word in pair]
        return words + [flag for flag, wanted in switches.items() if wanted]


def discovery_config(flags: Flags) -> DiscoveryConfig:
    """Return the checked settings of a run.

    Raises
    ------
    ConfigError
        A flag, the TOML file or the JSON file of counts is not usable.
    """
    from falcon_svc.config import DiscoveryConfig, make_config, read_config

    defaults = DiscoveryConfig().model_dump()
    given = read_config(flags.config) if flags.config else {}
    return make_config(merged(merged(defaults, given), flag_tables(flags), SECTIONS))


def data_config(flags: Flags) -> DataConfig:
    """Return how the data set is to be read; without a TOML file this needs no torch."""
    from falcon_svc.data import DataConfig

    if flags.config is not None:
        return discovery_config(flags).reading
    return DataConfig(**flag_tables(flags).get("data", {}))


def flag_tables(flags: Flags) -> Tables:
    """Return the tables that the flags stand for, without those not given."""
    values: dict[tuple[str, ...], Any] = {
        ("data", "coarse_column"): flags.coarse_column,
        ("data", "label_sources"): read_label_sources(flags.label_sources or ()) or None,
        ("encoder", "name"): flags.encoder,
        ("encoder", "allow_download"): flags.allow_download or None,
        ("joint", "train_encoder"): flags.train_encoder or None,
        ("seed",): flags.seed,
        ("device",): flags.device,
    }
    if flags.n_fine_per_coarse is not None:
        values["counts", "n_fine_per_coarse"] = read_counts(flags.n_fine_per_coarse)
    tables: Tables = {}
    for path, value in values.items():
        if value is not None:
            put(tables, path, value)
    if flags.n_fine is not None:
        put(tables, ("counts", "n_fine"), read_n_fine(flags.n_fine))  # None = estimate
    return tables


def read_n_fine(text: str) -> int | None:
    """Return a whole number, or None for ``auto``."""
    if text == "auto":
        return None
    if text.isascii() and text.isdigit():
        return int(text)
    raise ConfigError(
        f"Expected a whole number or auto after --n-fine, found {text!r}; "
        "give the total number of fine classes, or auto to have it estimated."
    )


def read_label_sources(pairs: Sequence[str]) -> dict[str, str]:
    """Return NAME -> COLUMN of the values of --label-source."""
    sources: dict[str, str] = {}
    for pair in pairs:
        name, equals, column = pair.partition("=")
        if not (name and equals and column):
            raise ConfigError(
                f"Expected NAME=COLUMN after --label-source, found {pair!r}; "
                "for example: --label-source habitat=habitat_column."
            )
        if name in sources:
            raise ConfigError(
                f"Expected each --label-source once, found {name!r} twice; rename one of them."
            )
        sources[name] = column
    return sources


def read_counts(path: Path) -> dict[str, int | list[int]]:
    """Return coarse class -> count or [least, most], as the JSON file says.

    Raises
    ------
    ConfigError
        The file cannot be read, or is not such an object; ranges are checked with the settings.
    """
    wanted = 'an object such as {"bird": 4, "fish": [2, 6]}'
    try:
        counts = json.loads(path.read_text("utf-8"), object_pairs_hook=_unique)
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigError(f"Expected {wanted} in {path}, but cannot read it: {error}.") from error
    if not isinstance(counts, dict):
        raise ConfigError(f"Expected {wanted} in {path}, found a {type(counts).__name__}.")
    for name, count in counts.items():
        if not (_is_count(count) or _is_range(count)):
            raise ConfigError(
                f"Expected a whole number from 1 or [least, most] for {name!r} in {path}, "
                f"found {json.dumps(count)}."
            )
    return counts


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = [name for name, _ in pairs]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ValueError(f"the key {twice!r} occurs twice")
    return dict(pairs)


def _is_count(value: Any) -> bool:
    return type(value) is int and value >= 1


def _is_range(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(map(_is_count, value))
