"""`falcon demo`: what `make demo` and `make demo-images` promise."""

from __future__ import annotations

import numpy as np
import pytest

from falcon_svc.cli import discover as command
from falcon_svc.data.shipped import drawings_path
from tests.cli.conftest import falcon

PIXELS = 0.28
"""Accuracy by principal components of pixels, with all counts given."""

FULL_EPOCHS, FEW_EPOCHS = 60, 5


@pytest.mark.timeout(1_800)  # four minutes of one free core
@pytest.mark.parametrize(
    ("epochs", "least_acc"),
    [
        pytest.param(FEW_EPOCHS, 0.33, marks=pytest.mark.slow),  # 0.36
        pytest.param(FULL_EPOCHS, 0.55, marks=pytest.mark.long),  # 0.68
    ],
)
def test_an_encoder_trained_on_the_drawings_finds_characters_that_pixels_do_not(
    tmp_path, monkeypatch, epochs, least_acc
):
    asked = command.discovery_config

    def taught(flags):
        config = asked(flags)
        assert config.encoder.moco.epochs == FULL_EPOCHS
        moco = config.encoder.moco.model_copy(update={"epochs": epochs})
        encoder = config.encoder.model_copy(update={"moco": moco})
        return config.model_copy(update={"encoder": encoder})

    monkeypatch.setattr(command, "discovery_config", taught)
    done = falcon("demo", "--images", "--out", tmp_path / "out", "--json")
    assert done.code == 0
    assert done.json["n_fine"] == 153
    assert done.json["evaluation"]["acc"] > least_acc > PIXELS
    assert "data:image/webp" in (tmp_path / "out" / "report.html").read_text("utf-8")
    assert (tmp_path / "out" / "encoder.safetensors").exists()


def test_the_drawings_are_as_described():
    with np.load(drawings_path(), allow_pickle=False) as data:
        assert data["x"].shape == (3060, 28, 28, 1)
        assert data["x"].dtype == np.uint8
        assert len(data["coarse_names"]) == 6
        assert np.array_equal(np.bincount(data["fine"]), [20] * 153)
