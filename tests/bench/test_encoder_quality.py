"""The quality part of the encoder benchmark: a line per set, with every figure in its range."""

from __future__ import annotations

import json

import numpy as np
import pytest

from falcon_svc.bench import encoder_bench
from falcon_svc.bench.set_name import SetName
from falcon_svc.errors import ConfigError


@pytest.fixture
def images(tmp_path):
    """Four fine classes in two coarse ones: where the bright corner is."""
    rng, fine = np.random.default_rng(0), np.arange(80) % 4
    pixels = rng.integers(0, 60, (80, 8, 8), dtype=np.uint8)
    for row, corner in enumerate(fine):
        pixels[row, 4 * (corner // 2) :, 4 * (corner % 2) :] += 120
    np.savez(tmp_path / "corners.npz", x=pixels, coarse=fine // 2, fine=fine)
    return tmp_path / "corners.npz"


def test_options_of_a_section_come_after_a_dot(images):
    name = SetName.parse(f"{images}@encoder=moco,moco.epochs=3,moco.network=resnet18,side=12")
    assert (name.encoder.moco.epochs, name.encoder.moco.network) == (3, "resnet18")
    assert name.encoder.side == 12
    with pytest.raises(ConfigError, match=r"moco\.epochs"):
        SetName.parse(f"{images}@encoder=moco,moco.epochs=few")


def test_a_line_per_set(images, tmp_path, capsys):
    out = tmp_path / "figures.json"
    sets = [f"{images}@pixel_dim=8", f"{images}@encoder=moco,moco.epochs=2,moco.batch_size=20"]
    assert encoder_bench.main([*sets, "--json", str(out), "--quiet"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 4 and "purity@20" in lines[0]
    document = json.loads(out.read_text())
    pixels, moco = document["rows"]
    for row in (pixels, moco):
        for name in ("purity", "kmeans_acc", "kmeans_macro_acc", "acc", "macro_acc"):
            assert 0 <= row[name]["values"][0] <= 1
    assert pixels["purity"]["values"][0] > 0.9 and pixels["features"] == "8"
    assert moco["encoder_min"]["values"][0] > 0


@pytest.mark.parametrize("name", ["sklearn:iris", "planted:2,1", "shipped@thin=0"])
def test_sets_that_are_made_in_memory_are_refused(name):
    with pytest.raises(ConfigError, match="as it lies in its file"):
        encoder_bench.main([name, "--quiet"])
