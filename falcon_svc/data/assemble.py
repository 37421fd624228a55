"""From a `Source` to a `CoarseDataset`: choose columns, judge everything, take the digest.

`draft` collects what is wrong row by row; `finish` raises the first finding. `inspect` uses the
draft without raising, so validation and loading can never disagree.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from falcon_svc.data.config import DataConfig
from falcon_svc.data.images import ArrayImages
from falcon_svc.data.labels import as_strings, encode, id_findings, to_source
from falcon_svc.data.refusal import Finding, findings, listed, quoted, refusal
from falcon_svc.data.source import Column, Samples, Source
from falcon_svc.data.vectors import to_vectors, vector_findings
from falcon_svc.types import (
    UNLABELLED,
    BoolArray,
    CoarseDataset,
    EvalLabels,
    FloatArray,
    LabelSource,
)

COARSE_NAMES = ("coarse", "coarse_label", "label")
ID_NAMES = ("id", "ids", "file_name", "file")
TEXT_NAMES = ("text", "texts")
DEFAULT_SOURCE = "coarse"


@dataclass(frozen=True)
class Draft:
    """A data set that was read but not yet accepted."""

    where: str
    samples: Samples
    vectors: FloatArray | None
    ids: list[str]
    sources: tuple[LabelSource, ...]
    texts: list[str] | None
    findings: list[Finding]

    @property
    def origin(self) -> list[int]:
        """(N,) the samples' row numbers in the file."""
        kept = self.samples.kept
        return list(range(len(self.ids))) if kept is None else np.flatnonzero(kept).tolist()


def draft(source: Source, config: DataConfig) -> Draft:
    """Read everything that training may see.

    Raises
    ------
    InputError
        What cannot be put down to single rows.
    """
    chosen = coarse_columns(source, config)
    samples = source.samples()
    vectors, problems = _vectors(samples, source, config)
    n = len(vectors) if vectors is not None else len(samples.images or ())
    _check_rows(n, source.where, config)
    sources = []
    for name, column in chosen:
        encoded = encode(
            _rows(source, column, samples.kept, n),
            source.class_names(column),
            what=column,
            where=source.where,
            config=config,
        )
        problems += encoded.findings
        sources.append(to_source(name, encoded, where=source.where, config=config))
    problems += _missing(sources, problems)
    ids = _ids(source, config, samples.kept, n)
    problems += id_findings(ids, config)
    texts = _texts(source, config, samples.kept, n)
    return Draft(source.where, samples, vectors, ids, tuple(sources), texts, problems)


def finish(found: Draft) -> CoarseDataset:
    """Return the data set, or raise the first finding."""
    if found.findings:
        raise found.findings[0].error(found.where, found.origin)
    return CoarseDataset(
        vectors=found.vectors,
        images=found.samples.images if found.vectors is None else None,
        ids=tuple(found.ids),
        sources=found.sources,
        digest=_digest(found),
        texts=None if found.texts is None else tuple(found.texts),
        skipped=found.samples.skipped,
    )


def truth(source: Source, config: DataConfig) -> EvalLabels:
    """Read ids and fine labels; rows without a fine label are left out."""
    column = config.fine_column
    _check_column(source, column, "the fine truth", "fine_column")
    values = _flat(source, column)
    encoded = encode(
        values, source.class_names(column), what=column, where=source.where, config=config
    )
    ids = _ids(source, config, None, len(values))
    problems = encoded.findings + id_findings(ids, config)
    if problems:
        raise problems[0].error(source.where)
    known = np.flatnonzero(encoded.codes >= 0)
    if not known.size:
        raise refusal(
            f"fine labels in {quoted(column)}",
            "none",
            where=source.where,
            remedy="give a file with the fine truth",
            code="no_data",
        )
    return EvalLabels(tuple(ids[i] for i in known), encoded.codes[known], encoded.names)


def coarse_columns(source: Source, config: DataConfig) -> list[tuple[str, str]]:
    """Return (source name, column), the default source first.

    Raises
    ------
    InputError
        A column that is not there; the message lists those that are.
    """
    there = source.columns()
    main = config.coarse_column
    if main is None and DEFAULT_SOURCE not in config.label_sources:
        main = next((name for name in COARSE_NAMES if name in there), None)
    further = dict(config.label_sources) or _further(there, main)
    chosen = ([(DEFAULT_SOURCE, main)] if main else []) + list(further.items())
    if not chosen:
        raise _no_column(source, COARSE_NAMES[0], "the coarse labels", "coarse_column")
    for _, column in chosen:
        _check_column(source, column, "coarse labels", "coarse_column or label_sources")
    return chosen


def _further(there: tuple[str, ...], main: str | None) -> dict[str, str]:
    return {
        column.removeprefix("coarse_"): column
        for column in there
        if column.startswith("coarse_")
        and column != "coarse_"
        and not column.endswith("_names")
        and column not in (main, "coarse_label")
    }


def _check_column(source: Source, column: str, purpose: str, setting: str) -> None:
    if column not in source.columns():
        raise _no_column(source, column, purpose, setting)


def _no_column(source: Source, column: str, purpose: str, setting: str) -> Exception:
    return refusal(
        f"a column {quoted(column)} with {purpose}",
        f"the columns {listed(source.columns())}",
        where=source.where,
        remedy=f"name the right one with {setting}",
        code="no_such_column",
    )


def _vectors(
    samples: Samples, source: Source, config: DataConfig
) -> tuple[FloatArray | None, list[Finding]]:
    if samples.vectors is None:
        return None, []
    vectors = to_vectors(samples.vectors, where=source.where, config=config)
    return vectors, vector_findings(vectors, samples.names)


def _check_rows(n: int, where: str, config: DataConfig) -> None:
    if not 2 <= n <= config.max_rows:
        raise refusal(
            f"2 to {config.max_rows:,} samples",
            f"{n:,}",
            where=where,
            remedy="give a data set with samples of at least two coarse classes",
            code="no_data" if n < 2 else "too_many_rows",
        )


def _flat(source: Source, name: str) -> Column:
    values = source.column(name)
    if values.ndim != 1:
        raise refusal(
            f"one value per row in {quoted(name)}",
            f"shape {values.shape}",
            where=source.where,
            remedy="save it as a 1-D array",
            code="bad_shape",
        )
    return values


def _rows(source: Source, name: str, kept: BoolArray | None, n: int) -> Column:
    """Return a column for the n samples that were kept."""
    values = _flat(source, name)
    expected = n if kept is None else len(kept)
    if len(values) != expected:
        raise refusal(
            f"{expected:,} values in {quoted(name)}, one per sample",
            f"{len(values):,}",
            where=source.where,
            remedy="save samples and labels with the same number of rows",
            code="length_mismatch",
        )
    return values if kept is None else values[kept]


def _missing(sources: list[LabelSource], problems: list[Finding]) -> list[Finding]:
    """Rows that no source labels, unless they were already found wrong."""
    unlabelled = np.all([s.labels == UNLABELLED for s in sources], axis=0)
    known = {row for problem in problems if problem.code == "bad_label" for row, _ in problem.rows}
    return findings(
        "missing_label",
        "a coarse label from at least one source",
        "label these rows or remove them",
        [row for row in np.flatnonzero(unlabelled).tolist() if row not in known],
        lambda row: "none",
    )


def _named(source: Source, wanted: str | None, usual: tuple[str, ...], setting: str) -> str | None:
    if wanted is not None:
        _check_column(source, wanted, "one value per sample", setting)
        return wanted
    return next((name for name in usual if name in source.columns()), None)


def _ids(source: Source, config: DataConfig, kept: BoolArray | None, n: int) -> list[str]:
    name = _named(source, config.id_column, ID_NAMES, "id_column")
    if name is None:
        rows = np.arange(n) if kept is None else np.flatnonzero(kept)
        return [str(row) for row in rows.tolist()]
    return as_strings(_rows(source, name, kept, n), what=name, where=source.where)


def _texts(source: Source, config: DataConfig, kept: BoolArray | None, n: int) -> list[str] | None:
    name = _named(source, config.text_column, TEXT_NAMES, "text_column")
    if name is None:
        return None
    values = as_strings(_rows(source, name, kept, n), what=name, where=source.where)
    return [value[: config.max_text_letters] for value in values]


def _digest(found: Draft) -> str:
    """sha256 over content, labels, names and ids; stable over formats of the same content."""
    digest = hashlib.sha256()
    for part in _content(found):
        digest.update(part)
    for source in found.sources:
        digest.update(json.dumps([source.name, *source.names]).encode())
        digest.update(source.labels.tobytes())
    digest.update(json.dumps(found.ids).encode())
    return digest.hexdigest()


def _content(found: Draft) -> Iterator[bytes | memoryview]:
    images = found.samples.images
    values = found.vectors
    if values is None and isinstance(images, ArrayImages):
        yield repr(images.pixels.shape).encode()
        yield np.ascontiguousarray(images.pixels).data.cast("B")
    elif values is None:
        assert found.samples.content is not None
        yield found.samples.content.encode()
    else:
        yield repr(values.shape).encode()
        yield values.data.cast("B")
