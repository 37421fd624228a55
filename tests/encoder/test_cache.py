"""The feature cache never gives back what was not completely written."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from falcon_svc.encoder.cache import load_or_make
from falcon_svc.errors import StorageError
from falcon_svc.types import FloatArray

SHAPE = (5, 3)


class Maker:
    """Fills with ones and counts how often."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, out: FloatArray) -> None:
        self.calls += 1
        out[:] = 1


def load(folder: Path, make: Callable[[FloatArray], None]) -> FloatArray:
    return load_or_make(folder, "key", SHAPE, make)


def test_features_are_made_once(tmp_path: Path) -> None:
    make = Maker()
    for _ in range(3):
        assert np.array_equal(load(tmp_path / "new" / "cache", make), np.ones(SHAPE))
    assert make.calls == 1
    assert sorted(p.name for p in (tmp_path / "new" / "cache").iterdir()) == ["key.json", "key.npy"]


def cut(folder: Path) -> None:
    path = folder / "key.npy"
    path.write_bytes(path.read_bytes()[:-4])


def flip(folder: Path) -> None:
    path = folder / "key.npy"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def unmark(folder: Path) -> None:
    (folder / "key.json").unlink()


def garble(folder: Path) -> None:
    (folder / "key.json").write_text("{")


def outdate(folder: Path) -> None:
    mark = json.loads((folder / "key.json").read_text())
    (folder / "key.json").write_text(json.dumps({**mark, "version": 0}))


def vanish(folder: Path) -> None:
    (folder / "key.npy").unlink()


@pytest.mark.parametrize("damage", [cut, flip, unmark, garble, outdate, vanish])
def test_damaged_features_are_made_again(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    make = Maker()
    load(tmp_path, make)
    damage(tmp_path)
    assert np.array_equal(load(tmp_path, make), np.ones(SHAPE))
    assert make.calls == 2


def test_another_shape_is_made_again(tmp_path: Path) -> None:
    make = Maker()
    load(tmp_path, make)
    assert load_or_make(tmp_path, "key", (4, 3), make).shape == (4, 3)


def test_a_failure_half_way_leaves_nothing(tmp_path: Path) -> None:
    def fail(out: FloatArray) -> None:
        out[:2] = 1
        raise RuntimeError("killed")

    with pytest.raises(RuntimeError, match="killed"):
        load(tmp_path, fail)
    assert list(tmp_path.iterdir()) == []


def test_a_full_or_missing_disk_is_a_storage_error(tmp_path: Path) -> None:
    def full(out: FloatArray) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(StorageError, match="disk is full"):
        load(tmp_path, full)
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="choose another cache folder"):
        load(tmp_path / "file", Maker())
