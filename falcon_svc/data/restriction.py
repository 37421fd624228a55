"""Only the samples of some coarse classes: ``restrict_to = ["bird"]``.

Place: between the reader and everything else, so that what is fitted on the samples (scales,
components of counts) is fitted on those that stay.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from falcon_svc.data.column_names import Roles
from falcon_svc.data.config import DataConfig
from falcon_svc.data.files import FileImages
from falcon_svc.data.images import ArrayImages
from falcon_svc.data.labels import Encoded, encode
from falcon_svc.data.refusal import Finding, listed, quoted, refusal
from falcon_svc.data.source import Samples, Source, flat_column, rows_of
from falcon_svc.types import BoolArray, Images, Note


def restricted(samples: Samples, source: Source, roles: Roles, config: DataConfig) -> Samples:
    """Return the samples whose coarse label (first source) is one of `config.restrict_to`.

    A sample of several classes stays if all of them are wanted.

    Raises
    ------
    InputError
        A class that no sample has, or no column of coarse labels.
    """
    if not config.restrict_to or not roles.sources:
        return samples
    column = roles.sources[0][1]
    n = _n_samples(samples, source)
    encoded = encode(
        rows_of(source, column, samples.kept, n),
        source.class_names(column),
        what=column,
        where=source.where,
        config=config,
    )
    inside = _inside(encoded, config.restrict_to, column, source.where)
    text = f"Only samples of {listed(config.restrict_to)} in {quoted(column)} are read, "
    note = Note("restricted", text + f"{int(inside.sum()):,} of {n:,}.")
    return _part(samples, inside).told(notes=[note])


def _n_samples(samples: Samples, source: Source) -> int:
    if samples.vectors is not None:
        return len(samples.vectors)
    if samples.images is not None:
        return len(samples.images)
    if samples.counts is not None:
        return int(samples.counts.shape[0])
    assert samples.text_column is not None
    every = len(flat_column(source, samples.text_column))
    return every if samples.kept is None else int(samples.kept.sum())


def _inside(encoded: Encoded, wanted: tuple[str, ...], column: str, where: str) -> BoolArray:
    strange = [name for name in wanted if name not in encoded.names]
    if strange:
        raise refusal(
            f"classes of {quoted(column)} in restrict_to ({listed(encoded.names)})",
            listed(strange),
            where=where,
            remedy="name classes that are there",
            code="bad_label",
        )
    codes = {encoded.names.index(name) for name in wanted}
    inside: BoolArray = np.isin(encoded.codes, sorted(codes))
    for row, classes in encoded.several.items():
        inside[row] = codes.issuperset(classes)
    return inside


def _part(samples: Samples, inside: BoolArray) -> Samples:
    """Return the samples that are inside, (n,) bool, renumbered."""
    kept = inside
    if samples.kept is not None:
        kept = samples.kept.copy()
        kept[samples.kept] = inside
    return replace(
        samples,
        vectors=None if samples.vectors is None else samples.vectors[inside],
        images=None if samples.images is None else _pictures(samples.images, inside),
        counts=None if samples.counts is None else samples.counts[inside],
        kept=kept,
        findings=tuple(f for one in samples.findings for f in _findings(one, inside)),
    )


def _pictures(images: Images, inside: BoolArray) -> Images:
    assert isinstance(images, ArrayImages | FileImages), type(images)
    return images.keep(inside)


def _findings(found: Finding, inside: BoolArray) -> list[Finding]:
    number = np.cumsum(inside) - 1
    rows = tuple((int(number[row]), what) for row, what in found.rows if inside[row])
    unlisted = found.total - len(found.rows)
    return [replace(found, rows=rows, total=len(rows) + unlisted)] if rows else []
