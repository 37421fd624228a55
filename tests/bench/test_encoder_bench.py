"""The encoder benchmark: both loops train, on the same images, and every one gives its line."""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest
import torch

from falcon_svc.bench import encoder_bench
from falcon_svc.bench.lightly_loop import LightlyLoop, PictureSet
from falcon_svc.encoder.backbones.networks import make_network
from falcon_svc.errors import MissingExtraError

SMALL = encoder_bench.Workload(images=48, side=8, channels=3, batch_size=16, epochs=1)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_our_line_is_measured(precision):
    line = encoder_bench.our_line(SMALL, precision)
    assert line.images_per_s > 0
    assert line.cpu_ms_per_image > 0
    assert 0 <= line.waiting_share < 1
    assert line.queries_per_image == 2


@pytest.mark.parametrize("channels", [1, 3])
def test_pictures_are_the_pixels(channels):
    pixels = np.random.default_rng(0).integers(0, 256, (5, channels, 8, 8), dtype=np.uint8)
    pictures = PictureSet(pixels, lambda picture: (np.asarray(picture), picture))
    for row, (first, picture) in enumerate(pictures[i] for i in range(5)):
        assert picture.mode == ("L" if channels == 1 else "RGB")
        want = pixels[row, 0] if channels == 1 else pixels[row].transpose(1, 2, 0)
        assert np.array_equal(first, want)


@pytest.mark.parametrize("both_views", [True, False])
def test_lightlys_loop_trains_and_its_keys_follow(both_views):
    pytest.importorskip("lightly")
    network = make_network("conv", channels=3, side=8)
    loop = LightlyLoop(
        SMALL.store().pixels, network, batch_size=16, workers=0, both_views=both_views, bf16=False
    )
    before = [weight.clone() for weight in network.parameters()]
    keys = [weight.clone() for weight in loop._momentum_model.parameters()]
    assert loop.train_epoch() > 0
    assert not any(map(torch.equal, before, network.parameters()))
    assert any(
        not torch.equal(a, b) for a, b in zip(keys, loop._momentum_model.parameters(), strict=True)
    )


def test_the_benchmark_prints_a_line_per_loop_and_writes_them(tmp_path, capsys, monkeypatch):
    pytest.importorskip("lightly")
    monkeypatch.setattr("os.cpu_count", lambda: 0)  # no loader processes
    flags = ["--images", "32", "--side", "8", "--batch", "16", "--epochs", "1", "--quiet"]
    assert encoder_bench.main([*flags, "--json", str(tmp_path / "figures.json")]) == 0
    table = capsys.readouterr().out.strip().splitlines()
    document = json.loads((tmp_path / "figures.json").read_text())
    assert len(table) - 2 == len(document["lines"]) == 5
    assert {line["loop"] for line in document["lines"]} == {"ours", "lightly"}
    assert document["lines"][0]["queries_per_image"] == 2


def test_a_missing_lightly_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "lightly.loss", None)
    with pytest.raises(MissingExtraError, match=r"\[bench\]"):
        encoder_bench.lightly_line(SMALL, both_views=True)
