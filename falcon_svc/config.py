"""The configuration of a discovery: frozen sections, unknown keys refused, read from TOML.

Each section is documented where it is used: reading (`data.config`), the feature step
(`encoder.config`), numbers of classes (`discovery.counts.config`), belief in labels
(`discovery.labels.config`), head training (`discovery.training.config`), constraints
(`discovery.training.relation_config`), joint training (`joint.config`). Functions receive their
section or plain numbers, never the whole.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StrictInt, ValidationError

from falcon_svc.data.config import DataConfig
from falcon_svc.discovery.counts.config import CountConfig
from falcon_svc.discovery.labels.config import LabelConfig
from falcon_svc.discovery.training.config import TrainConfig
from falcon_svc.discovery.training.relation_config import RelationConfig
from falcon_svc.encoder.config import EncoderConfig
from falcon_svc.errors import ConfigError
from falcon_svc.joint.config import JointConfig
from falcon_svc.wrong_fields import wrong_fields

Section = TypeVar("Section", bound=BaseModel)


class DiscoveryConfig(BaseModel):
    """Everything that determines a discovery, besides the data."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    data: DataConfig = Field(default_factory=DataConfig)
    encoder: EncoderConfig = Field(default_factory=EncoderConfig)
    counts: CountConfig = Field(default_factory=CountConfig)
    labels: LabelConfig = Field(default_factory=LabelConfig)
    train: TrainConfig = Field(default_factory=TrainConfig)
    relation: RelationConfig = Field(default_factory=RelationConfig)
    joint: JointConfig = Field(default_factory=JointConfig)
    seed: StrictInt = Field(0, ge=0, lt=2**31, description="Seed of everything random.")
    device: Literal["auto", "cpu", "cuda"] = Field(
        "auto", description="Where the head is trained; auto = cuda where there is one."
    )

    keep_samples: bool = Field(
        True,
        description="Whether the result keeps the text or a thumbnail of each sample, and columns "
        "that are no features, so that a review can show them without the data set.",
    )

    @property
    def reading(self) -> DataConfig:
        """How the data set is read: an encoder for texts makes its texts the samples."""
        if not self.encoder.takes_texts:
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
    return checked(DiscoveryConfig, tables, page="docs/configuration.md")


def checked(model: type[Section], tables: dict[str, Any], *, page: str) -> Section:
    """Return settings that fit a model.

    Parameters
    ----------
    model, tables
        What they are to be, and what was given.
    page
        Document that describes them.

    Raises
    ------
    ConfigError
        As `make_config`.
    """
    try:
        return model.model_validate(tables)
    except ValidationError as error:
        wrong = wrong_fields(error.errors(), tables)
        first, more = wrong[0], len(wrong) - 1
        where = first["pointer"].removeprefix("/").replace("/", ".") or "of the configuration"
        raise ConfigError(
            f"Setting {where}: {first['detail']}{f' (and {more} more)' if more else ''}; "
            f"see {page} for the keys and their ranges.",
            errors=wrong,
        ) from error
