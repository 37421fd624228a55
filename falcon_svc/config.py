"""The configuration of a discovery: frozen sections, unknown keys refused, read from TOML.

Each section is documented where it is used: reading (`data.config`), the feature step
(`encoder.config`), belief in labels (`discovery.label_config`), head training
(`discovery.train_config`), joint training (`joint.config`). Functions receive their section or
plain numbers, never the whole.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictInt, ValidationError, model_validator

from falcon_svc.data.config import DataConfig
from falcon_svc.discovery.label_config import LabelConfig
from falcon_svc.discovery.train_config import TrainConfig
from falcon_svc.encoder.config import TEXT, EncoderConfig
from falcon_svc.errors import ConfigError
from falcon_svc.joint.config import JointConfig
from falcon_svc.types import Sizes
from falcon_svc.wrong_fields import wrong_fields

Count = Annotated[StrictInt, Field(ge=1, le=1_000_000)]


class CountConfig(BaseModel):
    """How many fine classes there are, as far as the user knows."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    n_fine: Count | None = Field(None, description="F, the total; None = estimate it.")
    n_fine_per_coarse: dict[str, Count | tuple[Count, Count]] = Field(
        default_factory=dict,
        description="Coarse class name -> number of fine classes, or [least, most].",
    )
    sizes: Sizes = Field(
        "auto",
        description="How many samples the fine classes have: about equally many, as in nature, or "
        "a few large and many small ones (a long tail); auto asks the data.",
    )
    least_samples: StrictInt = Field(
        1, ge=1, le=1_000_000, description="No fine class has fewer samples than this."
    )

    @model_validator(mode="after")
    def _ranges_are_ordered(self) -> CountConfig:
        for name, count in self.n_fine_per_coarse.items():
            if isinstance(count, tuple) and count[0] > count[1]:
                raise ValueError(f"range of {name!r} has least {count[0]} above most {count[1]}")
        return self


class DiscoveryConfig(BaseModel):
    """Everything that determines a discovery, besides the data."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    data: DataConfig = Field(default_factory=DataConfig)
    encoder: EncoderConfig = Field(default_factory=EncoderConfig)
    counts: CountConfig = Field(default_factory=CountConfig)
    labels: LabelConfig = Field(default_factory=LabelConfig)
    train: TrainConfig = Field(default_factory=TrainConfig)
    joint: JointConfig = Field(default_factory=JointConfig)
    seed: StrictInt = Field(0, ge=0, lt=2**31, description="Of everything random.")
    device: Literal["auto", "cpu", "cuda"] = Field(
        "auto", description="Where the head is trained; auto = cuda where there is one."
    )

    @property
    def reading(self) -> DataConfig:
        """How the data set is read: an encoder for texts makes its texts the samples."""
        if self.encoder.name.partition(":")[0] != TEXT:
            return self.data
        return self.data.model_copy(update={"samples": "texts"})


def read_config(path: Path) -> dict[str, Any]:
    """Return the tables of a TOML file; `make_config` checks them.

    Raises
    ------
    ConfigError
        The file is missing or not TOML.
    """
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(
            f"Expected a TOML file with discovery settings, but {path} cannot be read ({error}); "
            "see docs/configuration.md for an example."
        ) from error


def make_config(tables: dict[str, Any]) -> DiscoveryConfig:
    """Return the checked configuration.

    Raises
    ------
    ConfigError
        Keys are unknown or values out of range: the sentence names the first one, `errors` all.
    """
    try:
        return DiscoveryConfig.model_validate(tables)
    except ValidationError as error:
        wrong = wrong_fields(error.errors(), tables)
        first, more = wrong[0], len(wrong) - 1
        where = first["pointer"].removeprefix("/").replace("/", ".") or "of the configuration"
        raise ConfigError(
            f"Setting {where}: {first['detail']}{f' (and {more} more)' if more else ''}; "
            "see docs/configuration.md for the keys and their ranges.",
            errors=wrong,
        ) from error
