"""Pretrained networks give the features that their own library would, from a local file."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import timm
import torch
from PIL import Image
from torch import nn
from torchvision import models

from falcon_svc.data import load_dataset
from falcon_svc.encoder import EncoderConfig, EncoderRun, extract_features
from falcon_svc.encoder.backbones.network_encoder import NetworkEncoder
from falcon_svc.encoder.backbones.pretrained import open_pretrained
from falcon_svc.errors import ConfigError, MissingExtraError
from falcon_svc.types import CoarseDataset
from tests.data.builders import write_npz


def dataset(folder: Path) -> CoarseDataset:
    pixels = np.random.default_rng(0).integers(0, 256, (6, 40, 40, 3), dtype=np.uint8)
    return load_dataset(write_npz(folder, x=pixels))


def opened(spec: str, side: int | None = None) -> NetworkEncoder:
    return open_pretrained(spec, EncoderRun(EncoderConfig(name=spec, side=side)))


def features(spec: str, data: CoarseDataset) -> torch.Tensor:
    run = EncoderRun(EncoderConfig(name=spec, batch=4))
    return torch.from_numpy(extract_features(data, run).vectors)


def direct(network: nn.Module, transform: Callable[..., torch.Tensor], data: CoarseDataset):
    pictures = [Image.fromarray(p) for p in data.images.read(0, len(data), side=None)]
    with torch.no_grad():
        return network.eval()(torch.stack([transform(picture) for picture in pictures]))


@pytest.mark.parametrize("model", ["test_resnet", "test_vit.r160_in1k"])
def test_timm_features_are_timms_own(tmp_path: Path, model: str) -> None:
    torch.manual_seed(1)
    whole = timm.create_model(model, pretrained=False)  # with its classifier
    safetensors.torch.save_file(whole.state_dict(), tmp_path / "w.safetensors")
    data = dataset(tmp_path)
    found = features(f"timm:{model}@{tmp_path}/w.safetensors", data)
    whole.reset_classifier(0)
    own = timm.data.create_transform(**timm.data.resolve_model_data_config(whole))
    torch.testing.assert_close(found, direct(whole, own, data), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("model", ["shufflenet_v2_x0_5", "mobilenet_v3_small.IMAGENET1K_V1"])
def test_torchvision_features_are_torchvisions_own(tmp_path: Path, model: str) -> None:
    torch.manual_seed(1)
    name = model.partition(".")[0]
    whole = models.get_model(name, weights=None)
    torch.save({"model": whole.state_dict(), "epoch": 3}, tmp_path / "w.pth")
    data = dataset(tmp_path)
    found = features(f"torchvision:{model}@{tmp_path}/w.pth", data)
    last = [n for n, part in whole.named_modules() if isinstance(part, nn.Linear)][-1]
    logits = direct(whole, models.get_model_weights(name).DEFAULT.transforms(), data)
    classified = whole.get_submodule(last)(found)
    torch.testing.assert_close(classified, logits, rtol=1e-4, atol=1e-5)


def test_the_side_can_be_chosen_and_the_crop_stays_in_proportion(tmp_path: Path) -> None:
    network = models.get_model("mnasnet0_5", weights=None)
    safetensors.torch.save_file(network.state_dict(), tmp_path / "w.safetensors")
    found = opened(f"torchvision:mnasnet0_5@{tmp_path}/w.safetensors", side=70)
    assert (found.seen.side, found.seen.resized) == (70, 80)  # 224 of 256
    assert found.dim == 1280


def test_a_saved_encoder_needs_neither_the_file_nor_the_tag(tmp_path: Path) -> None:
    torch.manual_seed(1)
    file = tmp_path / "w.safetensors"
    safetensors.torch.save_file(timm.create_model("test_resnet").state_dict(), file)
    first = opened(f"timm:test_resnet@{file}", side=32)
    for name, content in first.files().items():
        (tmp_path / name).write_bytes(content)
    file.unlink()
    again = NetworkEncoder.load(tmp_path)
    assert (again.spec, again.seen, again.dim) == (first.spec, first.seen, first.dim)
    assert again.origin == {"method": "pretrained", "file": "w.safetensors"}


def test_pretrained_networks_without_weights_are_refused_with_what_to_do() -> None:
    for name in ("timm:test_resnet", "torchvision:resnet18"):
        with pytest.raises(ConfigError, match="--allow-download") as caught:
            opened(name)
        assert f"{name}@FILE" in str(caught.value)
        assert caught.value.code == "bad_encoder"


def test_weights_of_another_network_are_refused_by_name(tmp_path: Path) -> None:
    file = tmp_path / "w.safetensors"
    safetensors.torch.save_file(models.get_model("resnet18", weights=None).state_dict(), file)
    for name in ("timm:test_resnet", "torchvision:resnet34", "torchvision:vit_b_32"):
        with pytest.raises(ConfigError, match=r"missing|of another shape") as caught:
            opened(f"{name}@{file}")
        assert f"{name} in {file}" in str(caught.value)
        assert len(str(caught.value)) < 700


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("timm:no_such_network", "timm.list_models"),
        ("timm:hf-hub:somebody/something", "timm.list_models"),
        ("timm:", "timm.list_models"),
        ("timm:test_resnet.no_such_tag", "no_such_tag"),
        ("torchvision:no_such_network", "by name"),
        ("torchvision:squeezenet1_0", "by name"),
        ("torchvision:resnet18.NO_SUCH_WEIGHTS", "IMAGENET1K_V1"),
    ],
)
def test_unknown_networks_are_refused(tmp_path: Path, name: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words) as caught:
        opened(f"{name}@{tmp_path}/w.pt")
    assert caught.value.code == "bad_encoder"
    assert "\n" not in str(caught.value)


def test_a_side_that_the_network_cannot_take_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="on this side"):
        opened(f"timm:test_vit@{tmp_path}/w.pt", side=50)


def test_timm_is_an_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(MissingExtraError, match=r"\[timm\]"):
        opened("timm:test_resnet@w.pt")
