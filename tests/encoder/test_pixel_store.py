"""Pixels are decoded once, in the right order and channels, and never half."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from falcon_svc.data import load_dataset
from falcon_svc.encoder.pixel_store import PixelStore, fitting_side, load_or_make_pixels
from falcon_svc.progress import Silent
from falcon_svc.types import ByteArray, CoarseDataset, Images
from tests.data.builders import encoded, image_files, write_npz, write_zip


def pixels(n: int = 20, side: int = 8, channels: int = 3) -> ByteArray:
    return np.random.default_rng(0).integers(0, 256, (n, side, side, channels), dtype=np.uint8)


def dataset(folder: Path, x: ByteArray) -> CoarseDataset:
    return load_dataset(write_npz(folder, x=x, coarse=np.arange(len(x)) % 2, fine=None))


def store(data: CoarseDataset, folder: Path | None = None, side: int | None = None) -> PixelStore:
    return load_or_make_pixels(data, side=side, folder=folder, progress=Silent())


@dataclass
class OnlyTheFirst:
    """Images whose first slice may be looked at once, for colours."""

    images: Images
    reads: int = 0

    def __len__(self) -> int:
        return len(self.images)

    def read(self, start: int, stop: int, **how: object) -> ByteArray:
        self.reads += 1
        assert self.reads == 1
        return self.images.read(start, stop, **how)


class Counting(Silent):
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.stages: list[tuple[str, int]] = []
        self.done: list[int] = []

    def stage(self, name: str, total: int) -> None:
        self.stages.append((name, total))

    def advance(self, done: int, metrics: object) -> None:
        self.done.append(done)


@pytest.mark.parametrize("cached", [True, False])
@pytest.mark.parametrize("channels", [1, 3])
def test_pixels_keep_their_order_and_values(tmp_path: Path, channels: int, cached: bool) -> None:
    x = pixels(channels=channels)
    made = store(dataset(tmp_path, x), tmp_path / "cache" if cached else None)
    assert made.pixels.shape == (20, channels, 8, 8)
    assert made.pixels.flags.c_contiguous
    assert np.array_equal(made.pixels, x.transpose(0, 3, 1, 2))


def test_grey_images_in_three_channels_are_kept_in_one(tmp_path: Path) -> None:
    x = np.repeat(pixels(channels=1), 3, axis=3)
    assert store(dataset(tmp_path, x)).pixels.shape[1] == 1
    x[-1, 3, 4, 2] ^= 1  # one blue pixel of one image
    assert store(dataset(tmp_path, x)).pixels.shape[1] == 3


@pytest.mark.parametrize("channels", [1, 3])
def test_statistics_equal_numpys(tmp_path: Path, channels: int) -> None:
    x = pixels(channels=channels) // np.array([1, 2, 4][:channels], np.uint8)
    made = store(dataset(tmp_path, x))
    assert made.mean == pytest.approx((x / 255).mean(axis=(0, 1, 2)), abs=1e-6)
    assert made.std == pytest.approx((x / 255).std(axis=(0, 1, 2)), abs=1e-6)
    seen = made.preprocessing
    assert (seen.side, seen.channels, seen.resized) == (8, channels, 8)
    assert seen.mean == tuple(made.mean.tolist())


def test_constant_images_have_a_deviation_to_divide_by(tmp_path: Path) -> None:
    made = store(dataset(tmp_path, np.full((6, 4, 4, 1), 7, np.uint8)))
    assert made.mean == pytest.approx([7 / 255])
    assert float(made.std[0]) == pytest.approx(1 / 255)


def test_images_are_decoded_once(tmp_path: Path) -> None:
    data = dataset(tmp_path, pixels())
    first = store(data, tmp_path / "cache", side=8)
    unreadable = replace(data, images=OnlyTheFirst(data.images))
    again = store(unreadable, tmp_path / "cache", side=8)
    assert np.array_equal(first.pixels, again.pixels)
    with pytest.raises(AssertionError):
        store(unreadable, tmp_path / "other", side=8)


@pytest.mark.parametrize("damage", ["cut", "flip", "unmark"])
def test_damaged_pixels_are_made_again(tmp_path: Path, damage: str) -> None:
    x, cache = pixels(channels=1), tmp_path / "cache"
    data = dataset(tmp_path, x)
    store(data, cache)
    path = next(cache.glob("*.npy"))
    content = path.read_bytes()
    path.write_bytes(content[:-9] if damage == "cut" else content[:-1] + b"?")
    if damage == "unmark":
        path.with_suffix(".json").unlink()
    assert np.array_equal(store(data, cache).pixels, x.transpose(0, 3, 1, 2))


def test_another_data_set_or_side_has_its_own_pixels(tmp_path: Path) -> None:
    cache, x = tmp_path / "cache", pixels()
    data = dataset(tmp_path, x)
    store(data, cache)
    assert store(data, cache, side=4).pixels.shape == (20, 3, 4, 4)
    other = dataset(tmp_path, 255 - x)
    assert np.array_equal(store(other, cache).pixels, 255 - x.transpose(0, 3, 1, 2))
    assert np.array_equal(store(data, cache).pixels, x.transpose(0, 3, 1, 2))


def test_nothing_is_left_of_the_attempt_in_one_channel(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    store(dataset(tmp_path, pixels()), cache)
    assert sorted(path.suffix for path in cache.iterdir()) == [".json", ".npy"]


def test_an_interruption_leaves_nothing_to_trust(tmp_path: Path) -> None:
    class Cancelled(Silent):
        def advance(self, done: int, metrics: object) -> None:
            raise KeyboardInterrupt

    data, cache = dataset(tmp_path, pixels(channels=1)), tmp_path / "cache"
    with pytest.raises(KeyboardInterrupt):
        load_or_make_pixels(data, side=None, folder=cache, progress=Cancelled())
    assert list(cache.iterdir()) == []


def test_mixed_sizes_take_the_usual_side(tmp_path: Path) -> None:
    files = image_files(3, (30, 20)) | {"fish/9.png": encoded(Image.new("RGB", (5, 90), "red"))}
    data = load_dataset(write_zip(tmp_path, files))
    made = store(data)
    assert made.pixels.shape == (7, 3, 20, 20)
    red = made.pixels[data.ids.index("fish/9.png")]
    assert np.array_equal(red.reshape(3, -1).mean(axis=1), [255, 0, 0])


def test_large_images_are_resized_to_64(tmp_path: Path) -> None:
    assert fitting_side(dataset(tmp_path, pixels(4, side=80)).images) == 64
    assert fitting_side(dataset(tmp_path, pixels(4, side=1)).images) == 1


def test_progress_ends_at_all_images(tmp_path: Path) -> None:
    seen = Counting()
    load_or_make_pixels(dataset(tmp_path, pixels()), side=None, folder=None, progress=seen)
    assert seen.stages == [("pixels", 20)]
    assert seen.done[-1] == 20
