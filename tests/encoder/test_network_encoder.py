"""An encoder at rest: the same vectors after loading, and one sentence for what is not one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from falcon_svc.data import load_dataset
from falcon_svc.encoder import EncoderRun, encode
from falcon_svc.encoder.backbones.network_encoder import RECORD, TENSORS, NetworkEncoder
from falcon_svc.encoder.moco.encoder import first_network
from falcon_svc.encoder.preprocessing import Preprocessing
from falcon_svc.errors import ConfigError, FalconError, InputError, StorageError
from falcon_svc.types import CoarseDataset
from tests.data.builders import write_npz

SEEN = Preprocessing(side=8, resized=8, channels=3, mean=(0.4, 0.5, 0.6), std=(0.2, 0.3, 0.2))


def images(folder: Path, n: int = 20, side: int = 8) -> CoarseDataset:
    pixels = np.random.default_rng(0).integers(0, 256, (n, side, side, 3), dtype=np.uint8)
    return load_dataset(write_npz(folder, x=pixels, coarse=np.arange(n) % 2, fine=None))


def encoder(name: str = "conv", **changes: Any) -> NetworkEncoder:
    return NetworkEncoder(first_network(name, SEEN, seed=0), name, SEEN, **changes)


def written(folder: Path, made: NetworkEncoder) -> Path:
    folder.mkdir(exist_ok=True)
    for name, content in made.files().items():
        (folder / name).write_bytes(content)
    return folder


@pytest.mark.parametrize("name", ["conv", "resnet18"])
def test_a_loaded_encoder_gives_the_same_vectors(tmp_path: Path, name: str) -> None:
    data, made = images(tmp_path), encoder(name, origin={"seed": 3})
    loaded = NetworkEncoder.load(written(tmp_path / "encoder", made))
    assert loaded.spec == made.spec
    assert loaded.origin == {"seed": 3}
    run = EncoderRun()
    first, again = (encode(e, data, run) for e in (made, loaded))
    assert first.vectors.shape == (20, made.dim)
    assert np.array_equal(first.vectors, again.vectors)
    assert first.digest == again.digest


def test_vectors_do_not_depend_on_the_batch(tmp_path: Path) -> None:
    data = images(tmp_path)
    whole, parts = (encode(encoder(batch=b), data, EncoderRun()).vectors for b in (64, 3))
    np.testing.assert_allclose(whole, parts, rtol=1e-4, atol=1e-5)


def test_vectors_are_the_network_s_for_normalised_pixels(tmp_path: Path) -> None:
    data, made = images(tmp_path), encoder()
    pixels = data.images.read(0, 20, side=8).transpose(0, 3, 1, 2) / 255
    mean, std = (np.array(v).reshape(3, 1, 1) for v in (SEEN.mean, SEEN.std))
    with torch.no_grad():
        want = made.network.eval()(torch.from_numpy((pixels - mean) / std).float())
    got = encode(made, data, EncoderRun()).vectors
    np.testing.assert_allclose(got, want.numpy(), rtol=1e-4, atol=1e-5)


def test_the_name_of_features_holds_weights_and_preprocessing() -> None:
    specs = {encoder().spec, NetworkEncoder(first_network("conv", SEEN, seed=1), "conv", SEEN).spec}
    other = SEEN.model_copy(update={"mean": (0.4, 0.5, 0.5)})
    specs.add(NetworkEncoder(encoder().network, "conv", other).spec)
    assert len(specs) == 3
    assert encoder(origin={"seed": 5}).spec in specs


def test_a_network_that_gives_no_numbers_is_refused(tmp_path: Path) -> None:
    made = encoder()
    with torch.no_grad():
        next(made.network.parameters())[:] = torch.nan
    with pytest.raises(InputError, match="images 0 to 19") as caught:
        encode(made, images(tmp_path), EncoderRun())
    assert caught.value.code == "non_finite"


def change(record: Path, **changes: Any) -> None:
    record.write_text(json.dumps(json.loads(record.read_text()) | changes))


DAMAGES = {
    "no record": lambda d: (d / RECORD).unlink(),
    "no weights": lambda d: (d / TENSORS).unlink(),
    "half the weights": lambda d: (d / TENSORS).write_bytes((d / TENSORS).read_bytes()[:-9]),
    "no JSON": lambda d: (d / RECORD).write_text("{"),
    "a list": lambda d: (d / RECORD).write_text("[]"),
    "a newer version": lambda d: change(d / RECORD, format_version=2),
    "another preprocessing": lambda d: change(d / RECORD, preprocessing={"side": 0}),
    "no preprocessing": lambda d: change(d / RECORD, preprocessing=None),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_what_is_no_encoder_is_one_sentence(tmp_path: Path, damage: Any) -> None:
    folder = written(tmp_path / "encoder", encoder())
    damage(folder)
    with pytest.raises(StorageError, match="Expected an encoder") as caught:
        NetworkEncoder.load(folder)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["resnet18", "vit_small", "magic", "timm:none", "onnx:x"])
def test_weights_of_another_network_are_named(tmp_path: Path, name: str) -> None:
    folder = written(tmp_path / "encoder", encoder())
    change(folder / RECORD, architecture=name)
    with pytest.raises(FalconError, match=name.partition(":")[0]):
        NetworkEncoder.load(folder)


def test_an_earlier_encoder_is_where_training_starts(tmp_path: Path) -> None:
    made = encoder()
    file = written(tmp_path / "encoder", made) / TENSORS
    taken = first_network("conv", SEEN, seed=9, earlier=file)
    pairs = zip(taken.state_dict().values(), made.network.state_dict().values(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)


def test_an_earlier_encoder_of_another_network_or_shape_is_named(tmp_path: Path) -> None:
    file = written(tmp_path / "encoder", encoder()) / TENSORS
    with pytest.raises(ConfigError, match="network resnet18 to continue, found conv") as caught:
        first_network("resnet18", SEEN, seed=0, earlier=file)
    assert caught.value.code == "bad_encoder"
    grey = Preprocessing(side=8, resized=8, channels=1, mean=(0.5,), std=(0.5,))
    with pytest.raises(ConfigError, match=r"conv for samples of 1 x 8 x 8 .*another shape"):
        first_network("conv", grey, seed=0, earlier=file)
    file.with_suffix(".json").unlink()
    with pytest.raises(ConfigError, match="missing"):
        first_network("resnet18", SEEN, seed=0, earlier=file)
