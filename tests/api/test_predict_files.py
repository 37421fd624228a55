"""Files and texts over REST: read, encoded and predicted as `falcon predict` and Python do it."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from falcon_svc.client import ServiceError
from falcon_svc.pipeline.prediction import predict_samples
from tests.api.conftest import QUICK
from tests.api.running import Running, planted
from tests.encoder.test_text import onnx_folder

WORDS = (("card", "lost", "freeze"), ("card", "limit"), ("money", "transfer"), ("money", "account"))


def planted_cells(n: int = 160) -> Any:
    """AnnData of counts: 4 fine classes in 2 coarse ones."""
    anndata, pandas = pytest.importorskip("anndata"), pytest.importorskip("pandas")
    rng = np.random.default_rng(1)
    kinds = np.exp(rng.normal(size=(4, 60)) * (rng.random((4, 60)) < 0.3) * 2)
    means = (rng.gamma(1, 1, 60) * kinds)[np.arange(n) % 4] * 5
    names = [f"c{k}" for k in range(n)]
    coarse = np.array(["B", "B", "T", "T"])[np.arange(n) % 4]
    obs = pandas.DataFrame({"coarse": coarse}, index=names)
    var = pandas.DataFrame(index=[f"g{k}" for k in range(60)])
    return anndata.AnnData(rng.poisson(means).astype(np.float32), obs=obs, var=var)


@pytest.fixture(scope="module")
def cells_job(falcon, tmp_path_factory):
    path = tmp_path_factory.mktemp("cells") / "cells.h5ad"
    planted_cells().write_h5ad(path)
    uploaded = falcon.upload(path)
    return falcon.wait(falcon.submit(uploaded["id"], {**QUICK, "counts": {"n_fine": 4}})["id"])


def test_cells_of_an_h5ad_are_projected_by_the_models_recipe(falcon, cells_job, tmp_path):
    whole = planted_cells()
    fine = [row["fine"] for row in falcon.assignments(cells_job["id"])]
    new = whole[:40, ::-1].copy()  # few cells, genes in another order: nothing may be fitted again
    new.write_h5ad(tmp_path / "new.h5ad")
    found = falcon.predict_file(cells_job["id"], tmp_path / "new.h5ad", least_confidence=0.5)
    rows = found["predictions"]
    assert [row["fine"] for row in rows] == fine[:40]
    assert [row["id"] for row in rows] == [f"c{k}" for k in range(40)]
    assert {row["coarse"] for row in rows} == {"B", "T"} and found["notes"] == []
    assert all(row["fine_name"] for row in rows)
    new[:, 5:].copy().write_h5ad(tmp_path / "less.h5ad")
    with pytest.raises(ServiceError, match=r"all but 'g55', 'g56'.*'less\.h5ad'") as refused:
        falcon.predict_file(cells_job["id"], tmp_path / "less.h5ad")
    assert (refused.value.status, refused.value.code) == (422, "missing_features")


def test_a_table_and_arrays_give_what_vectors_give(falcon, job, service, tmp_path):
    x, coarse = planted(n=60)
    names = [["land", "water"][k] for k in coarse]
    expected = falcon.predict(job["id"], x.tolist(), names)["predictions"]
    np.savez(tmp_path / "new.npz", x=x, kind=np.array(names))
    np.save(tmp_path / "new.npy", x)
    (tmp_path / "new.csv").write_text("\n".join(["coarse", *names]))
    by_name = {"coarse_column": "kind"}
    for found in (
        falcon.predict_file(job["id"], tmp_path / "new.npz", options=by_name),
        falcon.predict_file(job["id"], tmp_path / "new.npy", labels=tmp_path / "new.csv"),
    ):
        rows = found["predictions"]
        assert [row["id"] for row in rows] == [str(k) for k in range(60)]
        assert [{**row, "id": None} for row in rows] == expected
    unlabelled = falcon.predict_file(job["id"], tmp_path / "new.npy")
    assert [note["code"] for note in unlabelled["notes"]] == ["no_labels"]
    assert not list((service.folder / "staging").glob("*/ask_*"))


@pytest.mark.parametrize(
    ("name", "content", "form", "status", "code"),
    [
        ("new.xlsx", b"PK\3\4", {}, 415, "unsupported_format"),
        ("../new.npz", b"PK\3\4", {}, 422, "bad_name"),
        ("new.npz", b"", {}, 422, "empty"),
        ("new.npz", b"PK\3\4 not an archive", {}, 422, "zip_damaged"),
        ("new.csv", b"a,b\n1,2\n", {"options": '{"max_rows": 3}'}, 422, "unknown_option"),
        ("new.csv", b"a,b\n1,2\n", {"least_confidence": "2"}, 422, "invalid_request"),
        ("new.csv", b"a,b\n1,2\n", {"more": "2"}, 422, "invalid_request"),
    ],
)
def test_what_is_no_data_set_is_refused(http, job, name, content, form, status, code):
    path = f"/v1/models/{job['id']}:predictFile"
    answer = http.post(path, files={"file": (name, content)}, data=form)
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    gone = http.post("/v1/models/job_1:predictFile", files={"file": (name, content)})
    assert gone.status_code == 404


def test_texts_for_a_job_on_vectors_are_refused(falcon, job):
    with pytest.raises(ServiceError) as refused:
        falcon.predict_texts(job["id"], ["lost card"])
    assert refused.value.status == 422


@pytest.fixture(scope="module")
def texts() -> tuple[list[str], list[str]]:
    rng = np.random.default_rng(0)
    fine = np.arange(120) % 4
    fill = [rng.choice(["my", "the", "a"], 2) for _ in fine]
    mixed = zip(fine, fill, strict=True)
    made = [" ".join(rng.permutation([*WORDS[k], *more])) for k, more in mixed]
    return made, [["cards", "cards", "money", "money"][k] for k in fine]


@pytest.fixture(scope="module")
def reading_service(tmp_path_factory):
    """A service with a sentence model of its operator's."""
    pytest.importorskip("onnxruntime")
    folder = tmp_path_factory.mktemp("models")
    onnx_folder(folder / "mine")
    running = Running(tmp_path_factory.mktemp("reads") / "data", encoder_files=folder)
    yield running
    running.stop()


def test_texts_become_vectors_by_the_jobs_encoder(reading_service, texts, tmp_path):
    words, coarse = texts
    path = tmp_path / "requests.csv"
    lines = (f'"{text}",{name}' for text, name in zip(words, coarse, strict=True))
    path.write_text("\n".join(["utterance,coarse", *lines]))
    config = {"counts": {"n_fine": 4}, "train": {"epochs": 2}, "encoder": {"name": "text:mine"}}
    with reading_service.client() as falcon:
        job = falcon.wait(falcon.submit(falcon.upload(path)["id"], config)["id"])
        own = [row["fine"] for row in falcon.assignments(job["id"])]
        of_file = falcon.predict_file(job["id"], path)["predictions"]
        of_texts = falcon.predict_texts(job["id"], words, coarse)["predictions"]
        without = falcon.predict_texts(job["id"], words[:3], least_confidence=1.0)
        with pytest.raises(ServiceError, match="row 1") as refused:
            falcon.predict_texts(job["id"], ["lost card", "  "])
        model = tmp_path / "model"
        falcon.download(job["id"], "model", tmp_path / "model.zip")
    assert [row["fine"] for row in of_file] == [row["fine"] for row in of_texts] == own
    assert len(set(own)) == 4
    assert all(row["abstained"] for row in without["predictions"])
    assert [note["code"] for note in without["notes"]] == ["text_samples", "no_labels"]
    assert refused.value.code == "empty_text"
    unpack(tmp_path / "model.zip", model)
    here = predict_samples(model, words, labels={"coarse": coarse})
    assert here.found.fine.tolist() == own


@pytest.fixture(scope="module")
def of_texts(reading_service, texts, tmp_path_factory):
    """A classifier of texts: its client, the job and the data set."""
    words, coarse = texts
    path = tmp_path_factory.mktemp("texts") / "requests.csv"
    names = [" ".join(one) for one in WORDS]
    rows = (f'r{k},"{t}",{coarse[k]},{names[k % 4]}' for k, t in enumerate(words))
    path.write_text("\n".join(["id,utterance,coarse,fine", *rows]))
    with reading_service.client() as falcon:
        dataset = falcon.upload(path)
        config = {"encoder": {"name": "text:mine"}, "epochs": 40}
        job = falcon.wait(falcon.submit(dataset["id"], config, kind="classifier")["id"])
        yield falcon, job, path


def test_texts_and_files_of_texts_are_classified(of_texts, texts, tmp_path):
    falcon, job, _ = of_texts
    stages = [one["name"] for one in job["summary"]["stages"]]
    assert stages == ["encoder", "features", "measure", "train"]
    classifier, (words, coarse) = falcon.classifier(job["id"]), texts
    assert classifier.card()["encoder"]["config"]["name"] == "text:mine"
    rows = classifier.classify_texts(words[:40])["predictions"]
    right = [row["path"][0] == name for row, name in zip(rows, coarse, strict=False)]
    assert np.mean(right) > 0.9 and {row["id"] for row in rows} == {None}
    new = tmp_path / "new.csv"
    new.write_text("\n".join(["id,utterance", *(f'n{k},"{t}"' for k, t in enumerate(words[:40]))]))
    found = classifier.classify_file(new, inference="threshold", threshold=1.0)["predictions"]
    assert [row["id"] for row in found] == [f"n{k}" for k in range(40)]
    assert {row["depth"] for row in found} == {0}
    with pytest.raises(ServiceError, match="give both"):
        classifier.classify_texts(words[:1], threshold=0.5)


def test_a_classifier_of_texts_is_measured_and_advice_given(of_texts):
    falcon, job, _ = of_texts
    measured = falcon.submit(job["dataset_id"], {"classifier": job["id"]}, kind="metrics")
    figures = falcon.job_metrics(falcon.wait(measured["id"])["id"])["figures"]
    assert figures["leaf_top1"] > 0.9
    config = {"encoder": {"name": "text:mine"}, "hidden": [0], "folds": 2}
    advised = falcon.wait(falcon.submit(job["dataset_id"], config, kind="advice")["id"])
    assert advised["summary"]["labels"] == "fine labels"


@pytest.mark.parametrize("name", ["text:../../mine", "text:/etc", "onnx:mine", "timm:resnet18"])
@pytest.mark.parametrize("kind", ["classifier", "advice"])
def test_encoders_are_those_of_the_operator(of_texts, name, kind):
    falcon, job, _ = of_texts
    with pytest.raises(ServiceError, match="text:mine") as refused:
        falcon.submit(job["dataset_id"], {"encoder": {"name": name}}, kind=kind)
    assert (refused.value.status, refused.value.code) == (422, "bad_encoder")


def unpack(archive: Path, folder: Path) -> None:
    with zipfile.ZipFile(archive) as packed:
        packed.extractall(folder)
    assert json.loads((folder / "model.json").read_text())["n_fine"] == 4
