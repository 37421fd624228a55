"""Settings of the readers: which columns mean what, and how much a file may claim.

The limits come first from `falcon`'s own use (one machine, data sets up to some millions of
rows); the service lowers them per tenant.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StrictFloat,
    StrictInt,
    StringConstraints,
    field_validator,
)

from falcon_svc.data.refusal import listed
from falcon_svc.types import Scale

PILLOW_PIXEL_LIMIT = 89_000_000  # above this Pillow warns of a decompression bomb by itself


SourceName = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f]{1,100}$")]


class ReadingOptions(BaseModel):
    """What to read from a data set; whoever sends one says so."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    coarse_column: str | None = Field(
        None,
        description="Column of the coarse labels; None = coarse, coarse_label, superclass, label, "
        "labels, class, category, target or y, the first that is there.",
    )
    label_sources: dict[SourceName, str] = Field(
        default_factory=dict,
        description="Further label sources, NAME -> COLUMN; empty = every column coarse_NAME.",
    )
    restrict_to: tuple[str, ...] = Field(
        (), description="Coarse classes (first source) whose samples are read; empty = all."
    )
    fine_column: str = Field("fine", description="Column of the fine truth; read by evaluate only.")
    id_column: str | None = Field(
        None,
        description="Column of the ids; None = id, ids, file_name, file, the table's index; else "
        "row numbers.",
    )
    samples: Literal["auto", "texts", "labels"] = Field(
        "auto",
        description="What the samples are: auto = vectors or images where there are any, else "
        "texts; texts = the texts of `text_column`, as with the encoder text; labels = none, a "
        "CSV of labels or predictions alone, for jobs that measure.",
    )
    text_column: str | None = Field(
        None,
        description="Column of the texts: the samples, or what is shown beside them in reports; "
        "None = text, and for samples sentence, query, title or the like, or the only column of "
        "sentences.",
    )
    vector_column: str | None = Field(
        None,
        description="Array or list column with the vectors; None = x, vector, embedding, features "
        "or the like, else the only column with lists of numbers.",
    )
    feature_columns: tuple[str, ...] = Field(
        (),
        description="Columns of numbers that are the features, in this order; empty = all but "
        "labels, ids and what is named like them.",
    )
    ignore_columns: tuple[str, ...] = Field(
        (), description="Columns that are never features, nor labels that are found by name."
    )
    decimal: Literal["auto", ".", ","] = Field(
        "auto", description="Decimal mark of numbers written as text; auto = judged by column."
    )
    scale: Scale = Field(
        "none",
        description="Columns of vectors brought to one scale: standard = mean and standard "
        "deviation, robust = median and interquartile range.",
    )
    obsm_key: str | None = Field(
        None,
        description="Key of obsm in .h5ad; None = X_pca, X_scVI, X_scvi, else X by the recipe "
        "of `count_features`.",
    )
    count_features: Literal["components", "genes"] = Field(
        "components",
        description="What counts in .h5ad become: 50 components, or the log-normalised variable "
        "genes, which a network can be trained on (moco); genes passes over embeddings.",
    )

    bad_image_fraction: StrictFloat = Field(
        0.01, ge=0, lt=1, description="Share of unreadable images that are skipped, 0 to < 1."
    )

    @field_validator("feature_columns")
    @classmethod
    def _each_once(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        repeated = sorted({name for name in names if names.count(name) > 1})
        if repeated:
            raise ValueError(f"expected every column once, found {listed(repeated)} again")
        return names


class DataConfig(ReadingOptions):
    """What to read from a data set, and the limits it must keep: these are the operator's."""

    require_labels: ClassVar[bool] = True
    """Whether samples without coarse labels, or with one class only, are refused."""

    follow_links: bool = Field(
        False,
        description="Whether what links in a folder of images point at is read, also outside "
        "of the folder.",
    )
    max_bytes: StrictInt = Field(
        32 * 2**30, ge=1, description="Most bytes of one array or file after unpacking."
    )
    max_entries: StrictInt = Field(200_000, ge=1, description="Most files in a zip or folder.")
    max_compression_ratio: StrictFloat = Field(
        100.0,
        ge=1,
        description="Largest ratio of unpacked to packed bytes above `ratio_free_bytes`.",
    )
    ratio_free_bytes: StrictInt = Field(
        64 * 2**20,
        ge=0,
        description="Unpacked bytes up to which any ratio is allowed, as sorted labels reach "
        "400 : 1.",
    )
    max_rows: StrictInt = Field(50_000_000, ge=2, description="Most samples of a data set.")
    max_dimensions: StrictInt = Field(65_536, ge=2, description="Most components of a vector.")
    max_classes: StrictInt = Field(
        10_000, ge=2, description="Most coarse classes of one label source."
    )
    max_label_letters: StrictInt = Field(
        1_000, ge=1, description="Most letters of a label or an id."
    )
    max_text_letters: StrictInt = Field(
        2_000, ge=1, description="Most letters that are kept of a text that is only shown."
    )
    probe_hdf5: bool = Field(
        True, description="Whether .h5ad is read in a child process first; false inside a sandbox."
    )
    hdf5_time_limit_s: StrictFloat = Field(
        30.0,
        gt=0,
        description="Seconds that the child process which reads .h5ad first may take, and one "
        "more per 10 MiB.",
    )
    max_image_pixels: StrictInt = Field(
        64_000_000,
        ge=1,
        le=PILLOW_PIXEL_LIMIT,
        description="Most pixels of one image, width x height.",
    )
    max_image_bytes: StrictInt = Field(
        100 * 2**20, ge=1, description="Most bytes of one image file."
    )


class NewSamplesConfig(DataConfig):
    """Settings for samples that a model is to predict: no labels are needed, and one will do."""

    require_labels: ClassVar[bool] = False
