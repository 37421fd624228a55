"""`--encoder moco` as the feature step sees it: trained, continued, taken as it is, refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from falcon_svc.data import load_dataset
from falcon_svc.encoder import EncoderConfig, EncoderRun, encode, open_encoder, open_saved
from falcon_svc.encoder.backbones.network_encoder import NetworkEncoder
from falcon_svc.errors import ConfigError
from falcon_svc.types import CoarseDataset
from tests.data.builders import write_npz
from tests.encoder import tiny
from tests.encoder.test_features import Told
from tests.encoder.test_network_encoder import written


def images(folder: Path, n: int = 48) -> CoarseDataset:
    pixels, coarse = tiny.drawings(n)
    return load_dataset(write_npz(folder, x=pixels[:, 0], coarse=coarse, fine=None))


def run(name: str = "moco", *, seed: int = 0, rest: Any = None, **changes: Any) -> EncoderRun:
    moco = tiny.config(**{"epochs": 2, **changes})
    return EncoderRun(EncoderConfig(name=name, moco=moco), seed, **(rest or {}))


def test_it_is_trained_on_the_images_and_says_how(tmp_path: Path) -> None:
    told = Told()
    made = open_encoder(images(tmp_path), run(rest={"progress": told}))
    assert isinstance(made, NetworkEncoder)
    assert (made.seen.channels, made.seen.side) == (1, 8)
    assert told.stages == ["pixels", "pretraining"]
    assert told.done[-1] == 2
    assert made.origin["encoder"] == "moco"
    assert made.origin["config"]["epochs"] == 2
    assert [epoch["epoch"] for epoch in made.origin["history"]] == [1, 2]


def test_equal_seeds_give_equal_vectors_and_others_do_not(tmp_path: Path) -> None:
    data = images(tmp_path)
    first, again, other = (
        encode(open_encoder(data, run(seed=seed)), data, EncoderRun()) for seed in (0, 0, 1)
    )
    assert np.array_equal(first.vectors, again.vectors)
    assert first.digest == again.digest != other.digest


def test_a_later_run_takes_pixels_training_and_features_over(tmp_path: Path) -> None:
    data = images(tmp_path)
    first = run(rest={"work_dir": tmp_path / "work"})
    features = encode(open_encoder(data, first), data, first)
    told = Told()
    again = run(rest={"work_dir": tmp_path / "work", "progress": told})
    later = encode(open_encoder(data, again), data, again)
    assert later.digest == features.digest
    assert not told.done


def test_a_result_encodes_new_images_as_its_own(tmp_path: Path) -> None:
    data = images(tmp_path)
    made = open_encoder(data, run())
    saved = open_saved(written(tmp_path / "result", made), data, EncoderRun())
    vectors = [encode(e, data, EncoderRun()).vectors for e in (made, saved)]
    assert np.array_equal(*vectors)


def test_an_earlier_encoder_goes_on_or_is_taken_as_it_is(tmp_path: Path) -> None:
    data = images(tmp_path)
    folder = written(tmp_path / "earlier", open_encoder(data, run()))
    earlier = NetworkEncoder.load(folder)
    kept = open_encoder(data, run(f"moco:continue={folder}", epochs=0))
    assert kept.spec == earlier.spec
    further = open_encoder(data, run(f"moco:continue={folder}/encoder.safetensors", epochs=1))
    assert further.spec != earlier.spec
    assert further.origin["encoder"] == f"moco:continue={folder}/encoder.safetensors"


@pytest.mark.parametrize("name", ["moco:x", "moco:continue", "moco:continue=", "moco:continue=no"])
def test_what_cannot_be_continued_is_one_sentence(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match="moco:continue=PATH") as caught:
        open_encoder(images(tmp_path), run(name))
    assert caught.value.code == "bad_encoder"


def test_no_epochs_need_an_earlier_encoder(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="1 or more"):
        open_encoder(images(tmp_path), run(epochs=0))
