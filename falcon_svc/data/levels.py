"""Label columns as paths: what a person has labelled, level by level.

Place: read where somebody asks for training on these very labels (`falcon_svc.supervised`); no
discovery does.
"""

from __future__ import annotations

from collections.abc import Sequence

from falcon_svc.data.config import DataConfig
from falcon_svc.data.labels import encode
from falcon_svc.data.refusal import quoted, refusal
from falcon_svc.data.source import Source, check_column, rows_of
from falcon_svc.types import CoarseDataset

Path_ = tuple[str, ...]


def level_paths(
    source: Source, config: DataConfig, columns: Sequence[str], dataset: CoarseDataset
) -> list[Path_]:
    """Return each sample's names in some columns, top level first, without an empty end.

    Parameters
    ----------
    source, config
        The data set's file, and how it was read.
    columns
        One per level.
    dataset
        What was read of it: the samples are its.
    """
    names = [_names(source, config, column, dataset) for column in columns]
    return [_path(row) for row in zip(*names, strict=True)]


def _path(row: tuple[str, ...]) -> Path_:
    depth = max((level for level, name in enumerate(row, 1) if name), default=0)
    return row[:depth]


def _names(source: Source, config: DataConfig, column: str, dataset: CoarseDataset) -> list[str]:
    """Return a column's name of each sample, "" where it has none."""
    check_column(source, column, "labels", "levels")
    found = encode(
        rows_of(source, column, dataset.kept, len(dataset)),
        source.class_names(column),
        what=column,
        where=source.where,
        config=config,
    )
    if found.findings:
        raise found.findings[0].error(source.where)
    if found.several:
        raise refusal(
            f"one class per sample in {quoted(column)}",
            f"several for sample {quoted(dataset.ids[min(found.several)])}",
            where=source.where,
            remedy="name one, or leave it empty",
            code="bad_label",
        )
    return [found.names[k] if k >= 0 else "" for k in found.codes.tolist()]
