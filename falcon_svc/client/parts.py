"""Many vectors in several requests, and their answers as one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

NUMBERS = 1_000_000  # of one request: about 20 MB of JSON
MOST_ROWS = 10_000  # of one request, as the service takes them
Rows = list[list[float]]


def in_parts(
    vectors: Sequence[Sequence[float]], ask: Callable[[slice, Rows], Any]
) -> tuple[list[Any], list[Any]]:
    """Return the predictions for all vectors, and the notes of all answers, each once.

    Parameters
    ----------
    vectors
        (N, D).
    ask
        Sends some rows, given with their place, and returns the answer.
    """
    wide = len(vectors[0]) if len(vectors) else 1
    at_once = min(MOST_ROWS, max(1, NUMBERS // max(1, wide)))
    predictions: list[Any] = []
    notes: list[Any] = []
    for start in range(0, len(vectors), at_once):
        part = slice(start, start + at_once)
        answer = ask(part, [list(map(float, row)) for row in vectors[part]])
        predictions += answer["predictions"]
        notes += [note for note in answer["notes"] if note not in notes]
    return predictions, notes
