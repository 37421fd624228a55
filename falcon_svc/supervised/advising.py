"""Advice on a data set: would finer labels improve its coarse accuracy?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from falcon_svc.checkpoint import CheckpointStore
from falcon_svc.data import DataConfig
from falcon_svc.errors import InputError
from falcon_svc.hierarchy.advice import Advice, advise
from falcon_svc.progress import Progress
from falcon_svc.supervised.labels import coarse_of, discovered_of, fine_of
from falcon_svc.types import CoarseDataset, FloatArray


@dataclass(frozen=True)
class Advised:
    """Advice, and how many rows it could not use: those without a coarse label."""

    advice: Advice
    n_left_out: int

    def text(self) -> str:
        """Return all in sentences."""
        if not self.n_left_out:
            return self.advice.text()
        left_out = f"{self.n_left_out:,} rows without a coarse label were left out."
        return f"{left_out}\n{self.advice.text()}"


def advise_on(
    dataset: CoarseDataset,
    vectors: FloatArray,
    *,
    fine: Sequence[str] | None,
    result: Path | None,
    hidden: Sequence[int],
    n_folds: int,
    seed: int,
    progress: Progress | None = None,
    checkpoints: CheckpointStore | None = None,
) -> Advised:
    """Compare coarse with finer training on the rows that have a coarse label.

    Parameters
    ----------
    dataset, vectors
        The samples.
    fine
        Their fine labels by name; None = there are none, stand-ins are tried.
    result
        Directory of a discovery in these samples, as another stand-in.
    hidden, n_folds, seed, progress, checkpoints
        As in `falcon_svc.hierarchy.advice.advise`.
    """
    coarse = coarse_of(dataset)
    kept = [i for i, name in enumerate(coarse) if name]
    discovered = None if result is None else discovered_of(dataset, result)
    found = advise(
        vectors[kept],
        [coarse[i] for i in kept],
        None if fine is None else [fine[i] for i in kept],
        discovered=None if discovered is None else [discovered[i] for i in kept],
        hidden=hidden,
        n_folds=n_folds,
        seed=seed,
        progress=progress,
        checkpoints=checkpoints,
    )
    return Advised(found, len(dataset) - len(kept))


def fine_if_any(dataset: CoarseDataset, source: Path, config: DataConfig) -> list[str] | None:
    """Return the fine labels of a data set by name; None where it has no column of them."""
    try:
        return fine_of(dataset, source, config)
    except InputError as error:
        if error.code != "no_such_column":
            raise
        return None
