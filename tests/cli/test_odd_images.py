"""Unusual and unreadable images from file to file: through `validate`, training and discovery."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from falcon_svc.cli.main import BAD_INPUT
from tests.cli.conftest import Outcome, falcon
from tests.data.builders import encoded, image_bytes, image_files, write_folder
from tests.data.test_images import huge_png

SETTINGS = """
[encoder]
side = 12

[encoder.moco]
epochs = 1
batch_size = 16
projector_width = 16
predictor_width = 16
embedding_dim = 8
"""


def odd_images() -> dict[str, bytes]:
    """One readable image of every unusual kind."""
    random = np.random.default_rng(0)

    def noise(*shape: int) -> Image.Image:
        mode = {2: "L", 3: "RGB"}.get(len(shape))
        kind = {4: "RGBA"}.get(shape[-1], mode) if len(shape) == 3 else mode
        return Image.fromarray(random.integers(0, 256, shape, dtype=np.uint8), kind)

    frames = [noise(20, 20, 3) for _ in range(3)]
    moving = {"save_all": True, "append_images": frames[1:], "duration": 9}
    deep = Image.fromarray(random.integers(0, 2**16, (16, 16)).astype(np.uint16))
    palette = noise(9, 9, 3).quantize(16)
    turned = noise(12, 20, 3)
    exif = turned.getexif()
    exif[0x0112] = 6
    return {
        "dot.png": encoded(noise(1, 1, 3)),
        "row.png": encoded(noise(1, 300, 3)),
        "column.png": encoded(noise(300, 1, 3)),
        "large.jpg": encoded(noise(700, 900, 3), "JPEG"),
        "moving.gif": encoded(frames[0], "GIF", **moving),
        "moving.webp": encoded(frames[0], "WEBP", **moving),
        "moving.png": encoded(frames[0], "PNG", **moving),
        "cmyk.jpg": encoded(noise(16, 16, 3).convert("CMYK"), "JPEG"),
        "deep.png": encoded(deep),
        "palette.png": encoded(palette),
        "clear_palette.png": encoded(palette, transparency=3),
        "clear.png": encoded(noise(16, 16, 4)),
        "clear_grey.png": encoded(noise(16, 16, 4).convert("LA")),
        "two_tones.png": encoded(noise(16, 16).convert("1")),
        "turned.jpg": encoded(turned, "JPEG", exif=exif),
    }


@pytest.fixture
def discover(tmp_path: Path):
    """Return a function that runs `falcon discover --encoder moco` on a folder."""
    (tmp_path / "run.toml").write_text(SETTINGS)

    def run(folder: Path) -> Outcome:
        flags = ("--encoder", "moco", "--config", tmp_path / "run.toml")
        return falcon("discover", folder, "--out", tmp_path / "out", *flags)

    return run


def test_unusual_images_get_fine_classes_and_corrupt_ones_are_listed(tmp_path, discover):
    odd = {f"bird/{name}": content for name, content in odd_images().items()}
    corrupt = {"bird/cut.png": image_bytes()[:60], "fish/text.jpg": b"no image", "fish/no.gif": b""}
    plain = {f"{'bird' if i % 2 else 'fish'}/{i}.png": image_bytes(i) for i in range(300)}
    folder = write_folder(tmp_path, {**plain, **odd, **corrupt})
    checked = falcon("validate", folder, "--json")
    assert (checked.code, checked.json["n_samples"]) == (0, 315)
    assert {p["id"] for p in checked.json["problems"]} == set(corrupt)
    assert {p["code"] for p in checked.json["problems"]} == {"unreadable_image"}
    done = discover(folder)
    assert done.code == 0
    assert "3 of 318 images cannot be read and are left out" in done.err
    assert all(f"'{name}': " in done.err for name in corrupt)
    found = pq.read_table(tmp_path / "out" / "assignments.parquet").to_pydict()
    assert set(found["id"]) == set(plain) | set(odd)
    assert np.isfinite(found["confidence"]).all()
    again = falcon("predict", tmp_path / "out", folder, "--out", tmp_path / "new.parquet")
    assert again.code == 0
    assert pq.read_table(tmp_path / "new.parquet")["fine"].to_pylist() == found["fine"]


def test_classes_of_one_image_have_one_fine_class(tmp_path, discover):
    lone = {f"class {i}/only.png": image_bytes(100 + i) for i in range(4)}
    assert discover(write_folder(tmp_path, {**image_files(20), **lone})).code == 0
    found = pq.read_table(tmp_path / "out" / "assignments.parquet").to_pydict()
    fine = [f for name, f in zip(found["id"], found["fine"], strict=True) if name in lone]
    assert len(set(fine)) == 4
    assert not set(fine) & {
        f for name, f in zip(found["id"], found["fine"], strict=True) if name not in lone
    }


def test_equal_images_are_refused(tmp_path, discover):
    files = {f"{name}/{i}.png": image_bytes(0) for name in ("bird", "fish") for i in range(4)}
    done = discover(write_folder(tmp_path, files))
    assert done.code == BAD_INPUT
    assert "samples that differ" in done.err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("bird/cut.png", image_bytes()[:60], "1 of 7"),
        ("bird/huge.png", huge_png(20_000, 20_000), "found 400,000,000 pixels"),
    ],
)
def test_bad_images_are_refused_alike_by_validate_and_discover(
    tmp_path, discover, name, content, words
):
    folder = write_folder(tmp_path, {**image_files(), name: content})
    for done in (discover(folder), falcon("validate", folder)):
        assert (done.code, done.out) == (BAD_INPUT, "")
        assert done.err.startswith("error: ")
        assert done.err.count("\n") == 1
        assert words in done.err
        assert repr(name) in done.err
    assert sorted(os.listdir(tmp_path)) == ["images", "run.toml"]
