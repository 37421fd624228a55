"""Coarse labels that come with new samples, as classes that a model knows.

A name that the model does not know rules nothing out: its sample is assigned as one without label,
and marked. Names are compared as reading writes them: without outer blanks, ``1.0`` as ``1``.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from falcon_svc.columns import few
from falcon_svc.errors import InputError
from falcon_svc.types import UNLABELLED, BoolArray, LabelSource, Note

Labels = Sequence[str | None] | NDArray[Any]
"""A coarse class name per sample, None where it is unknown; ``land|sea`` names two."""

MISSING = {"", "-1", "nan", "NaN", "NAN", "<NA>", "NaT"}  # as reading takes them

SEVERAL_MARKS = re.compile("[|;]")
WHOLE_FLOAT = re.compile(r"(-?[0-9]{1,18})[.,]0+")


@dataclass(frozen=True)
class GivenLabels:
    """The labels of N samples, per label source of the model and in its order.

    Parameters
    ----------
    sources
        -1 where a sample has no label, or one that is not known.
    unknown
        (N,) whether a label was given that the model does not know.
    notes
        Which labels these were.
    """

    sources: tuple[LabelSource, ...]
    unknown: BoolArray
    notes: tuple[Note, ...]

    @classmethod
    def of(
        cls,
        given: Labels | Mapping[str, Labels] | None,
        n: int,
        known: tuple[tuple[str, tuple[str, ...]], ...],
    ) -> GivenLabels:
        """Look labels up.

        Parameters
        ----------
        given
            N labels of the first source, or N labels per source; None = there are none.
        n
            N, the number of samples.
        known
            The name and the class names of each label source of the model.

        Raises
        ------
        InputError
            Another number of labels than samples, or a label source that the model lacks.
        """
        first = known[0][0]
        tables = given if isinstance(given, Mapping) else {} if given is None else {first: given}
        sources = [name for name, _ in known]
        if strange := [name for name in tables if name not in sources]:
            raise InputError(
                f"Expected label sources of the discovery ({', '.join(sources)}), found "
                f"{strange[0][:60]!r}; leave it out."
            )
        unknown: BoolArray = np.zeros(n, np.bool_)
        found: list[LabelSource] = []
        notes: list[Note] = []
        for name, classes in known:
            source, others = _looked_up(tables.get(name), n, name, classes)
            unknown[list(others)] = True
            found.append(source)
            notes += _told(name, others)
        return cls(tuple(found), unknown, tuple(notes))


def _looked_up(
    given: Labels | None, n: int, source: str, classes: tuple[str, ...]
) -> tuple[LabelSource, dict[int, str]]:
    """Return the labels of one source, and row -> label of those that are not known."""
    if isinstance(given, str):
        raise InputError(
            f"Expected a sequence of coarse labels, one per vector, found the text {given[:60]!r}; "
            "put it into a list."
        )
    if given is not None and len(given) != n:
        raise InputError(
            f"Expected one coarse label for each of {n} vectors, found {len(given)}; give null "
            "where it is unknown."
        )
    index = {name: k for k, name in enumerate(classes)}
    labels, several, strange = np.full(n, UNLABELLED, np.int64), {}, {}
    for row, value in enumerate(() if given is None else given):
        label = unicodedata.normalize("NFC", str(value))
        if value is None or (label not in index and label.strip() in MISSING):
            continue
        named = _classes_of(label, index)
        if len(named) == 1:
            labels[row] = named[0]
        elif named:
            several[row] = named
        else:
            strange[row] = label
    return LabelSource(source, labels, classes, several), strange


def _classes_of(label: str, index: Mapping[str, int]) -> tuple[int, ...]:
    """Return the classes that a label names, none where one of them is not known."""
    names = [label] if label in index else [part.strip() for part in SEVERAL_MARKS.split(label)]
    found = {index.get(name, index.get(_plain(name), -1)) for name in names}
    return () if -1 in found else tuple(sorted(found))


def _plain(name: str) -> str:
    whole = WHOLE_FLOAT.fullmatch(name)
    return whole[1] if whole else name


def _told(source: str, strange: Mapping[int, str]) -> tuple[Note, ...]:
    if not strange:
        return ()
    names = sorted(set(strange.values()))
    text = f"{len(strange):,} samples have labels of {source} that the model does not know "
    text += f"({few(names)}); they are assigned by their features alone, and marked."
    return (Note("unknown_labels", text),)
