"""Networks of timm and torchvision by name, without their classifier and with their preprocessing.

NAME may say which of a network's published weights are meant, since their preprocessing differs:
`resnet50.a1_in1k` (timm), `resnet50.IMAGENET1K_V1` (torchvision).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import floor
from typing import Any

import torch
from torch import nn

from falcon_svc.encoder.preprocessing import Preprocessing
from falcon_svc.errors import ConfigError, MissingExtraError

# torchvision's networks whose features are not the input of a last linear layer, or whose
# published weights belong to another input than their description says.
NOT_SUPPORTED = ("googlenet", "inception_v3", "squeezenet1_0", "squeezenet1_1")


@dataclass(frozen=True)
class Backbone:
    """A network that turns (B, C, S, S) normalised images into (B, D) features.

    Parameters
    ----------
    network
        In evaluation mode, without its classifier.
    seen
        How it sees an image.
    heads
        Names of the modules that the classifier had.
    """

    network: nn.Module
    seen: Preprocessing
    heads: tuple[str, ...]


def make_backbone(name: str, *, side: int | None = None, download: bool = False) -> Backbone:
    """Return the network of a name without a file; its weights are random or downloaded."""
    library, _, model = name.partition(":")
    with _library_errors(name):
        backbone = LIBRARIES[library](model, side, download)
        backbone.network.eval()
        _check_output(name, backbone)
    return backbone


def _from_timm(model: str, side: int | None, download: bool) -> Backbone:
    try:
        import timm
    except ImportError as error:
        raise MissingExtraError("timm", extra="timm", purpose="encoder timm:NAME") from error
    if not timm.is_model(model):  # also keeps names with a scheme out, which would be fetched
        raise unfit(f"timm:{model}", "a name that timm.list_models() has")
    network = timm.create_model(model, pretrained=download, num_classes=0)
    own = timm.data.resolve_model_data_config(network)
    heads = network.pretrained_cfg.get("classifier") or ()
    seen = _seen(
        sides=own["input_size"][1:],
        resized=lambda s: floor(s / own["crop_pct"]),
        side=side,
        mean=own["mean"],
        std=own["std"],
        resample=own["interpolation"],
    )
    return Backbone(network, seen, (heads,) if isinstance(heads, str) else tuple(heads))


def _from_torchvision(model: str, side: int | None, download: bool) -> Backbone:
    from torchvision import models

    name, _, published = model.partition(".")
    if name not in models.list_models(module=models) or name in NOT_SUPPORTED:
        raise unfit(f"torchvision:{model}", "one of torchvision's image classifiers by name")
    choices = models.get_model_weights(name)
    if published and published not in choices.__members__:
        raise unfit(f"torchvision:{name}", f"published weights {', '.join(choices.__members__)}")
    weights = choices[published] if published else choices.DEFAULT
    network = models.get_model(name, weights=weights if download else None)
    own = weights.transforms()
    crop, resized = own.crop_size[0], own.resize_size[0]
    seen = _seen(
        sides=own.crop_size * 2,
        resized=lambda s: round(s * resized / crop),
        side=side,
        mean=own.mean,
        std=own.std,
        resample=own.interpolation.value,
    )
    return Backbone(network, seen, (_cut_classifier(network),))


LIBRARIES: dict[str, Callable[[str, int | None, bool], Backbone]] = {
    "timm": _from_timm,
    "torchvision": _from_torchvision,
}


def _seen(
    *,
    sides: Any,
    resized: Callable[[int], int],
    side: int | None,
    mean: Any,
    std: Any,
    resample: Any,
) -> Preprocessing:
    height, width = sides[:2]
    if height != width:
        raise ValueError(f"takes images of {height} x {width} pixels, not square ones")
    used = side or height
    return Preprocessing(
        side=used,
        channels=len(mean),
        mean=tuple(mean),
        std=tuple(std),
        resized=max(used, resized(used)),
        resample=resample,
    )


def _cut_classifier(network: nn.Module) -> str:
    """Replace the last linear layer, the classifier of all these networks; return its name."""
    name: str = [n for n, part in network.named_modules() if isinstance(part, nn.Linear)][-1]
    parent, _, own = name.rpartition(".")
    setattr(network.get_submodule(parent), own, nn.Identity())
    return name


def _check_output(name: str, backbone: Backbone) -> None:
    """Run one empty image: the side must suit the network, and the output be one vector."""
    seen = backbone.seen
    with torch.inference_mode():
        out = backbone.network(torch.zeros(1, seen.channels, seen.side, seen.side))
    if not isinstance(out, torch.Tensor) or out.ndim != 2:
        raise unfit(name, "a network that gives one vector per image")


@contextmanager
def _library_errors(name: str) -> Iterator[None]:
    """A library that cannot make, fetch or run the network says so in one sentence."""
    try:
        yield
    except (ConfigError, MissingExtraError):
        raise
    except Exception as error:  # the libraries' and the hubs' errors share no base but Exception
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise unfit(name, f"a network that can be made and run on this side ({reason})") from error


def unfit(name: str, expected: str) -> ConfigError:
    """Return the error that says what a named network was expected to be."""
    return ConfigError(f"Encoder {name}: expected {expected}.", code="bad_encoder")
