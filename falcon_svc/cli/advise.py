"""`falcon advise`: would finer labels improve coarse accuracy, for which classes, with how many?"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from falcon_svc.cli import options
from falcon_svc.cli.path_labels import Result, coarse_of, discovered_of, fine_of, vectors_of
from falcon_svc.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

    from falcon_svc.hierarchy.advice import Advice
    from falcon_svc.types import CoarseDataset

WithoutFine = Annotated[
    bool,
    typer.Option("--without-fine", help="Do as if INPUT had no fine labels: try stand-ins."),
]
Hidden = Annotated[
    list[int] | None,
    typer.Option("--hidden", metavar="N", help="Hidden units of a head; 0, 32 and 128 by default."),
]
Folds = Annotated[
    int, typer.Option("--folds", metavar="N", help="Number of folds of the cross-validation.")
]


def advise(
    source: options.Input,
    result: Result = None,
    without_fine: WithoutFine = False,
    hidden: Hidden = None,
    folds: Folds = 5,
    coarse_column: options.CoarseColumn = None,
    seed: options.Seed = None,
    as_json: options.Json = False,
) -> None:
    """Say whether training on finer labels would improve coarse accuracy in INPUT."""
    from falcon_svc.cli.settings import Flags, data_config
    from falcon_svc.data import load_dataset
    from falcon_svc.hierarchy.advice import advise as advice_on
    from falcon_svc.hierarchy.advice.advisor import HIDDEN

    dataset = load_dataset(source, data_config(Flags(coarse_column=coarse_column)))
    vectors, coarse = vectors_of(dataset, source), coarse_of(dataset)
    kept = [i for i, name in enumerate(coarse) if name]
    fine = None if without_fine else _fine(dataset, source)
    discovered = None if result is None else discovered_of(dataset, result)
    found = advice_on(
        vectors[kept],
        [coarse[i] for i in kept],
        None if fine is None else [fine[i] for i in kept],
        discovered=None if discovered is None else [discovered[i] for i in kept],
        hidden=tuple(hidden or HIDDEN),
        n_folds=folds,
        seed=seed or 0,
    )
    print(json.dumps(found.document(), indent=2) if as_json else _text(found, len(dataset), kept))


def _fine(dataset: CoarseDataset, source: Path) -> list[str] | None:
    """Return the fine labels of the data set, None where it has none."""
    try:
        return fine_of(dataset, source)
    except InputError:
        return None


def _text(found: Advice, n: int, kept: list[int]) -> str:
    if len(kept) == n:
        return found.text()
    return f"{n - len(kept):,} rows without a coarse label were left out.\n{found.text()}"
