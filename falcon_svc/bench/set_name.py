"""The names of the quality benchmark's data sets: what they mean, and how a set is read.

A name is a source, and behind an ``@`` options ``KEY=VALUE,KEY=VALUE``. Sources:

- ``shipped``, the set inside the package, or a file. Its keys are the settings of reading
  (`falcon_svc.data.DataConfig`) and of the feature step (`falcon_svc.encoder.EncoderConfig`;
  sections within it after a dot), with ``encoder`` for the encoder's name and ``truth`` for a
  file with the fine labels where they are not in the set's own:
  ``cells.npz@vector_column=pca``, ``photos.zip@truth=photos.csv``,
  ``letters.npz@encoder=moco,moco.epochs=20``.
- ``planted:COUNTS`` and ``sklearn:NAME`` (`falcon_svc.bench.small_sets`):
  ``planted:4,2,3@dim=16,ratio=5,seed=1``, ``sklearn:iris``.

Every source takes ``thin`` and ``null`` (`falcon_svc.bench.made_sets`): ``cells.npz@thin=0``,
``sklearn:wine@null=gaussian,seed=1``. The words ``planted`` and ``sklearn`` stand for several sets.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np
from pydantic import BaseModel, ValidationError

from falcon_svc.bench.bench_set import BenchSet
from falcon_svc.bench.made_sets import Made
from falcon_svc.bench.small_sets import GROUPS, SKLEARN_SETS, PlantedSet, Truth
from falcon_svc.data import DataConfig, load_dataset, load_truth
from falcon_svc.data.shipped import demo_path
from falcon_svc.encoder import EncoderConfig, EncoderRun, extract_features
from falcon_svc.errors import ConfigError, InputError
from falcon_svc.types import UNLABELLED, CoarseDataset, Features, IntArray

SHIPPED, PLANTED, SKLEARN = "shipped", "planted:", "sklearn:"
Model = TypeVar("Model", bound=BaseModel)
Options = dict[str, str]


class Source(Protocol):
    """Where a set comes from."""

    def read(self) -> Truth:
        """Return the data set, and its fine truth (N,), -1 where there is none."""


@dataclass(frozen=True)
class FileSource:
    """A data set on disk, and how it is read."""

    path: Path
    truth: Path
    data: DataConfig

    def read(self) -> Truth:
        """Read both files; reading errors are `InputError`."""
        dataset = load_dataset(self.path, self.data)
        labels = load_truth(self.truth, self.data)
        fine_of = dict(zip(labels.ids, labels.fine.tolist(), strict=True))
        truth = np.array([fine_of.get(name, UNLABELLED) for name in dataset.ids], np.int64)
        return dataset, truth

    def fine_names(self) -> tuple[str, ...]:
        """Return the fine classes' names, index = label; none where they are numbers."""
        names = load_truth(self.truth, self.data).names
        return () if any(name.isdecimal() for name in names) else names


@dataclass(frozen=True)
class SetName:
    """A data set that was asked for.

    Parameters
    ----------
    text
        As shown in tables.
    source
        Where it comes from.
    encoder
        Encoder of the feature step.
    made
        What is made of it then.
    """

    text: str
    source: Source
    encoder: EncoderConfig = field(default_factory=EncoderConfig)
    made: Made = field(default_factory=Made)

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
        head, listed = _split(text)
        options = _options(listed)
        made = _made(options, seeded=head.startswith(PLANTED))
        if head.startswith((PLANTED, SKLEARN)):
            source = (
                _planted(head, options) if head.startswith(PLANTED) else _sklearn(head, options)
            )
            return cls(_shown(head, listed), source, made=made)
        path = demo_path() if head == SHIPPED else Path(head)
        truth = path.parent / options.pop("truth", path.name)
        for needed in (path, truth):
            _check_there(needed)
        data, encoder = _sections(options)
        return cls(_shown(path.stem, listed), FileSource(path, truth, data), encoder, made)

    def load(self) -> BenchSet:
        """Read data and truth and make the features; reading errors are `InputError`."""
        dataset, truth = self.source.read()
        features = extract_features(dataset, EncoderRun(self.encoder))
        return self.made.apply(self.with_features(dataset, truth, features))

    def fine_names(self) -> tuple[str, ...]:
        """Return the fine classes' names, index = label; none where the set has none of its own."""
        source = self.source if self.made == Made() else None
        return source.fine_names() if isinstance(source, FileSource) else ()

    def with_features(
        self, dataset: CoarseDataset, truth: IntArray, features: Features
    ) -> BenchSet:
        """Return the set with the features that all methods get."""
        seen = replace(dataset, vectors=np.asarray(features.vectors), images=None)
        return BenchSet(self.text, seen, truth, features.spec)


def parse_all(texts: Sequence[str]) -> list[SetName]:
    """Read names; the words of `GROUPS` stand for several."""
    return [SetName.parse(name) for text in texts for name in GROUPS.get(text, (text,))]


def _shown(source: str, listed: str) -> str:
    return f"{source} ({listed})" if listed else source


def _check_there(path: Path) -> None:
    if not path.exists():
        raise InputError(
            f"Expected a data set at {path}, but nothing is there; give an existing file, "
            f"{SHIPPED!r} for the set inside the package, or one of "
            f"{PLANTED}COUNTS and {SKLEARN}NAME."
        )


def _made(options: Options, *, seeded: bool) -> Made:
    """Take out what the set is to be made into; `seeded` sources have a seed of their own."""
    asked: dict[str, Any] = {key: options.pop(key) for key in ("thin", "null") if key in options}
    if "null" in asked and "seed" in options:
        asked["seed"] = options["seed"] if seeded else options.pop("seed")
    return _checked(Made, {key: _value(text) for key, text in asked.items()})


def _planted(head: str, options: Options) -> PlantedSet:
    counts = [_value(count) for count in head.removeprefix(PLANTED).split(",")]
    return _checked(
        PlantedSet, {"counts": counts, **{key: _value(text) for key, text in options.items()}}
    )


def _sklearn(head: str, options: Options) -> Source:
    name = head.removeprefix(SKLEARN)
    if name not in SKLEARN_SETS or options:
        raise ConfigError(
            f"Expected {SKLEARN} and one of {', '.join(SKLEARN_SETS)}, with options among thin, "
            f"null and its seed, found {name!r} with {', '.join(options) or 'none'}."
        )
    return SKLEARN_SETS[name]


def _split(text: str) -> tuple[str, str]:
    """Return the file and its options; a file whose own name has an @ is taken as it is."""
    if "@" not in text or Path(text).exists():
        return text, ""
    file, _, listed = text.rpartition("@")
    return file, listed


def _options(listed: str) -> Options:
    return dict(_pair(part) for part in listed.split(",") if part)


def _pair(part: str) -> tuple[str, str]:
    key, equals, value = part.partition("=")
    if not equals:
        raise ConfigError(
            f"Expected options as KEY=VALUE after the @ of a data set's name, found {part!r}; "
            "for example cells.npz@vector_column=pca."
        )
    return ("name" if key == "encoder" else key), value


def _sections(options: Options) -> tuple[DataConfig, EncoderConfig]:
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
    return _checked(DataConfig, data), _checked(EncoderConfig, encoder)


def _checked(model: type[Model], table: dict[str, Any]) -> Model:
    try:
        return model.model_validate(table)
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
