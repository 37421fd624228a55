"""What is odd about label sources as a whole: none for a row, one class, far too many, one-hot."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from falcon_svc.data.refusal import listed, quoted, refusal
from falcon_svc.errors import InputError
from falcon_svc.types import UNLABELLED, LabelSource, Note

SUMMARY = re.compile(
    r"(.*\b)?(grand |sub)?(totals?|summe|gesamt)|sum|mean|average|avg|mittelwert|median|std|sd|var|"
    r"min|max|count|std\.? ?dev\.?|\d+ ?%",
    re.IGNORECASE,
)
FEW_ROWS = 2
BINARY = ({"0", "1"}, {"False", "True"})
CHANCE_DEVIATIONS = 3.0  # of chi-squared above its mean, within which two sources are unrelated


def source_notes(sources: Sequence[LabelSource]) -> list[Note]:
    """Return the notes on the label sources of a data set that is to be discovered in."""
    return [
        *_unlabelled(sources),
        *_one_class(sources),
        *_many_classes(sources[0]),
        *_summaries(sources[0]),
        *(note for other in sources[1:] for note in _unrelated(sources[0], other)),
    ]


def unlabelled_rows(sources: Sequence[LabelSource]) -> list[int]:
    """Return the samples that no source labels, neither with one class nor with several."""
    several = {row for source in sources for row in source.several}
    missing = np.all([source.labels == UNLABELLED for source in sources], axis=0)
    return [row for row in np.flatnonzero(missing).tolist() if row not in several]


def one_hot(
    sources: Sequence[LabelSource], columns: Sequence[str], where: str
) -> InputError | None:
    """Return the refusal of labels that are spread over columns of 0 and 1, one of them 1 per row.

    As label sources of their own they would say only what a sample is not.
    """
    if len(sources) < 2 or any(set(source.names) not in BINARY for source in sources):
        return None
    ones = np.sum([source.labels == 1 for source in sources], axis=0)
    if not (ones == 1).all():
        return None
    return refusal(
        "coarse labels in one column",
        f"one-hot columns ({listed(columns)}), of which one is 1 in each row",
        where=where,
        remedy="write one column with the classes' names (pandas: from_dummies), or name these "
        "columns as label sources with label_sources",
        code="one_hot_labels",
    )


def _unlabelled(sources: Sequence[LabelSource]) -> list[Note]:
    rows = unlabelled_rows(sources)
    if not rows:
        return []
    text = f"{len(rows):,} of {len(sources[0].labels):,} samples have no coarse label; "
    return [Note("unlabelled", text + "they get their fine class by their features alone.")]


def _one_class(sources: Sequence[LabelSource]) -> list[Note]:
    if max(source.n_coarse for source in sources) > 1:
        return []
    text = f"All samples are of one coarse class, {quoted(sources[0].names[0])}: how many fine "
    text += "classes it holds is less sure than where other classes show what a difference is."
    return [Note("one_coarse_class", text)]


def _many_classes(source: LabelSource) -> list[Note]:
    n = int((source.labels != UNLABELLED).sum())
    if source.n_coarse <= max(2, n // 2):
        return []
    text = f"Coarse labels are {source.n_coarse:,} different ones in {n:,} samples, as numbers or "
    text += "ids are; a class of one or two samples holds no finer ones, so name the column of the "
    return [Note("many_classes", text + "coarse labels with coarse_column.")]


def _summaries(source: LabelSource) -> list[Note]:
    """Return the note on classes of one or two rows that are called as rows of totals are."""
    sizes = np.bincount(source.labels + 1, minlength=source.n_coarse + 1)[1:]
    told = [
        name
        for name, size in zip(source.names, sizes.tolist(), strict=True)
        if size <= FEW_ROWS and SUMMARY.fullmatch(name)
    ]
    if not told:
        return []
    text = f"Rows with the coarse labels {listed(told)} seem to sum up others, and count as "
    return [Note("summary_rows", text + "samples; remove them if they are none.")]


def _unrelated(first: LabelSource, other: LabelSource) -> list[Note]:
    """Return the note on a source of more classes that lie alike in all classes of the first.

    By Pearson's chi-squared, whose mean is its degrees of freedom and whose variance twice those.
    """
    both = (first.labels != UNLABELLED) & (other.labels != UNLABELLED)
    if not 1 < first.n_coarse < other.n_coarse or not both.any():
        return []
    table = np.zeros((first.n_coarse, other.n_coarse))
    np.add.at(table, (first.labels[both], other.labels[both]), 1)
    table = table[table.any(axis=1)][:, table.any(axis=0)]
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / table.sum()
    chi = float(((table - expected) ** 2 / expected).sum())
    freedom = (len(table) - 1) * (table.shape[1] - 1)
    if not freedom or chi > freedom + CHANCE_DEVIATIONS * np.sqrt(2.0 * freedom):
        return []
    text = f"The {other.n_coarse:,} classes of label source {quoted(other.name)} lie alike in all "
    text += f"classes of {quoted(first.name)}, as sites, batches and annotators do, and each gets "
    text += "fine classes of its own; leave its column out with ignore_columns unless it says what "
    return [Note("unrelated_source", text + "the samples are.")]
