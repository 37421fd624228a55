"""`falcon demo`: what `make demo` and `make demo-images` promise."""

from __future__ import annotations

import os

import numpy as np
import pytest
import torch

from falcon_svc.data.shipped import drawings_path
from tests.cli.conftest import falcon


@pytest.fixture
def all_cores():
    """Tests have one thread; this one is long."""
    before = torch.get_num_threads()
    torch.set_num_threads(os.cpu_count() or 1)
    yield
    torch.set_num_threads(before)


@pytest.mark.slow
@pytest.mark.timeout(1_800)  # two minutes on two free cores
def test_an_encoder_trained_on_the_drawings_finds_characters_that_pixels_do_not(
    tmp_path, all_cores
):
    done = falcon("demo", "--images", "--out", tmp_path / "out", "--json")
    assert done.code == 0
    assert done.json["n_fine"] == 153
    assert done.json["evaluation"]["acc"] > 0.55  # 0.68; pixels 0.28 with all counts given
    assert "data:image/webp" in (tmp_path / "out" / "report.html").read_text("utf-8")
    assert (tmp_path / "out" / "encoder.safetensors").exists()


def test_the_drawings_are_as_described():
    with np.load(drawings_path(), allow_pickle=False) as data:
        assert data["x"].shape == (3060, 28, 28, 1)
        assert data["x"].dtype == np.uint8
        assert len(data["coarse_names"]) == 6
        assert np.array_equal(np.bincount(data["fine"]), [20] * 153)
