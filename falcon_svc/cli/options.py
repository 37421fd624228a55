"""The flags that several commands share, each declared once."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from falcon_svc.encoder_names import all_forms


class Device(StrEnum):
    """Where the head is trained."""

    auto = "auto"
    cpu = "cpu"
    cuda = "cuda"


Input = Annotated[
    Path,
    typer.Argument(
        metavar="INPUT", help="Data set: a table, .npz, .npy, .h5ad, images; docs/input-formats.md."
    ),
]
Result = Annotated[
    Path, typer.Argument(metavar="DIR", help="Directory that `falcon discover --out` wrote.")
]
Out = Annotated[Path, typer.Option("--out", metavar="DIR", help="Directory of the result.")]
NFine = Annotated[
    str | None, typer.Option("--n-fine", metavar="N|auto", help="Number of fine classes in all.")
]
NFinePerCoarse = Annotated[
    Path | None,
    typer.Option(
        "--n-fine-per-coarse",
        metavar="FILE.json",
        help="JSON object: coarse class -> number of fine classes, or [least, most].",
    ),
]
Encoder = Annotated[
    str | None,
    typer.Option(
        "--encoder",
        metavar="NAME",
        help=f"Encoder: {', '.join(all_forms())}; docs/encoders.md.",
    ),
]
AllowDownload = Annotated[
    bool,
    typer.Option("--allow-download", help="Let timm, torchvision or text:NAME fetch weights."),
]
TrainEncoder = Annotated[
    bool,
    typer.Option("--train-encoder", help="Train the encoder too, jointly with the head."),
]
ConfigFile = Annotated[
    Path | None,
    typer.Option(
        "--config", metavar="FILE.toml", help="TOML file of settings; flags override them."
    ),
]
Seed = Annotated[int | None, typer.Option("--seed", metavar="S", help="Seed of everything random.")]
DeviceFlag = Annotated[Device | None, typer.Option("--device", help="Device to train on.")]
Resume = Annotated[
    bool, typer.Option("--resume", help="Go on from the last checkpoint of a stopped run.")
]
Explore = Annotated[
    bool,
    typer.Option("--explore", help="Show several totals to choose from; train no head."),
]
CoarseColumn = Annotated[
    str | None, typer.Option("--coarse-column", metavar="NAME", help="Column of coarse labels.")
]
LabelSources = Annotated[
    list[str] | None,
    typer.Option(
        "--label-source",
        metavar="NAME=COLUMN",
        help="Column of a further label source; may be repeated.",
    ),
]
LeastConfidence = Annotated[
    float,
    typer.Option(
        "--least-confidence", min=0, max=1, help="Confidence below which `abstained` is true."
    ),
]
Precision = Annotated[
    float | None,
    typer.Option(
        "--precision",
        metavar="P",
        help="Wanted share of right classes, above 0 and below 1, among those with `abstained` "
        "false; estimated on the discovery's own assignments.",
    ),
]
Quiet = Annotated[bool, typer.Option("--quiet", help="Print no progress and no table.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]
