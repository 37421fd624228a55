"""A result keeps what people see of its samples, whole, and in the data set's order."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from falcon_svc.config import DiscoveryConfig
from falcon_svc.errors import InputError, StorageError
from falcon_svc.pipeline.discover import discover_to
from falcon_svc.result import samples
from falcon_svc.result.files import read_discovery
from falcon_svc.result.samples import SAMPLES, SIDE, read_samples
from falcon_svc.review.content import Content
from falcon_svc.triage.exports import export
from falcon_svc.triage.session import Session
from tests.discoveries import StoredImages, blobs, pretend_dataset

QUICK = {"counts": {"n_fine": 4}, "train": {"epochs": 1}}
N = 48


def picture_set(texts=None):
    """Images of one flat colour each, in two coarse classes of two fine ones."""
    x, coarse, fine = blobs(n_coarse=2, n_fine=4, per_fine=N // 4)
    grey = (60 + 40 * fine[:, None, None, None]) + np.random.default_rng(0).integers(
        0, 12, (N, 10, 10, 3)
    )
    return pretend_dataset(x, coarse, images=StoredImages(grey.astype(np.uint8)), texts=texts)


def discovered(dataset, directory, **settings):
    discover_to(directory, dataset, DiscoveryConfig.model_validate({**QUICK, **settings}))
    return directory, read_discovery(directory)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    dataset = replace(picture_set(tuple(f"no. {i}\n<b>" for i in range(N))), vectors=None)
    return dataset, *discovered(dataset, tmp_path_factory.mktemp("result") / "out")


def test_thumbnails_are_the_images_in_order(pictures):
    dataset, directory, discovery = pictures
    kept = read_samples(directory, discovery)
    assert kept.ids == dataset.ids and kept.texts == dataset.texts and len(kept.images) == N
    seen = kept.images.read(0, N, side=10).astype(float).mean(axis=(1, 2, 3))
    assert seen == pytest.approx(dataset.images.array.astype(float).mean(axis=(1, 2, 3)), abs=3)
    image = Image.open(io.BytesIO(kept.images.encoded(N - 1)))
    assert (image.format, image.size) == ("JPEG", (SIDE, SIDE))


def test_a_review_shows_them_without_the_data_set(pictures):
    dataset, directory, discovery = pictures
    content = Content.kept(directory, discovery)
    assert content.has_images and content.text(5) == dataset.texts[5]
    assert content.picture(5) == read_samples(directory, discovery).images.encoded(5)


def test_exports_have_the_texts_and_refuse_to_pass_thumbnails_for_images(pictures, tmp_path):
    dataset, directory, discovery = pictures
    session, kept = Session(directory), read_samples(directory, discovery)
    table = pq.read_table(export(session, "parquet", tmp_path / "table", dataset=kept))
    assert table["text"].to_pylist() == list(dataset.texts)
    for form in ("image-folder", "coco"):
        with pytest.raises(InputError, match="keeps thumbnails only; give the data set"):
            export(session, form, tmp_path / form, dataset=kept)


def test_groups_of_rows_join_without_a_seam(tmp_path, monkeypatch):
    dataset = replace(picture_set(), vectors=None)
    monkeypatch.setattr(samples, "GROUP_ROWS", 7)
    for name, write in samples.samples_file(dataset).items():
        write(tmp_path / name)
    kept = samples.Thumbnails(pq.ParquetFile(tmp_path / SAMPLES))
    whole = [kept.encoded(row) for row in range(N)]
    assert whole == list(map(samples.jpeg, dataset.images.read(0, N, side=SIDE)))


def test_vectors_alone_keep_nothing_and_so_does_who_asks_for_it(tmp_path):
    x, coarse, _ = blobs(n_coarse=2, n_fine=4, per_fine=12)
    directory, discovery = discovered(pretend_dataset(x, coarse), tmp_path / "vectors")
    assert not (directory / SAMPLES).exists() and read_samples(directory, discovery) is None
    assert not Content.kept(directory, discovery).has_images
    texts = pretend_dataset(x, coarse, texts=("a long and secret letter",) * len(x))
    directory, discovery = discovered(texts, tmp_path / "asked", keep_samples=False)
    assert read_samples(directory, discovery) is None
    assert not (directory / SAMPLES).exists()  # classes are still named after its words


def test_too_many_images_are_told_and_not_kept(monkeypatch):
    monkeypatch.setattr(samples, "MOST_THUMBNAILS", N - 1)
    dataset = picture_set()
    (note,) = samples.samples_note(dataset)
    assert note.code == "no_thumbnails" and "give the data set with --data" in note.text
    assert samples.samples_file(dataset) == {}


def test_what_was_changed_afterwards_is_not_shown(pictures, tmp_path):
    dataset, _, _ = pictures
    directory, discovery = discovered(dataset, tmp_path / "other")
    path = directory / SAMPLES
    path.write_bytes(path.read_bytes()[:-9] + b"tampered!")
    with pytest.raises(StorageError, match="not as it was written"):
        read_samples(directory, discovery)
