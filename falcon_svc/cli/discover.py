"""`falcon discover` and `falcon demo`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from falcon_svc.cli import options
from falcon_svc.cli.adding import AddTo, Overwrite, check_add_to
from falcon_svc.cli.explore import explore as show_totals
from falcon_svc.cli.review import user_name
from falcon_svc.cli.runs import run_discovery
from falcon_svc.cli.settings import Flags, discovery_config
from falcon_svc.cli.summary import print_summary, summarise
from falcon_svc.errors import ConfigError

if TYPE_CHECKING:
    from falcon_svc.result.record import Discovery
    from falcon_svc.triage.continuing import Heir

DEMO_FIGURES = ("acc", "ari", "nmi", "acc_unmasked", "relation_edge_acc")
Text = Annotated[
    bool,
    typer.Option(
        "--text", help="Discover in the texts of the requests, with the encoder of the extra text."
    ),
]
Images = Annotated[
    bool,
    typer.Option(
        "--images", help="Discover in drawings of characters, with an encoder trained on them."
    ),
]
DemoOut = Annotated[
    Path | None,
    typer.Option(
        "--out",
        metavar="DIR",
        help="Directory of the result; default out/demo, out/demo-images, ...",
    ),
]
ContinueFrom = Annotated[
    Path | None,
    typer.Option(
        "--continue-from",
        metavar="DIR",
        help="Earlier result: its classes keep ids, names and approvals in the new review.",
    ),
]
KeepClasses = Annotated[
    bool,
    typer.Option(
        "--keep-classes",
        help="Keep the classes of --continue-from as they are, and let new samples join them.",
    ),
]


def discover(
    source: options.Input,
    out: options.Out,
    n_fine: options.NFine = None,
    n_fine_per_coarse: options.NFinePerCoarse = None,
    encoder: options.Encoder = None,
    allow_download: options.AllowDownload = False,
    train_encoder: options.TrainEncoder = False,
    config: options.ConfigFile = None,
    seed: options.Seed = None,
    device: options.DeviceFlag = None,
    resume: options.Resume = False,
    explore: options.Explore = False,
    coarse_column: options.CoarseColumn = None,
    label_source: options.LabelSources = None,
    add_to: AddTo = None,
    overwrite: Overwrite = False,
    continue_from: ContinueFrom = None,
    keep_classes: KeepClasses = False,
    quiet: options.Quiet = False,
    as_json: options.Json = False,
) -> None:
    """Find the fine classes of INPUT and write them to DIR."""
    check_add_to(source, add_to, overwrite=overwrite)
    heir = _heir(continue_from, keep_classes=keep_classes, explore=explore)
    flags = Flags(
        config=config,
        n_fine=n_fine,
        n_fine_per_coarse=n_fine_per_coarse,
        encoder=encoder,
        allow_download=allow_download,
        train_encoder=train_encoder,
        coarse_column=coarse_column,
        label_sources=label_source,
        seed=seed,
        device=device.value if device else None,
    )
    directory = out.absolute()
    if explore and resume:
        raise ConfigError(
            "Expected --explore or --resume, found both; --explore always begins anew, leave "
            "--resume out."
        )
    if explore:
        show_totals(source, directory, flags, quiet=quiet, as_json=as_json)
        return
    found = run_discovery(
        *(source, directory, discovery_config(flags)),
        resume=resume,
        quiet=quiet,
        add_to=add_to,
        inherit=heir,
    )
    summary = summarise(found, directory)
    if heir is not None and heir.ancestry is not None:
        summary["earlier_review"] = heir.ancestry.document()
    _show(summary, quiet=quiet, as_json=as_json)


def _heir(earlier: Path | None, *, keep_classes: bool, explore: bool) -> Heir | None:
    """Open the earlier review, before anything that takes time."""
    if earlier is None:
        if keep_classes:
            raise ConfigError(
                "Expected --continue-from with --keep-classes, found none; name the earlier result."
            )
        return None
    if explore:
        raise ConfigError(
            "Expected --explore or --continue-from, found both; choose a total first, then "
            "discover with --continue-from."
        )
    from falcon_svc.triage.continuing import Heir

    return Heir(earlier, author=user_name(), keep_classes=keep_classes)


def demo(
    images: Images = False,
    text: Text = False,
    out: DemoOut = None,
    n_fine: options.NFine = None,
    seed: options.Seed = None,
    device: options.DeviceFlag = None,
    resume: options.Resume = False,
    quiet: options.Quiet = False,
    as_json: options.Json = False,
) -> None:
    """Discover fine classes in data that ship with the program, and compare with the truth.

    150 intents in 6,000 requests, with --text from their words, else from vectors; or with --images
    153 characters in 3,060 drawings, on which an encoder is trained first. The total is given, as
    by a user with a rough idea of the number; how many each coarse class holds is not. `--n-fine
    auto` gives nothing.
    """
    from falcon_svc.data import shipped

    if images and text:
        raise ConfigError("Expected --images or --text, found both; leave one out.")
    path, total, truth = shipped.demo_path(), shipped.DEMO_N_FINE, "intents"
    if images:
        path, total, truth = shipped.drawings_path(), shipped.DRAWINGS_N_FINE, "characters"
    flags = Flags(
        n_fine=n_fine or str(total),
        encoder="moco" if images else "text" if text else None,
        seed=seed,
        device=device.value if device else None,
    )
    usual = "out/demo-images" if images else "out/demo-text" if text else "out/demo"
    directory = (out or Path(usual)).absolute()
    found = run_discovery(path, directory, discovery_config(flags), resume=resume, quiet=quiet)
    figures = _against_truth(found, path)
    summary = summarise(found, directory) | {"evaluation": figures}
    _show(summary, quiet=quiet, as_json=as_json)
    if not (quiet or as_json):
        print(_evaluation_line(figures, truth))


def _show(summary: dict[str, Any], *, quiet: bool, as_json: bool) -> None:
    if as_json:
        print(json.dumps(summary))
    elif not quiet:
        print_summary(summary)


def _against_truth(found: Discovery, path: Path) -> dict[str, float]:
    from falcon_svc.data import load_truth
    from falcon_svc.metrics import evaluate

    figures = evaluate(found, load_truth(path))
    return {name: figures[name] for name in DEMO_FIGURES}


def _evaluation_line(figures: dict[str, float], truth: str) -> str:
    acc, ari = 100 * figures["acc"], 100 * figures["ari"]
    return (
        f"evaluation only (the true {truth} were not used above): ACC {acc:.1f} %, ARI {ari:.1f} %"
    )
