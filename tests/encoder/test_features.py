"""The feature step: pass-through, pixel PCA, ONNX, and when the cache is used."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from falcon_svc.data import DataConfig, load_dataset
from falcon_svc.encoder import EncoderConfig, EncoderRun, extract_features
from falcon_svc.encoder.features import ENCODER_ROOM
from falcon_svc.encoder_files import PATTERNS, PLAIN
from falcon_svc.encoder_names import ENCODERS, for_samples
from falcon_svc.errors import ConfigError, InputError
from falcon_svc.types import CoarseDataset
from tests.data.builders import image_files, write_npz, write_zip
from tests.encoder.onnx_model import model


class Told:
    """Keeps what progress is told."""

    def __init__(self) -> None:
        self.stages: list[str] = []
        self.done: list[int] = []

    def stage(self, name: str, total: int) -> None:
        self.stages.append(name)

    def advance(self, done: int, metrics: Mapping[str, float]) -> None:
        self.done.append(done)


def images(folder: Path, n: int = 20, side: int = 8) -> CoarseDataset:
    pixels = np.random.default_rng(0).integers(0, 256, (n, side, side, 3), dtype=np.uint8)
    return load_dataset(write_npz(folder, x=pixels, coarse=np.arange(n) % 2, fine=None))


def onnx_file(folder: Path, content: bytes | None = None, side: int | str = "h") -> Path:
    path = folder / "model.onnx"
    pooled = model(["GlobalAveragePool", "Flatten"], ["n", 3, side, side], ["n", 3])
    path.write_bytes(pooled if content is None else content)
    return path


def test_vectors_pass_through_untouched(tmp_path: Path) -> None:
    data = load_dataset(write_npz(tmp_path))
    features = extract_features(data, EncoderRun(work_dir=tmp_path / "work"))
    assert features.vectors is data.vectors
    assert features.spec == "none"
    assert not (tmp_path / "work").exists()


def test_pixels_are_principal_components(tmp_path: Path) -> None:
    data = images(tmp_path)
    features = extract_features(data, EncoderRun(EncoderConfig(pixel_dim=5)))
    flat = data.images.read(0, 20, side=8).reshape(20, -1) / 255
    centred = flat - flat.mean(axis=0)
    _, values, axes = np.linalg.svd(centred, full_matrices=False)
    assert features.vectors.shape == (20, 5)
    assert features.vectors.dtype == np.float32
    assert np.allclose(np.abs(features.vectors), np.abs(centred @ axes[:5].T), atol=1e-3)
    assert np.allclose((features.vectors**2).sum(axis=0), values[:5] ** 2, rtol=1e-3)


def test_pixels_never_have_more_components_than_images(tmp_path: Path) -> None:
    assert extract_features(images(tmp_path, 6)).vectors.shape == (6, 5)


def test_pixels_of_mixed_sizes(tmp_path: Path) -> None:
    wide = {f"fish/{i}.png": v for i, v in enumerate(image_files(3, (30, 9)).values(), 9)}
    files = {**image_files(), **wide}
    data = load_dataset(write_zip(tmp_path, files))
    features = extract_features(data, EncoderRun(EncoderConfig(pixel_side=4, pixel_dim=3)))
    assert features.vectors.shape == (12, 3)
    assert features.spec == "pixels:side=4,dim=3,seed=0"


def test_progress_ends_at_all_images(tmp_path: Path) -> None:
    told = Told()
    extract_features(images(tmp_path), EncoderRun(progress=told))
    assert told.done[-1] == 20


def test_onnx_gets_its_preprocessing(tmp_path: Path) -> None:
    data = images(tmp_path)
    path = onnx_file(tmp_path)
    config = EncoderConfig(name=f"onnx:{path}", side=8, batch=7)
    features = extract_features(data, EncoderRun(config))
    pixels = data.images.read(0, 20, side=8).astype(np.float64)
    assert np.allclose(features.vectors, ((pixels - 127) / 128).mean(axis=(1, 2)), atol=1e-5)
    other = config.model_copy(update={"mean": (1.0, 2.0, 3.0), "scale": (0.5, 1.0, 2.0)})
    want = ((pixels - [1, 2, 3]) * [0.5, 1, 2]).mean(axis=(1, 2))
    changed = extract_features(data, EncoderRun(other))
    assert np.allclose(changed.vectors, want, rtol=1e-5)
    assert changed.digest != features.digest


def test_onnx_side_comes_from_the_model_or_is_192(tmp_path: Path) -> None:
    data = images(tmp_path, 4)
    fixed = EncoderConfig(name=f"onnx:{onnx_file(tmp_path, side=16)}")
    assert ",side=16," in extract_features(data, EncoderRun(fixed)).spec
    with pytest.raises(ConfigError, match="side 16"):
        extract_features(data, EncoderRun(fixed.model_copy(update={"side": 8})))
    free = EncoderConfig(name=f"onnx:{onnx_file(tmp_path)}")
    assert ",side=192," in extract_features(data, EncoderRun(free)).spec


def test_onnx_feature_maps_are_averaged_in_either_layout(tmp_path: Path) -> None:
    data = images(tmp_path, 4)
    means = (data.images.read(0, 4, side=8).astype(np.float64) - 127).mean(axis=(1, 2)) / 128
    for shape in (["n", 3, 8, 8], ["n", 8, 8, 3]):
        path = onnx_file(tmp_path, model(["Identity"], shape, shape))
        features = extract_features(data, EncoderRun(EncoderConfig(name=f"onnx:{path}")))
        assert np.allclose(features.vectors, means, atol=1e-5)


def test_onnx_of_a_fixed_batch_is_filled_up(tmp_path: Path) -> None:
    data = images(tmp_path, 10)
    free = onnx_file(tmp_path)
    want = extract_features(data, EncoderRun(EncoderConfig(name=f"onnx:{free}", side=8))).vectors
    path = onnx_file(tmp_path, model(["GlobalAveragePool", "Flatten"], [4, 3, 8, 8], [4, 3]))
    fixed = EncoderConfig(name=f"onnx:{path}")
    assert np.allclose(extract_features(data, EncoderRun(fixed)).vectors, want)


def test_onnx_that_gives_no_finite_numbers_is_refused(tmp_path: Path) -> None:
    operations = ["GlobalAveragePool", "Flatten", "Log"]
    path = onnx_file(tmp_path, model(operations, ["n", 3, 8, 8], ["n", 3]))
    config = EncoderConfig(name=f"onnx:{path}", mean=(300.0,))
    with pytest.raises(InputError, match="finite features") as caught:
        extract_features(images(tmp_path), EncoderRun(config))
    assert caught.value.code == "non_finite"


def test_unfit_encoders_are_refused(tmp_path: Path) -> None:
    data = images(tmp_path, 4)
    broken = onnx_file(tmp_path, b"not a model").rename(tmp_path / "broken.onnx")
    flat = onnx_file(tmp_path, model(["Identity"], ["n", 3], ["n", 3]))
    files = (f"{tmp_path}/none.onnx", broken, flat)
    for name in ("onnx:", *(f"onnx:{path}" for path in files), "none", "magic"):
        with pytest.raises(ConfigError) as caught:
            extract_features(data, EncoderRun(EncoderConfig(name=name)))
        assert caught.value.code == "bad_encoder"
        assert "\n" not in str(caught.value)
    vectors = load_dataset(write_npz(tmp_path), DataConfig())
    with pytest.raises(ConfigError, match="none"):
        extract_features(vectors, EncoderRun(EncoderConfig(name="pixels")))


def test_settings_are_checked() -> None:
    for wrong in (
        {"batch": 0},
        {"pixel_side": 1},
        {"colour": 1},
        {"layout": "CHWN"},
        {"mean": (1, 2)},
        {"scale": (np.nan,)},
    ):
        with pytest.raises(ValidationError):
            EncoderConfig(**wrong)


def test_equal_settings_give_equal_bytes_from_memory_and_cache(tmp_path: Path) -> None:
    data = images(tmp_path)
    plain = extract_features(data)
    first = extract_features(data, EncoderRun(work_dir=tmp_path / "work"))
    told = Told()
    again = extract_features(data, EncoderRun(work_dir=tmp_path / "work", progress=told))
    assert plain.digest == first.digest == again.digest
    assert plain.vectors.tobytes() == first.vectors.tobytes() == again.vectors.tobytes()
    assert not told.done
    assert isinstance(again.vectors, np.memmap)
    assert not again.vectors.flags.writeable


@pytest.mark.parametrize("name", ENCODERS)
def test_an_encoder_of_the_table_is_there_under_its_own_name(name: str) -> None:
    one = ENCODERS[name]
    module, _, opener = one.opener.partition(":")
    assert callable(getattr(import_module(f"{ENCODER_ROOM}.{module}"), opener))
    assert {form.partition(":")[0] for form in one.forms} == {name}
    assert all(any(form.startswith(before) for form in one.forms) for before in one.files)


def test_what_is_meant_without_a_name_and_what_a_service_offers() -> None:
    first = [for_samples(kind)[0] for kind in ("vectors", "images", "texts")]
    assert first == ["none", "pixels", "text"]
    assert PLAIN == ("none", "pixels", "moco", "text")
    assert set(PATTERNS) == {"moco:continue=", "onnx:", "text:"}
