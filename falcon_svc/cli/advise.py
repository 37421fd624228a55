"""`falcon advise`: would finer labels improve coarse accuracy, for which classes, with how many?"""

from __future__ import annotations

import json
from typing import Annotated

import typer

from falcon_svc.cli import options
from falcon_svc.cli.page_file import Report, write_page
from falcon_svc.cli.path_labels import Result

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
    report: Report = None,
    seed: options.Seed = None,
    as_json: options.Json = False,
) -> None:
    """Say whether training on finer labels would improve coarse accuracy in INPUT."""
    from falcon_svc.cli.settings import Flags, data_config
    from falcon_svc.data import load_dataset
    from falcon_svc.hierarchy.advice.advisor import HIDDEN
    from falcon_svc.report import render_advice_report
    from falcon_svc.supervised.advising import advise_on, fine_if_any
    from falcon_svc.supervised.labels import vectors_of

    config = data_config(Flags(coarse_column=coarse_column))
    dataset = load_dataset(source, config)
    found = advise_on(
        dataset,
        vectors_of(dataset, source.name),
        fine=None if without_fine else fine_if_any(dataset, source, config),
        result=result,
        hidden=tuple(hidden or HIDDEN),
        n_folds=folds,
        seed=seed or 0,
    )
    if report is not None:
        write_page(render_advice_report(found.advice, found.text()), report)
    print(json.dumps(found.advice.document(), indent=2) if as_json else found.text())
