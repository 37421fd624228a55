"""From a `Source` to a `CoarseDataset`: choose columns, judge everything, take the digest.

`draft` collects what is wrong row by row; `finish` raises the first finding. `inspect` uses the
draft without raising, so validation and loading can never disagree.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from falcon_svc.count_recipe import CountRecipe
from falcon_svc.data.column_figures import ColumnFigures
from falcon_svc.data.column_names import COARSE_NAMES, Roles, other_labels
from falcon_svc.data.column_notes import column_notes
from falcon_svc.data.config import DataConfig
from falcon_svc.data.conform import by_recipe, conformed
from falcon_svc.data.files import skipped_notes
from falcon_svc.data.identity import Ids, id_notes, read_ids
from falcon_svc.data.images import ArrayImages
from falcon_svc.data.labels import FRACTION, as_strings, encode, id_findings, to_source
from falcon_svc.data.new_labels import missing_sources, no_labels
from falcon_svc.data.refusal import Finding, quoted, refusal
from falcon_svc.data.restriction import restricted
from falcon_svc.data.scaling import scaling_without_far
from falcon_svc.data.source import Samples, Source, check_column, flat_column, rows_of
from falcon_svc.data.source_notes import one_hot, source_notes
from falcon_svc.data.text_column import empty_texts
from falcon_svc.data.totals_row import totals_findings
from falcon_svc.data.vector_notes import vector_notes
from falcon_svc.data.vectors import to_vectors, vector_findings
from falcon_svc.types import (
    BoolArray,
    CoarseDataset,
    FloatArray,
    LabelSource,
    Note,
    Reading,
    SampleKind,
)


@dataclass(frozen=True)
class Draft:
    """A data set that was read but not yet accepted; `vectors` are not scaled yet."""

    where: str
    samples: Samples
    vectors: FloatArray | None
    ids: Ids
    sources: tuple[LabelSource, ...]
    columns: tuple[tuple[str, str], ...]
    texts: list[str] | None
    findings: list[Finding]
    label_notes: tuple[Note, ...]
    config: DataConfig
    like: Reading | None = None
    recipe: CountRecipe | None = None
    table: tuple[str, ...] = ()
    """Every column of the file."""

    @property
    def origin(self) -> list[int]:
        """(N,) the samples' row numbers in the file."""
        kept = self.samples.kept
        return list(range(len(self.ids.values))) if kept is None else np.flatnonzero(kept).tolist()

    @property
    def kind(self) -> SampleKind:
        """What the samples are."""
        if self.vectors is not None:
            return "vectors"
        return "images" if self.samples.text_column is None else "texts"

    @cached_property
    def figures(self) -> ColumnFigures | None:
        """Figures of the vectors' columns; None for images, and where a number is not finite."""
        broken = any(one.code in ("non_finite", "bad_number") for one in self.findings)
        return None if self.vectors is None or broken else ColumnFigures.of(self.vectors)

    @cached_property
    def notes(self) -> tuple[Note, ...]:
        """Everything that a person should know."""
        left_out = skipped_notes(self.samples.skipped, len(self.ids.values))
        found = [*self.samples.notes, *left_out, *self.label_notes, *id_notes(self.ids)]
        if self.like is None and self.figures is not None and self.vectors is not None:
            found += vector_notes(
                self.vectors, self.figures, self.samples.names, self.sources, self.config.scale
            )
            found += column_notes(self.vectors, self.figures, self.samples.names)
        return tuple(found)


def draft(source: Source, config: DataConfig, like: Reading | None = None) -> Draft:
    """Read everything that training may see; `like` gives columns and scale of a discovery.

    Raises
    ------
    InputError
        What cannot be put down to single rows.
    """
    _check_samples(source, config)
    roles = coarse_roles(source, config)
    samples, recipe = by_recipe(
        restricted(source.samples(), source, roles, config), like, config, source.where
    )
    if like is not None:
        samples = conformed(samples, like, source.where)
    vectors, problems = _vectors(samples, source, config)
    n = _count(samples, vectors, source)
    _check_rows(n, source.where, config)
    sources, columns, notes, left_out = [], [], [], []
    for name, column in roles.sources:
        encoded = encode(
            rows_of(source, column, samples.kept, n),
            source.class_names(column),
            what=column,
            where=source.where,
            config=config,
        )
        free = name in roles.chosen or not config.require_labels
        unfit = None if free else _unfit(name, encoded.names, n)
        if unfit is not None:
            notes.append(Note("source_left_out", unfit))
            left_out.append((column, "no labels: see the note"))
            continue
        problems += encoded.findings
        notes += encoded.notes
        sources.append(to_source(name, encoded, where=source.where, config=config))
        columns.append((name, column))
    sources = sources or [no_labels(n)]
    if config.require_labels:
        if vectors is not None:
            problems += totals_findings(vectors, samples.names, sources[0].labels)
        if not roles.chosen & {name for name, _ in columns}:
            problem = one_hot(sources, [column for _, column in columns], source.where)
            if problem is not None:
                raise problem
        notes += source_notes(sources)
        notes += other_labels(source.columns(), roles, config)
    ids = read_ids(source, config, samples.kept, n)
    problems += id_findings(ids.values, config)
    texts = _texts(source, samples.text_column or roles.text_column, samples.kept, n)
    if samples.text_column is not None:
        problems += empty_texts(texts or [], samples.text_column)
    elif texts is not None:
        texts = [text[: config.max_text_letters] for text in texts]
    return Draft(
        source.where,
        samples.told(left_out=left_out),
        vectors,
        ids,
        tuple(sources),
        tuple(columns),
        texts,
        problems,
        tuple(notes),
        config,
        like,
        recipe,
        tuple(source.columns()),
    )


def _check_samples(source: Source, config: DataConfig) -> None:
    if config.samples == "labels":
        raise refusal(
            "a data set of samples",
            "that samples = labels says that there are labels alone",
            where=source.where,
            remedy="leave samples out, or measure predictions by it",
        )


def finish(found: Draft) -> CoarseDataset:
    """Return the data set, or raise the first finding."""
    if found.findings:
        raise found.findings[0].error(found.where, found.origin)
    reading = reading_of(found)
    vectors = found.vectors
    if vectors is not None and reading.scaling is not None:
        vectors = reading.scaling.apply(vectors)
    return CoarseDataset(
        vectors=vectors,
        images=found.samples.images,
        ids=tuple(found.ids.values),
        sources=found.sources,
        digest=_digest(found, vectors),
        texts=None if found.texts is None else tuple(found.texts),
        skipped=found.samples.skipped,
        reading=reading,
        kept=found.samples.kept,
    )


def new_samples(source: Source, config: DataConfig, like: Reading) -> CoarseDataset:
    """Return samples for a model, with the label sources that it knows; see `load_new_samples`."""
    found = draft(source, config, like)
    wanted = tuple(name for name, _ in like.coarse_columns)
    there = tuple(s.name for s in found.sources if s.names)
    notes = (*found.label_notes, *missing_sources(wanted, there))
    known = tuple(s for s in found.sources if not wanted or s.name in wanted) or (
        no_labels(len(found.ids.values)),
    )
    return finish(replace(found, sources=known, label_notes=notes))


def reading_of(found: Draft) -> Reading:
    """Return how a draft was read; the scaling is fitted here, unless an earlier one is given."""
    scaling = None if found.like is None else found.like.scaling
    if found.like is None and found.vectors is not None and found.figures is not None:
        labels, kind = found.sources[0].labels, found.config.scale
        scaling = scaling_without_far(found.vectors, found.figures, labels, kind)
    return Reading(
        coarse_columns=found.columns,
        id_column=found.ids.column,
        features=found.samples.names,
        left_out=found.samples.left_out,
        notes=found.notes,
        scaling=scaling,
        vector_column=found.samples.vector_column,
        obsm_key=found.samples.obsm_key,
        counts=found.recipe,
        text_column=found.samples.text_column,
    )


def coarse_roles(source: Source, config: DataConfig) -> Roles:
    """Return what the columns mean; there is a coarse label among them.

    Raises
    ------
    InputError
        A column that is not there; the message lists those that are.
    """
    roles = Roles.of(source.columns(), config)
    if not roles.sources and config.require_labels:
        check_column(source, COARSE_NAMES[0], "the coarse labels", "coarse_column")
    for _, column in roles.sources:
        check_column(source, column, "coarse labels", "coarse_column or label_sources")
    return roles


def _unfit(name: str, classes: tuple[str, ...], n: int) -> str | None:
    """Return why a column that only its name makes a label source is none."""
    fractions = any(FRACTION.fullmatch(label) for label in classes)
    if 2 <= len(classes) <= max(2, n // 2) and not fractions:
        return None
    found = "fractions" if fractions else f"{len(classes):,} different values in {n:,} rows"
    return (
        f"Column {quoted('coarse_' + name)} holds {found}, so it is not used as a label source; "
        "name it in label_sources if it is one."
    )


def _vectors(
    samples: Samples, source: Source, config: DataConfig
) -> tuple[FloatArray | None, list[Finding]]:
    if samples.vectors is None:
        return None, list(samples.findings)
    if not len(samples.vectors):
        _check_rows(0, source.where, config)
    vectors = to_vectors(samples.vectors, where=source.where, config=config)
    told = {row for finding in samples.findings for row, _ in finding.rows}
    return vectors, [*samples.findings, *vector_findings(vectors, samples.names, told)]


def _check_rows(n: int, where: str, config: DataConfig) -> None:
    least = 2 if config.require_labels else 1
    if not least <= n <= config.max_rows:
        raise refusal(
            f"{least} to {config.max_rows:,} samples",
            f"{n:,}",
            where=where,
            remedy="give a data set with more samples",
            code="no_data" if n < least else "too_many_rows",
        )


def _count(samples: Samples, vectors: FloatArray | None, source: Source) -> int:
    """Return N."""
    if vectors is not None:
        return len(vectors)
    if samples.text_column is None:
        return len(samples.images or ())
    if samples.kept is not None:
        return int(samples.kept.sum())
    check_column(source, samples.text_column, "texts", "text_column")
    return len(flat_column(source, samples.text_column))


def _texts(source: Source, name: str | None, kept: BoolArray | None, n: int) -> list[str] | None:
    if name is None:
        return None
    check_column(source, name, "one value per sample", "text_column")
    return as_strings(rows_of(source, name, kept, n), what=name, where=source.where)


def _digest(found: Draft, vectors: FloatArray | None) -> str:
    """sha256 over content, labels, names and ids; stable over formats of the same content."""
    digest = hashlib.sha256()
    for part in _content(found, vectors):
        digest.update(part)
    for source in found.sources:
        digest.update(json.dumps([source.name, *source.names]).encode())
        digest.update(source.labels.tobytes())
        if source.several:
            digest.update(json.dumps(sorted(source.several.items())).encode())
    digest.update(json.dumps(found.ids.values).encode())
    return digest.hexdigest()


def _content(found: Draft, vectors: FloatArray | None) -> Iterator[bytes | memoryview]:
    samples, images = found.samples, found.samples.images
    if samples.text_column is not None:
        yield json.dumps(found.texts).encode()
    elif vectors is None and isinstance(images, ArrayImages):
        yield repr(images.pixels.shape).encode()
        yield np.ascontiguousarray(images.pixels).data.cast("B")
    elif vectors is None:
        assert samples.content is not None
        yield samples.content.encode()
    else:
        yield repr(vectors.shape).encode()
        yield vectors.data.cast("B")
