"""A job that trains a classifier with the encoder of its images, which then sees new ones."""

from __future__ import annotations

import io
import zipfile

import numpy as np
import pytest
from PIL import Image

from falcon_svc.client import ServiceError
from falcon_svc.hierarchy.classifier import HierarchicalClassifier
from falcon_svc.supervised import encode_like, new_samples
from tests.api.labelled import checked, done, npz_of
from tests.supervised import marks

CONFIG = {
    "encoder": {"name": "moco", "moco": {"epochs": 1, "batch_size": 64}},
    "joint": {"train_encoder": True, "epochs": 12, "batch_size": 32, "encoder_rate": 1.0},
}


@pytest.fixture(scope="module")
def images(falcon, tmp_path_factory):
    top, fine = np.array(marks.paths(320)).T
    path = tmp_path_factory.mktemp("images") / "marks.npz"
    path.write_bytes(npz_of(x=marks.pixels(320), coarse=top, fine=fine))
    return checked(falcon, falcon.upload(path))


@pytest.fixture(scope="module")
def trained(falcon, images):
    return done(falcon, images, "classifier", test_share=0.0, **CONFIG)


@pytest.fixture(scope="module")
def frozen(falcon, images):
    return done(falcon, images, "classifier", test_share=0.0, encoder=CONFIG["encoder"])


def zipped(pixels):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for row, image in enumerate(pixels):
            png = io.BytesIO()
            Image.fromarray(image).save(png, "png")
            archive.writestr(f"{row:03d}.png", png.getvalue())
    return buffer.getvalue()


def test_new_images_go_through_the_trained_encoder(falcon, trained, frozen, tmp_path):
    new, wanted, found = marks.pixels(100, seed=1), marks.paths(100), {}
    for name, job in (("trained", trained), ("frozen", frozen)):
        file = falcon.classifier(job["id"]).download(tmp_path / f"{name}.model")
        model = HierarchicalClassifier.load(file)
        paths = model.predict(encode_like(model, new_samples(model, new)))
        found[name] = [tuple(path) for path in paths.tolist()]
    right = {k: np.mean([a == b for a, b in zip(v, wanted, strict=True)]) for k, v in found.items()}
    assert right["trained"] > right["frozen"] + 0.15
    (tmp_path / "new.zip").write_bytes(zipped(new))
    answer = falcon.classifier(trained["id"]).classify_file(tmp_path / "new.zip")
    assert [tuple(one["path"]) for one in answer["predictions"]] == found["trained"]
    assert [one["id"] for one in answer["predictions"]][:2] == ["000.png", "001.png"]


def test_stages_and_card_tell_of_it(falcon, trained, frozen):
    stages = [one["name"] for one in trained["summary"]["stages"]]
    assert stages[-2:] == ["train", "train encoder"]
    card, other = (falcon.classifier(one["id"]).card() for one in (trained, frozen))
    assert card["training"]["encoder"]["epochs"] == 12
    assert card["encoder"]["spec"] != other["encoder"]["spec"]
    assert "encoder" not in other["training"]


def test_what_cannot_be_trained_is_refused_at_once(falcon, images, labelled):
    joint = {"joint": {"train_encoder": True}}
    for dataset, config in ((images, joint), (labelled, {**CONFIG})):
        with pytest.raises(ServiceError, match="where the encoder is to be trained") as refused:
            falcon.submit(dataset["id"], config, kind="classifier")
        assert (refused.value.status, refused.value.code) == (422, "bad_encoder")
