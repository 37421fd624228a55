"""What a network sees is what torchvision's own transforms would show it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from pydantic import ValidationError
from torchvision.transforms import InterpolationMode, v2

from falcon_svc.data import load_dataset
from falcon_svc.encoder.preprocessing import Preprocessing
from tests.data.builders import write_npz

RGB = {"channels": 3, "mean": (0.5, 0.4, 0.3), "std": (0.2, 0.3, 0.4)}


@pytest.mark.parametrize(("resample", "resized"), [("bilinear", 17), ("bicubic", 20)])
def test_square_images_are_seen_as_torchvision_would(
    tmp_path: Path, resample: str, resized: int
) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (6, 11, 11, 3), dtype=np.uint8)
    seen = Preprocessing(side=14, resized=resized, resample=resample, **RGB)
    batch = seen.read(load_dataset(write_npz(tmp_path, x=pixels)).images, 0, 6)
    transform = v2.Compose(
        [
            v2.Resize(resized, InterpolationMode(resample), antialias=True),
            v2.CenterCrop(14),
            v2.PILToTensor(),
            v2.ToDtype(torch.float32, scale=True),
            v2.Normalize(RGB["mean"], RGB["std"]),
        ]
    )
    want = torch.stack([transform(Image.fromarray(picture)) for picture in pixels])
    torch.testing.assert_close(seen.normalise(torch.from_numpy(batch)), want)


def test_grey_keeps_one_channel(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (6, 8, 8), dtype=np.uint8)
    seen = Preprocessing(side=8, resized=8, channels=1, mean=(0.5,), std=(0.25,))
    batch = seen.read(load_dataset(write_npz(tmp_path, x=pixels)).images, 2, 4)
    assert np.array_equal(batch[:, 0], pixels[2:4])


def test_it_survives_json() -> None:
    seen = Preprocessing(side=14, resized=20, resample="bicubic", **RGB)
    assert Preprocessing.model_validate_json(seen.model_dump_json()) == seen


def test_contradictions_are_refused() -> None:
    for wrong in ({"mean": (0.5,)}, {"resized": 9}, {"std": (0.2, 0, 1)}, {"channels": 2}):
        with pytest.raises(ValidationError):
            Preprocessing(**{"side": 10, "resized": 10, **RGB, **wrong})
