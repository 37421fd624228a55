"""`falcon discover` and `falcon demo`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from falcon_svc.cli import options
from falcon_svc.cli.runs import run_discovery
from falcon_svc.cli.settings import Flags, discovery_config
from falcon_svc.cli.summary import print_summary, summarise

if TYPE_CHECKING:
    from falcon_svc.discovery.result import Discovery

DEMO_FIGURES = ("acc", "ari", "nmi", "acc_unmasked", "relation_edge_acc")


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
    coarse_column: options.CoarseColumn = None,
    label_source: options.LabelSources = None,
    quiet: options.Quiet = False,
    as_json: options.Json = False,
) -> None:
    """Find the fine classes of INPUT and write them to DIR."""
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
    found = run_discovery(source, directory, discovery_config(flags), resume=resume, quiet=quiet)
    _show(summarise(found, directory), quiet=quiet, as_json=as_json)


def demo(
    out: options.Out = Path("out/demo"),
    n_fine: options.NFine = None,
    seed: options.Seed = None,
    device: options.DeviceFlag = None,
    resume: options.Resume = False,
    quiet: options.Quiet = False,
    as_json: options.Json = False,
) -> None:
    """Discover intents in the data set that ships with the program, and compare with the truth.

    The total of 150 intents is given, as a user with a rough idea of the number would; how many
    of them each of the 10 domains holds is not. `--n-fine auto` gives nothing.
    """
    from falcon_svc.data.shipped import DEMO_N_FINE, demo_path

    flags = Flags(
        n_fine=n_fine or str(DEMO_N_FINE), seed=seed, device=device.value if device else None
    )
    directory, config = out.absolute(), discovery_config(flags)
    found = run_discovery(demo_path(), directory, config, resume=resume, quiet=quiet)
    figures = _against_truth(found)
    _show(summarise(found, directory) | {"evaluation": figures}, quiet=quiet, as_json=as_json)


def _show(summary: dict[str, Any], *, quiet: bool, as_json: bool) -> None:
    if as_json:
        print(json.dumps(summary))
    elif not quiet:
        print_summary(summary)
        if "evaluation" in summary:
            print(_evaluation_line(summary["evaluation"]))


def _against_truth(found: Discovery) -> dict[str, float]:
    from falcon_svc.data import load_truth
    from falcon_svc.data.shipped import demo_path
    from falcon_svc.metrics import evaluate

    figures = evaluate(found, load_truth(demo_path()))
    return {name: figures[name] for name in DEMO_FIGURES}


def _evaluation_line(figures: dict[str, float]) -> str:
    acc, ari = 100 * figures["acc"], 100 * figures["ari"]
    return (
        f"evaluation only (the true intents were not used above): ACC {acc:.1f} %, ARI {ari:.1f} %"
    )
