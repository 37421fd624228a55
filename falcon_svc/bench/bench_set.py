"""The data sets of the quality benchmark: how they are named, read and turned into features.

A name is ``shipped`` (the set inside the package) or ``FILE@KEY=VALUE,KEY=VALUE``. Keys are the
settings of reading (`falcon_svc.data.DataConfig`) and of the feature step
(`falcon_svc.encoder.EncoderConfig`; sections within it after a dot), with ``encoder`` for the
encoder's name and ``truth`` for a file with the fine labels where they are not in FILE. Examples:
``cells.npz@vector_column=pca``, ``clothes.npz@pixel_dim=50``, ``photos.zip@truth=photos.csv``,
``letters.npz@encoder=moco,moco.epochs=20``.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError

from falcon_svc.data import DataConfig, load_dataset, load_truth
from falcon_svc.data.shipped import demo_path
from falcon_svc.discovery.metric import unit_rows
from falcon_svc.encoder import EncoderConfig, EncoderRun, extract_features
from falcon_svc.errors import ConfigError, InputError
from falcon_svc.types import UNLABELLED, CoarseDataset, Features, FloatArray, IntArray

SHIPPED = "shipped"


@dataclass(frozen=True)
class SetName:
    """A data set that was asked for, and how to read it."""

    text: str
    path: Path
    truth: Path
    data: DataConfig
    encoder: EncoderConfig

    @classmethod
    def parse(cls, text: str) -> SetName:
        """Read a name as this module's docstring describes it.

        Raises
        ------
        InputError
            There is no such file.
        ConfigError
            An option is unknown or its value out of range.
        """
        file, listed = _split(text)
        path, options = demo_path() if file == SHIPPED else Path(file), _options(listed)
        truth = path.parent / options.pop("truth", path.name)
        for needed in (path, truth):
            if not needed.exists():
                raise InputError(
                    f"Expected a data set at {needed}, but nothing is there; "
                    f"give an existing file, or {SHIPPED!r} for the set inside the package."
                )
        name = path.stem if not listed else f"{path.stem} ({listed})"
        return cls(name, path, truth, *_sections(options))

    def load(self) -> BenchSet:
        """Read data and truth and make the features; reading errors are `InputError`."""
        dataset, truth = self.read()
        features = extract_features(dataset, EncoderRun(self.encoder))
        return self.with_features(dataset, truth, features)

    def read(self) -> tuple[CoarseDataset, IntArray]:
        """Read the data set, and the fine truth (N,), -1 where there is none."""
        dataset = load_dataset(self.path, self.data)
        labels = load_truth(self.truth, self.data)
        fine_of = dict(zip(labels.ids, labels.fine.tolist(), strict=True))
        truth = np.array([fine_of.get(name, UNLABELLED) for name in dataset.ids], np.int64)
        return dataset, truth

    def with_features(
        self, dataset: CoarseDataset, truth: IntArray, features: Features
    ) -> BenchSet:
        """Return the set with the features that all methods get."""
        seen = replace(dataset, vectors=np.asarray(features.vectors), images=None)
        return BenchSet(self.text, seen, truth, features.spec)


def _split(text: str) -> tuple[str, str]:
    """Return the file and its options; a file whose own name has an @ is taken as it is."""
    if "@" not in text or Path(text).exists():
        return text, ""
    file, _, listed = text.rpartition("@")
    return file, listed


def _options(listed: str) -> dict[str, str]:
    return dict(_pair(part) for part in listed.split(",") if part)


def _pair(part: str) -> tuple[str, str]:
    key, equals, value = part.partition("=")
    if not equals:
        raise ConfigError(
            f"Expected options as KEY=VALUE after the @ of a data set's name, found {part!r}; "
            "for example cells.npz@vector_column=pca."
        )
    return ("name" if key == "encoder" else key), value


def _sections(options: dict[str, str]) -> tuple[DataConfig, EncoderConfig]:
    """Give each option to the section that knows it; the reader refuses what nobody knows."""
    data: dict[str, Any] = {}
    encoder: dict[str, Any] = {}
    for key, text in options.items():
        *sections, name = key.split(".")
        known = (sections or [name])[0] in EncoderConfig.model_fields
        table = encoder if known else data
        for section in sections:
            table = table.setdefault(section, {})
        table[name] = _value(text)
    try:
        return DataConfig.model_validate(data), EncoderConfig.model_validate(encoder)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise ConfigError(
            f"Option {where} of a data set: {first['msg']}, found {first['input']!r}; "
            "see docs/benchmarks.md for the options."
        ) from error


def _value(text: str) -> object:
    """Return a number, truth value or list as JSON writes it, anything else as it is."""
    try:
        found: object = json.loads(text)
    except ValueError:
        return text
    return found


@dataclass(frozen=True, eq=False)
class BenchSet:
    """A data set with the one set of features that all methods get, and its fine truth.

    Parameters
    ----------
    name
        As shown in the table.
    dataset
        Vectors are the features, also where the set holds images.
    truth
        (N,) int64 fine labels, -1 where there is none: read by metrics, and for the counts that
        a method is given.
    spec
        Of the feature step.
    """

    name: str
    dataset: CoarseDataset
    truth: IntArray
    spec: str

    @property
    def features(self) -> FloatArray:
        """(N, D) features as they came."""
        assert self.dataset.vectors is not None
        return self.dataset.vectors

    def view(self, name: str) -> FloatArray:
        """Return the features ``raw``, or with unit rows as ``L2``."""
        return self.features if name == "raw" else unit_rows(self.features)

    @property
    def judged(self) -> IntArray:
        """Rows with a fine label and one of the first source; figures are over these."""
        known = (self.truth != UNLABELLED) & (self.dataset.coarse.labels != UNLABELLED)
        return np.flatnonzero(known)

    @property
    def true_counts(self) -> IntArray:
        """(C,) fine classes that occur in each coarse class, at least 1."""
        groups = (self.truth[rows] for rows in self.dataset.coarse.rows_by_class())
        return np.array([max(1, len(set(g.tolist()) - {UNLABELLED})) for g in groups], np.int64)

    @property
    def n_fine(self) -> int:
        """F, the sum of `true_counts`."""
        return int(self.true_counts.sum())

    def document(self) -> dict[str, Any]:
        """Return what the set is, JSON-ready."""
        counts = self.true_counts
        return {
            "set": self.name,
            "n_samples": len(self.dataset),
            "dim": self.features.shape[1],
            "features": self.spec,
            "n_coarse": len(counts),
            "n_fine": self.n_fine,
            "fine_per_coarse": {"least": int(counts.min()), "most": int(counts.max())},
            "digest": self.dataset.digest,
        }
