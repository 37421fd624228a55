"""An encoder trained on a user's images, from the images to predictions, killed and continued."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from tests.cli.conftest import falcon, start_falcon
from tests.cli.test_resume import DEADLINE_S, wait_for
from tests.encoder import tiny

SETTINGS = """
[encoder.moco]
epochs = {epochs}
batch_size = 16
projector_width = 16
predictor_width = 16
embedding_dim = 8
"""


@pytest.fixture(scope="module")
def drawings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """60 drawings of 6 kinds, two of which make a coarse class."""
    pixels, kind = tiny.drawings(60, n_coarse=6)
    path = tmp_path_factory.mktemp("drawings") / "drawings.npz"
    np.savez(path, x=pixels[:, 0], coarse=np.array(["a", "b", "c"])[kind // 2])
    return path


def settings(folder: Path, epochs: int) -> Path:
    path = folder / f"{epochs}.toml"
    path.write_text(SETTINGS.format(epochs=epochs))
    return path


def discover(drawings: Path, out: Path, *flags: object) -> None:
    done = falcon("discover", drawings, "--out", out, "--n-fine", 6, "--quiet", *flags)
    assert (done.code, done.err) == (0, "")


def test_from_images_to_predictions(drawings: Path, tmp_path: Path) -> None:
    out, config = tmp_path / "out", settings(tmp_path, 3)
    discover(drawings, out, "--encoder", "moco", "--config", config)
    document = json.loads((out / "discovery.json").read_text())
    assert document["stages"][0]["name"] == "encoder"
    assert {"encoder.json", "encoder.safetensors"} <= set(document["files"])
    done = falcon("predict", out, drawings, "--out", tmp_path / "new.parquet", "--quiet")
    assert (done.code, done.err) == (0, "")
    new, old = (pq.read_table(p) for p in (tmp_path / "new.parquet", out / "assignments.parquet"))
    assert new["fine"].to_pylist() == old["fine"].to_pylist()


@pytest.mark.slow
def test_an_encoder_trained_alone_is_taken_as_it_is(drawings: Path, tmp_path: Path) -> None:
    alone = tmp_path / "encoder"
    config = settings(tmp_path, 2)
    done = falcon("pretrain", drawings, "--out", alone, "--config", config, "--json", "--quiet")
    assert done.code == 0
    assert [epoch["epoch"] for epoch in done.json["epochs"]] == [1, 2]
    assert sorted(p.name for p in alone.iterdir()) == ["encoder.json", "encoder.safetensors"]
    as_it_is = ("--encoder", f"moco:continue={alone}", "--config", settings(tmp_path, 0))
    discover(drawings, tmp_path / "out", *as_it_is)
    weights = [
        (folder / "encoder.safetensors").read_bytes() for folder in (alone, tmp_path / "out")
    ]
    assert weights[0] == weights[1]


def test_only_moco_is_pre_trained(drawings: Path, tmp_path: Path) -> None:
    done = falcon("pretrain", drawings, "--out", tmp_path / "out", "--encoder", "pixels", "--json")
    assert done.code == 2
    assert done.json["error"]["code"] == "bad_encoder"
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_equal_images_collapse_in_one_sentence(tmp_path: Path) -> None:
    images = tmp_path / "equal.npz"
    np.savez(images, x=np.full((640, 8, 8), 7, np.uint8), coarse=np.arange(640) % 2)
    config = settings(tmp_path, 20)
    done = falcon("pretrain", images, "--out", tmp_path / "out", "--config", config, "--json")
    assert done.code == 2
    assert done.json["error"]["code"] == "collapsed"
    assert done.err.splitlines()[-1].startswith("error: Pre-training needs")


@pytest.mark.slow
def test_a_run_killed_while_it_pre_trains_goes_on_to_the_same_bytes(
    drawings: Path, tmp_path: Path
) -> None:
    config = settings(tmp_path, 30)
    flags = ("--encoder", "moco", "--config", config)
    discover(drawings, tmp_path / "whole", *flags)
    out, work_dir = tmp_path / "out", tmp_path / ".out.work"
    command = ("discover", drawings, "--out", out, "--n-fine", 6, "--quiet", *flags)
    process = start_falcon(*command)
    wait_for(work_dir, "encoder-*/encoder/checkpoints/epoch-00000[4-9]", process)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=DEADLINE_S)
    assert not out.exists()
    discover(drawings, out, *flags, "--resume")
    for name in ("encoder.safetensors", "assignments.parquet"):
        assert (out / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
