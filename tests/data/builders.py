"""Small data sets of every format, good unless a test bends them."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from falcon_svc.data import DataConfig, load_dataset
from falcon_svc.errors import InputError

COARSE = ["bird", "bird", "fish", "fish", "fish", "bird"]
FINE = ["owl", "tit", "cod", "eel", "cod", "owl"]


def vectors(n: int = 6, d: int = 3) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(n, d)).astype(np.float32)


def write_npz(folder: Path, **changes: Any) -> Path:
    """Write x, coarse, fine; a change to None leaves an array out."""
    arrays = {"x": vectors(), "coarse": np.array(COARSE), "fine": np.array(FINE), **changes}
    path = folder / "data.npz"
    np.savez_compressed(path, **{k: v for k, v in arrays.items() if v is not None})
    return path


def image_bytes(seed: int = 0, size: tuple[int, int] = (8, 8), kind: str = "PNG") -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    return encoded(Image.fromarray(pixels), kind)


def encoded(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def image_files(per_class: int = 3, size: tuple[int, int] = (8, 8)) -> dict[str, bytes]:
    return {
        f"{name}/{i}.png": image_bytes(10 * c + i, size)
        for c, name in enumerate(("bird", "fish"))
        for i in range(per_class)
    }


def write_zip(folder: Path, files: dict[str, bytes], name: str = "images.zip") -> Path:
    path = folder / name
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file, content in files.items():
            archive.writestr(file, content)
    return path


def write_folder(folder: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        path = folder / "images" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder / "images"


def refused(path: Path, code: str, *words: str, **settings: Any) -> str:
    """Check that loading raises `InputError` with this code and these words; return the message."""
    with pytest.raises(InputError) as caught:
        load_dataset(path, DataConfig(**settings))
    message = str(caught.value)
    assert caught.value.code == code, (caught.value.code, message)
    for word in words:
        assert word in message, (word, message)
    assert "\n" not in message
    assert len(message) < 2_000
    assert message.endswith(".")
    return message
