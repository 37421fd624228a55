"""Figures of predictions and what is drawn of them, step by step: a job may be stopped in between.

Place: under `falcon metrics` and jobs of the kind metrics.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from falcon_svc import __version__
from falcon_svc.durable.files import storage_errors, sync_file
from falcon_svc.durable.shelf import Kept, Shelf
from falcon_svc.hierarchy import Tree
from falcon_svc.hierarchy.diagrams import Diagrams, TopClass, diagrams, top_classes
from falcon_svc.hierarchy.evaluation import Figures, evaluate_predictions, score_steps
from falcon_svc.hierarchy.inputs import RowScores
from falcon_svc.progress import Progress, Silent, taken_over
from falcon_svc.types import IntArray

CELLS_AT_ONCE = 4_000_000
"""Probabilities in memory: rows times classes."""
SCORES, FIGURES = "scores", "figures"
"""Stages: probabilities of all nodes, what is measured of them."""


@dataclass(frozen=True, eq=False)
class Measured:
    """What was measured.

    Parameters
    ----------
    figures
        By name; None where one has no meaning for these samples.
    n_samples
        Samples that were measured.
    classes
        Top-level classes.
    drawn
        Curves of probabilities; None where single classes were predicted, or nothing is drawn.
    """

    figures: Figures
    n_samples: int
    classes: tuple[TopClass, ...]
    drawn: Diagrams | None = None


def measured_paths(true: IntArray, predicted: IntArray, *, tree: Tree) -> Measured:
    """Measure one predicted node per sample.

    Parameters
    ----------
    true, predicted
        (n,) node numbers.
    tree
        The hierarchy.
    """
    figures = evaluate_predictions(true, predicted, tree=tree)
    classes = top_classes(true, predicted, tree=tree) if tree.is_tree else ()
    return Measured(figures, len(true), classes)


def measured_scores(
    true: IntArray,
    scores: ArrayLike | RowScores,
    *,
    tree: Tree,
    draw: bool = True,
    folder: Path | None = None,
    progress: Progress | None = None,
) -> Measured:
    """Measure probabilities of all nodes.

    Parameters
    ----------
    true, scores
        (n,) node numbers, and (n, n_nodes) probabilities, read in pieces, several times.
    tree
        The hierarchy; one parent per class.
    draw
        Whether curves are wanted too.
    folder
        Where figures are kept, so that the same measurement goes on with the next ones; None =
        nowhere.
    progress
        Told of every few figures.
    """
    told, shelf = progress or Silent(), None if folder is None else Shelf(folder)
    steps = score_steps(true, scores, tree=tree)
    told.stage(FIGURES, len(steps) + draw)
    kept = {name: _kept(shelf, name) for name in steps}
    earlier = sum(one is not None for one in kept.values())
    figures: Figures = {}
    for number, (name, step) in enumerate(steps.items(), 1):
        found = kept[name]
        if found is None:
            found = step()
            if shelf is not None:
                shelf.put(name, __version__, Kept(numbers=dict(found)))
            told.advance(number, taken_over(earlier))
        figures |= found
    drawn = diagrams(true, scores, tree=tree) if draw else None
    told.advance(len(steps) + draw, taken_over(earlier))
    return Measured(figures, len(true), () if drawn is None else drawn.classes, drawn)


def _kept(shelf: Shelf | None, name: str) -> Figures | None:
    found = None if shelf is None else shelf.get(name, __version__)
    return None if found is None else found.numbers


def rows_at_once(width: int) -> int:
    """Return how many rows of so many probabilities are worked on at once."""
    return max(1, CELLS_AT_ONCE // width)


def pieces(n: int, width: int, start: int = 0) -> Iterator[slice]:
    """Give the rows from `start` to n, so many at once as memory is meant to hold."""
    step = rows_at_once(width)
    for first in range(start, n, step):
        yield slice(first, min(first + step, n))


def kept_scores(
    score: Callable[[slice], NDArray[np.float64]],
    shape: tuple[int, int],
    file: Path,
    progress: Progress,
) -> NDArray[np.float32]:
    """Return (n, n_nodes) probabilities in a file, made piece by piece.

    What an earlier attempt has written is taken over, but for its last piece, which a loss of power
    may have cut.

    Parameters
    ----------
    score
        From a slice of rows to their probabilities.
    shape
        n and n_nodes, each >= 1.
    file
        Of float32, row by row; used by nothing else.
    progress
        Told of every piece.

    Raises
    ------
    StorageError
        The file cannot be written.
    """
    n, width = shape
    step = rows_at_once(width)
    progress.stage(SCORES, n)
    with storage_errors(
        "The probabilities could not be written", remedy="run again where there is room"
    ):
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("ab") as out:
            earlier = max(0, -(-out.tell() // (4 * width * step)) - 1) * step
            out.truncate(4 * width * earlier)
            for rows in pieces(n, width, earlier):
                out.write(np.asarray(score(rows), np.float32).tobytes())
                sync_file(out)
                progress.advance(rows.stop, taken_over(earlier))
    return np.memmap(file, np.float32, "r", shape=shape)
