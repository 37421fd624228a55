"""Images that lost what they show are told of."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from falcon_svc.data import load_dataset
from falcon_svc.encoder import EncoderRun, notes_of, open_encoder


def notes(dataset) -> list[str]:
    return [note.code for note in notes_of(open_encoder(dataset, EncoderRun()), dataset)]


@pytest.mark.parametrize(("bits", "codes"), [(16, []), (15, []), (12, ["dark_images"])])
def test_images_of_few_bits_in_sixteen_are_told(tmp_path: Path, bits: int, codes: list[str]):
    random = np.random.default_rng(0)
    for name in ("owl", "tit"):
        (tmp_path / name).mkdir()
        for i in range(6):
            pixels = random.integers(0, 1 << bits, (16, 16)).astype(np.uint16)
            Image.fromarray(pixels).save(tmp_path / name / f"{i}.png")
    dataset = load_dataset(tmp_path)
    assert notes(dataset) == codes


def test_white_lines_on_black_are_not_dark():
    pixels = np.zeros((8, 20, 20), np.uint8)
    pixels[np.arange(8), np.arange(8)] = 255
    assert notes(load_dataset(pixels, labels={"coarse": ["owl", "tit"] * 4})) == []
