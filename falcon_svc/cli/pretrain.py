"""`falcon pretrain`: an encoder alone, in one process or under torchrun."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from falcon_svc.cli import options
from falcon_svc.cli.runs import opened
from falcon_svc.cli.settings import Flags, discovery_config

if TYPE_CHECKING:
    from pathlib import Path

    from falcon_svc.encoder.backbones.network_encoder import NetworkEncoder


def pretrain(
    source: options.Input,
    out: options.Out,
    encoder: options.Encoder = "moco",
    config: options.ConfigFile = None,
    seed: options.Seed = None,
    device: options.DeviceFlag = None,
    resume: options.Resume = False,
    coarse_column: options.CoarseColumn = None,
    quiet: options.Quiet = False,
    as_json: options.Json = False,
) -> None:
    """Train an encoder on INPUT and write it to DIR, for --encoder moco:continue=DIR."""
    flags = Flags(
        config=config,
        encoder=encoder,
        coarse_column=coarse_column,
        seed=seed,
        device=device.value if device else None,
    )
    settings, directory = discovery_config(flags), out.absolute()
    follows = os.environ.get("RANK", "0") != "0"  # one of torchrun's further processes
    with opened(source, directory, settings, quiet=quiet or follows) as (dataset, progress):
        from falcon_svc.pipeline.pretrain import pretrain_to

        made = pretrain_to(directory, dataset, settings, resume=resume, progress=progress)
    if as_json and not follows:
        print(json.dumps(_summary(made, directory)))
    elif not (quiet or follows):
        print(_line(_summary(made, directory)))


def _summary(made: NetworkEncoder, directory: Path) -> dict[str, Any]:
    history = made.origin["history"]
    return {
        "out": str(directory),
        "encoder": made.spec,
        "dim": made.dim,
        "seconds": sum(epoch["seconds"] for epoch in history),
        "epochs": history,
    }


def _line(summary: dict[str, Any]) -> str:
    epochs, last = summary["epochs"], summary["epochs"][-1] if summary["epochs"] else {}
    figures = ", ".join(f"{k} {last[k]:.3g}" for k in ("loss", "coarse_purity") if last.get(k))
    return f"{len(epochs)} epochs in {summary['seconds']:.1f} s, {figures}: {summary['out']}"
