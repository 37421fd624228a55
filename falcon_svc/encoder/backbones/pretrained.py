"""Encoders with pretrained weights: `timm:NAME[@FILE]` and `torchvision:NAME[@FILE]`.

The network, how it sees an image (side, crop, resampling, mean, deviation) and the name of its
classifier come from the library (`library_networks`); the weights come from the user's file, or
are downloaded by the library where `allow_download` is set. Random weights are never used. Images
that are not square are cropped to their central square before anything else, also where timm
would squash them.
"""

from __future__ import annotations

from pathlib import Path

from falcon_svc.encoder.backbones.library_networks import make_backbone, unfit
from falcon_svc.encoder.backbones.network_encoder import NetworkEncoder
from falcon_svc.encoder.backbones.weight_files import read_weights
from falcon_svc.encoder.backbones.weight_fit import fit_weights
from falcon_svc.encoder.base import EncoderRun
from falcon_svc.types import CoarseDataset


def open_timm(argument: str, dataset: CoarseDataset, run: EncoderRun) -> NetworkEncoder:
    """Return the encoder `timm:NAME[@FILE]`; `argument` is what stands behind the colon."""
    return open_pretrained(f"timm:{argument}", run)


def open_torchvision(argument: str, dataset: CoarseDataset, run: EncoderRun) -> NetworkEncoder:
    """Return the encoder `torchvision:NAME[@FILE]`; `argument` is what stands behind the colon."""
    return open_pretrained(f"torchvision:{argument}", run)


def open_pretrained(spec: str, run: EncoderRun) -> NetworkEncoder:
    """Return the encoder `timm:NAME[@FILE]` or `torchvision:NAME[@FILE]`.

    Parameters
    ----------
    spec
        The encoder's name.
    run
        Settings: `side` takes the place of the network's own input side, the crop staying in
        proportion, and `allow_download` lets the library fetch weights where no file is given.

    Raises
    ------
    ConfigError
        Unknown network, no weights, weights that do not fit, or a side it does not run on.
    MissingExtraError
        timm is not installed.
    """
    name, _, file = spec.partition("@")
    config = run.config
    if not file and not config.allow_download:
        raise unfit(
            name,
            f"weights: name a file with {name}@FILE (safetensors or a PyTorch state_dict), or let "
            "published ones be downloaded with --allow-download",
        )
    found = make_backbone(name, side=config.side, download=not file)
    if file:
        where = f"{name} in {file}"
        fit_weights(found.network, read_weights(Path(file)), heads=found.heads, where=where)
    network = found.network.to(run.device)
    origin = {"method": "pretrained", "file": Path(file).name or None}
    return NetworkEncoder(network, name, found.seen, origin, run.device, config.batch)
