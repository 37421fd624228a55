"""Texts of like length together, in batches whose shape depends on that length alone.

A matrix product may sum in another order when its shape changes, and an attention that sees no
padding may run another kernel. Therefore a text of n tokens always goes through a batch of the same
(rows, length), filled up where texts are lacking, and padded batches always hold a padded row: then
its vector does not depend on which other texts there are (`tests/encoder/test_text.py`).

Shapes: B rows of a batch, L its length in tokens.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from falcon_svc.types import IntArray

TOKENS = 512
"""About so many tokens in a batch: large enough for fast products, small for a single text."""

EXACT = 32
"""Texts of up to so many tokens are never padded; longer ones to a multiple of `STEP`."""

STEP = 16

Tokens = Sequence[int]


@dataclass(frozen=True)
class Batch:
    """Texts that go through a model together.

    Parameters
    ----------
    rows
        (n,) numbers of the texts; the first n rows of `ids` are theirs, the others are filling.
    ids, mask
        (B, L) int64 token ids, and 1 where there is a token.
    """

    rows: IntArray
    ids: IntArray
    mask: IntArray


def shape_of(n_tokens: int, most: int) -> tuple[int, int]:
    """Return (B, L) for texts of `n_tokens`, of a model that reads `most`.

    Examples
    --------
    >>> shape_of(10, 256), shape_of(33, 256), shape_of(256, 256)
    ((51, 10), (10, 48), (2, 256))
    """
    length = n_tokens if n_tokens <= EXACT else min(-(-n_tokens // STEP) * STEP, most)
    return max(TOKENS // max(length, 1), 2), length


def batches(texts: Sequence[Tokens], most: int) -> Iterator[Batch]:
    """Yield all texts, the longest first: memory is highest, and time per batch, at the start."""
    groups: dict[tuple[int, int], list[int]] = defaultdict(list)
    for row, tokens in enumerate(texts):
        groups[shape_of(len(tokens), most)].append(row)
    for (size, length), rows in sorted(groups.items(), key=lambda group: -group[0][1]):
        room = size if length <= EXACT else size - 1
        for start in range(0, len(rows), room):
            yield _batch(rows[start : start + room], texts, size, length)


def _batch(rows: list[int], texts: Sequence[Tokens], size: int, length: int) -> Batch:
    ids, mask = np.zeros((size, length), np.int64), np.zeros((size, length), np.int64)
    filling = texts[rows[0]][: length if length <= EXACT else length - 1]
    for place in range(size):
        tokens = texts[rows[place]] if place < len(rows) else filling
        ids[place, : len(tokens)], mask[place, : len(tokens)] = tokens, 1
    return Batch(np.array(rows, np.int64), ids, mask)
