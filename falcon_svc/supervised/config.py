"""Settings of jobs that train on given labels: a classifier, or advice on finer labels.

Place: what a service takes in place of `falcon_svc.config.DiscoveryConfig`; it loads nothing heavy.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    FiniteFloat,
    StrictBool,
    StrictFloat,
    StrictInt,
    field_validator,
    model_validator,
)

from falcon_svc.config import checked
from falcon_svc.data.config import DataConfig, ReadingOptions
from falcon_svc.encoder.config import EncoderConfig
from falcon_svc.errors import ConfigError
from falcon_svc.joint.config import EncoderTraining, check_trainable

LossName = Literal[
    "flat_softmax",
    "hce",
    "hace",
    "conditional_softmax",
    "conditional_sigmoid",
    "ps_softmax",
    "deep_rtc",
    "soft_max_margin",
    "soft_max_descendant",
    "multilabel_focal",
    "level_softmax",
    "hcal",
    "hccf",
]
"""What can be trained; hccf wants text embeddings of the class names too."""

RuleName = Literal[
    "bottom_up", "top_down", "ensemble", "diffusion", "majority", "plurality", "threshold"
]
"""How a node is chosen."""

PAGE = "docs/api.md"
MOST_NUMBERS = 250_000
"""Numbers in the text embeddings of a job: its settings are stored, and sent back with it."""
Embedding = Annotated[list[FiniteFloat], Field(min_length=1, max_length=8192)]
Units = Annotated[StrictInt, Field(ge=0, le=4096)]
Config = TypeVar("Config", bound=BaseModel)


class LabelsConfig(BaseModel):
    """Which labels of a data set to train on."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    data: ReadingOptions = Field(
        default_factory=ReadingOptions, description="How the data set is read."
    )
    classes_of: str | None = Field(
        None,
        max_length=60,
        description="Id of a discovery in this data set: its classes are the finer labels.",
        examples=["job_01k8xgm1c2d3e4f5g6h7j8k9m0"],
    )
    encoder: EncoderConfig = Field(
        default_factory=EncoderConfig,
        description="What makes vectors of images and texts, as in a discovery.",
    )
    seed: StrictInt = Field(0, ge=0, lt=2**31, description="Seed of everything random.")


class ClassifierConfig(LabelsConfig):
    """Everything that determines a hierarchical classifier, besides the data."""

    levels: tuple[str, ...] = Field(
        (),
        max_length=100,
        description="Columns of the labels, top level first; empty = the coarse and the fine "
        "column. Not together with classes_of.",
    )
    loss: LossName = Field("hace", description="What is trained.")
    inference: RuleName = Field("bottom_up", description="How a class is chosen by default.")
    threshold: StrictFloat | None = Field(
        None, ge=0, le=1, description="Least probability of a class, for the inference threshold."
    )
    texts: dict[str, Embedding] | None = Field(
        None,
        min_length=1,
        description="Class name -> its text embedding, all of one length, at most 250,000 numbers "
        "in all; with the loss hccf.",
        examples=[{"owls": [0.1, 0.7], "barn owl": [0.2, 0.6]}],
    )
    text_encoder: str | None = Field(
        None,
        max_length=200,
        description="Encoder that embeds the class names in place of texts: text, or text:NAME of "
        "the service's encoder files; with the loss hccf.",
        examples=["text"],
    )
    hidden: Units = Field(0, description="Units of a hidden layer; 0 = a linear head.")
    epochs: StrictInt | None = Field(
        None, ge=1, le=100_000, description="Passes over the data; null = at least 200 steps."
    )
    batch_size: StrictInt | None = Field(
        None, ge=1, le=1_000_000, description="Samples per step; null = 16 to 256, by their number."
    )
    learning_rate: StrictFloat = Field(
        0.03, gt=0, le=10, description="Learning rate of AdamW at first."
    )
    weight_decay: StrictFloat | None = Field(
        None,
        ge=0,
        le=1000,
        description="Weight decay of AdamW; null = dimensions / 128, at most 1.",
    )
    test_share: StrictFloat = Field(
        0.2,
        ge=0,
        lt=1,
        description="Part that a first training leaves out to measure on; 0 = measure nothing.",
    )
    joint: EncoderTraining = Field(
        default_factory=EncoderTraining,
        description="Whether and how the encoder of images is trained too, after the head alone.",
    )
    device: Literal["auto", "cpu", "cuda"] = Field(
        "auto",
        description="Where an encoder is trained; all else is done on the CPU.",
    )

    @model_validator(mode="after")
    def _check_together(self) -> Self:
        if self.levels and self.classes_of is not None:
            raise ValueError("expected one of levels and classes_of, found both")
        if (self.threshold is not None) != (self.inference == "threshold"):
            raise ValueError("expected a threshold together with the inference threshold")
        if self.device == "cuda" and not self.joint.train_encoder:
            raise ValueError("expected joint.train_encoder with the device cuda, found cuda alone")
        given = [one for one in (self.texts, self.text_encoder) if one is not None]
        if len(given) != (self.loss == "hccf"):
            raise ValueError(
                "expected one of texts and text_encoder with the loss hccf, and none with another"
            )
        return self

    @field_validator("texts")
    @classmethod
    def _check_texts(cls, texts: dict[str, Embedding] | None) -> dict[str, Embedding] | None:
        widths = {len(vector) for vector in (texts or {}).values()}
        if len(widths) > 1:
            raise ValueError(f"expected embeddings of one length, found {sorted(widths)[:5]}")
        if texts and len(texts) * max(widths) > MOST_NUMBERS:
            raise ValueError(
                f"expected at most {MOST_NUMBERS:,} numbers, found {len(texts) * max(widths):,}"
            )
        return texts

    @field_validator("text_encoder")
    @classmethod
    def _check_encoder(cls, name: str | None) -> str | None:
        if name is not None and name.partition(":")[0] != "text":
            raise ValueError(f"expected text or text:NAME, found {name[:60]!r}")
        return name


class AdviceConfig(LabelsConfig):
    """Everything that determines advice on finer labels, besides the data."""

    without_fine: StrictBool = Field(
        False, description="Do as if the data set had no fine labels: try stand-ins."
    )
    hidden: tuple[Units, ...] = Field(
        (0, 32, 128), min_length=1, max_length=8, description="Hidden units of the heads to try."
    )
    folds: StrictInt = Field(5, ge=2, le=20, description="Folds of the cross-validation.")


def make(model: type[Config], tables: dict[str, Any]) -> Config:
    """Return checked settings.

    Raises
    ------
    ConfigError
        Keys are unknown or values out of range: the sentence names the first one, `errors` all.
    """
    return checked(model, tables, page=PAGE)


def reading(*options: dict[str, Any], encoder: EncoderConfig | None = None) -> DataConfig:
    """Return how a data set is read, later options before earlier ones.

    An encoder for texts makes its texts the samples.
    """
    merged = {name: value for one in options for name, value in one.items()}
    texts = {"samples": "texts"} if encoder is not None and encoder.takes_texts else {}
    return checked(DataConfig, merged | texts, page="docs/configuration.md")


def check_reusable(encoder: EncoderConfig, kind: str | None) -> None:
    """Raise for an encoder of a classifier's samples that cannot be applied to new ones.

    Parameters
    ----------
    encoder, kind
        The settings, and what the samples are: vectors, images or texts; None = not known yet.

    Raises
    ------
    ConfigError
        Principal components of pixels (code ``bad_encoder``): they belong to the images that they
        were made of.
    """
    if kind == "images" and encoder.name in ("auto", "pixels"):
        raise ConfigError(
            "Expected an encoder that can be applied to new images, such as moco, timm:NAME@FILE "
            f"or onnx:FILE, found {encoder.name}; choose one with --encoder, or as encoder.name "
            "of a job.",
            code="bad_encoder",
        )


def check_encoder(config: ClassifierConfig, kind: str | None) -> None:
    """Raise for an encoder that a classifier cannot keep, or not train where it is to.

    Parameters
    ----------
    config, kind
        The settings, and what the samples are: vectors, images or texts; None = not known yet.

    Raises
    ------
    ConfigError
        As `check_reusable` and `check_trainable`.
    """
    if config.joint.train_encoder:
        check_trainable(config.encoder, kind)
    check_reusable(config.encoder, kind)
