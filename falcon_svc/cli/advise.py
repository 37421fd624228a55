"""`falcon advise`: would finer labels improve coarse accuracy, for which classes, with how many?"""

from __future__ import annotations

import json
from dataclasses import replace
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
    encoder: options.Encoder = None,
    allow_download: options.AllowDownload = False,
    coarse_column: options.CoarseColumn = None,
    report: Report = None,
    seed: options.Seed = None,
    device: options.DeviceFlag = None,
    as_json: options.Json = False,
) -> None:
    """Say whether training on finer labels would improve coarse accuracy in INPUT."""
    from falcon_svc.cli.settings import Flags, discovery_config
    from falcon_svc.data import load_dataset
    from falcon_svc.encoder import EncoderRun
    from falcon_svc.hierarchy.advice.advisor import HIDDEN
    from falcon_svc.pipeline.device import choose_device
    from falcon_svc.report import render_advice_report
    from falcon_svc.supervised.advising import advise_on, fine_if_any
    from falcon_svc.supervised.encoding import vectors_of

    flags = Flags(encoder=encoder, allow_download=allow_download, coarse_column=coarse_column)
    settings = discovery_config(replace(flags, seed=seed, device=device))
    dataset = load_dataset(source, settings.reading)
    run = EncoderRun(settings.encoder, settings.seed, choose_device(settings.device))
    found = advise_on(
        dataset,
        vectors_of(dataset, run),
        fine=None if without_fine else fine_if_any(dataset, source, settings.reading),
        result=result,
        hidden=tuple(hidden or HIDDEN),
        n_folds=folds,
        seed=settings.seed,
    )
    if report is not None:
        write_page(render_advice_report(found.advice, found.text()), report)
    print(json.dumps(found.advice.document(), indent=2) if as_json else found.text())
