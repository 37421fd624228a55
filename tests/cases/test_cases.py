"""Files of real users' kinds, as their generators beside the project make them: read right, or
refused in one sentence. What each kind is about stands in its folder's README.

Only reading is judged here, which takes milliseconds; training has tests of its own.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from falcon_svc.data import DataConfig, inspect_dataset, load_dataset, load_new_samples
from falcon_svc.errors import InputError
from falcon_svc.types import Reading

CASES = Path(__file__).parents[3] / "shared" / "cases"
pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif(not CASES.is_dir(), reason="the cases are not beside the project"),
]
LABELS = {"coarse_column": "coarse"}
RIGHT: dict[str, tuple[int, int, dict[str, Any], set[str]]] = {
    # file: (features, coarse classes, settings, notes)
    "01-h5ad-counts-predict/train.h5ad": (50, 3, LABELS, set()),
    "04-second-source-crash/conf.csv": (16, 3, {}, {"source_left_out"}),
    "05-embeddings-column-ignored/docs.parquet": (16, 3, {}, {"numbers_left_out"}),
    "05-embeddings-column-ignored/docs.jsonl": (16, 3, {}, {"numbers_left_out"}),
    "06-index-column-is-a-feature/filtered.parquet": (16, 3, {}, {"permuted_ids"}),
    "06-index-column-is-a-feature/t.csv": (16, 3, {}, set()),
    "06-index-column-is-a-feature/twice.csv": (16, 3, {}, set()),
    "07-number-columns-dropped/clean.csv": (8, 3, {}, set()),
    "07-number-columns-dropped/decimal_comma.csv": (8, 3, {}, set()),
    "07-number-columns-dropped/one_hot.csv": (8, 3, {}, {"one_hot"}),
    "12-one-coarse-class/air.npz": (16, 1, {}, {"one_coarse_class"}),
    "13-unlabelled-rows/hdbscan.npz": (16, 3, {}, {"unlabelled"}),
    "14-csv-with-index-column/pandas.csv": (16, 3, {}, set()),
    "14-csv-with-index-column/trailing.csv": (16, 3, {}, set()),
    "14-csv-with-index-column/sep.csv": (16, 3, {}, set()),
    "14-csv-with-index-column/write_table.csv": (16, 3, {}, set()),
    "15-excel-dialects/german.csv": (16, 3, {}, set()),
    "15-excel-dialects/tab.tsv": (16, 3, {}, set()),
    "15-excel-dialects/tab.csv": (16, 3, {}, set()),
    "16-float-labels/train.csv": (16, 3, {}, set()),
    "17-near-equal-labels/spaces_case.csv": (16, 6, {}, {"near_equal_labels"}),
    "17-near-equal-labels/nan.csv": (16, 3, {}, {"missing_as_text", "unlabelled"}),
    "18-truth-in-numbers-leaks/with.csv": (16, 3, {}, {"left_out"}),
    "19-scale-and-sentinels/units.npz": (3, 2, {}, {"scales"}),
    "19-scale-and-sentinels/one_huge_row.npz": (16, 3, {}, {"long_rows"}),
    "20-evaluate-id-column-partial-truth/bar.csv": (16, 3, {"id_column": "barcode"}, set()),
    "22-npz-names/xy.npz": (16, 3, {}, set()),
    "22-npz-names/arr.npz": (16, 3, {}, set()),
    "22-npz-names/column.npz": (16, 3, {}, set()),
    "22-npz-names/extra_names.npz": (16, 3, {}, {"unused_names"}),
    "23-h5ad-odd-obsm-and-x/df.h5ad": (16, 3, LABELS, set()),
    "23-h5ad-odd-obsm-and-x/sparse.h5ad": (16, 3, LABELS, set()),
    "23-h5ad-odd-obsm-and-x/no_x.h5ad": (50, 3, LABELS, {"counts_elsewhere"}),
    "23-h5ad-odd-obsm-and-x/scaled_raw.h5ad": (50, 3, LABELS, {"counts_elsewhere"}),
    "23-h5ad-odd-obsm-and-x/bool.h5ad": (16, 2, {"coarse_column": "tumor"}, set()),
    "23-h5ad-odd-obsm-and-x/donor.h5ad": (16, 3, LABELS | {"id_column": "_index"}, set()),
    "23-h5ad-odd-obsm-and-x/cells.zarr": (16, 3, LABELS, set()),
    "24-parquet-types/bool.parquet": (16, 2, {}, set()),
    "24-parquet-types/binary.parquet": (16, 3, {}, set()),
    "24-parquet-types/list.parquet": (16, 3, {}, set()),
    "24-parquet-types/hf.parquet": (16, 3, {}, set()),
    "24-parquet-types/shards": (16, 3, {}, set()),
    "09-splits-become-classes/kaggle": (0, 3, {}, {"images_outside"}),
    "09-splits-become-classes/capital": (0, 3, {}, set()),
    "26-image-folders/captions": (0, 3, {}, set()),
    "26-image-folders/tiff": (0, 3, {}, set()),
    "26-image-folders/yolo": (0, 1, {}, {"crops", "one_coarse_class"}),
    "26-image-folders/links": (0, 3, {"follow_links": True}, set()),
    "26-image-folders/windows.zip": (0, 3, {}, set()),
    "26-image-folders/m/win.csv": (0, 3, {}, set()),
    "32-same-image-twice/boxes.csv": (0, 2, {}, {"crops"}),
    "29-text-only/t.csv": (0, 2, {}, {"text_samples"}),
}
REFUSED = {
    "07-number-columns-dropped/one_bad_cell.csv": ("bad_number", "'#DIV/0!' (column 'b0')"),
    "08-annotation-csv-as-features/detections.csv": ("unreadable_images", "'filename'"),
    "08-annotation-csv-as-features/labelstudio.csv": ("bad_name", "'image'"),
    "08-annotation-csv-as-features/plain.csv": ("unreadable_images", "'filename'"),
    "22-npz-names/object.npz": ("pickle_refused", "y.astype(str)"),
    "22-npz-names/tfidf.npz": ("no_labels", "'tfidf.csv'"),
    "24-parquet-types/image.parquet": ("unreadable_images", "270 of 270"),
    "26-image-folders/links": ("unsafe_link", "follow_links = true"),
    "26-image-folders/coco": ("unreadable", "instances.json"),
}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Return a function that makes a case's files once and gives their folder."""
    root = tmp_path_factory.mktemp("cases")

    def make(name: str) -> Path:
        folder = root / name
        if not folder.exists():
            folder.mkdir()
            command = [sys.executable, "-W", "ignore", str(CASES / name / "gen.py")]
            environment = os.environ | {"PYTHONPATH": str(CASES)}
            subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True)
        return folder

    return make


@pytest.mark.parametrize("name", RIGHT)
def test_it_is_read_right(made, name):
    dims, classes, settings, notes = RIGHT[name]
    case, _, file = name.partition("/")
    found = inspect_dataset(made(case) / file, DataConfig(**settings))
    assert found.ok, found.problems
    assert (found.n_dims or 0, len(found.sources[0].classes)) == (dims, classes)
    assert {note.code for note in found.notes} == notes


@pytest.mark.parametrize("name", REFUSED)
def test_it_is_refused_in_a_sentence(made, name):
    code, words = REFUSED[name]
    case, _, file = name.partition("/")
    with pytest.raises(InputError) as caught:
        load_dataset(made(case) / file)
    sentence = str(caught.value)
    assert (caught.value.code, words in sentence) == (code, True), sentence
    assert sentence.startswith("Expected ") and sentence.endswith(".")


@pytest.mark.parametrize(
    ("file", "n", "classes"),
    [
        ("one_sample", 1, 1), ("one_class", 120, 1), ("no_column", 270, 0), ("unknown", 270, 3),
        ("empty", 270, 2),
    ],
)  # fmt: skip
def test_a_model_takes_samples_whatever_their_labels(made, file, n, classes):
    folder = made("11-predict-needs-labels")
    like = load_dataset(folder / "base.npz").reading
    new = load_new_samples(folder / f"{file}.npz", None, like)
    assert (len(new), len(new.coarse.names)) == (n, classes)


def test_labels_are_the_same_however_their_numbers_are_written(made):
    folder = made("16-float-labels")
    files = ("train.csv", "train.parquet", "new.csv")
    names = {load_dataset(folder / file).coarse.names for file in files}
    assert names == {("1", "2", "3")}


def test_new_cells_lie_where_those_of_the_discovery_lie(made):
    folder = made("01-h5ad-counts-predict")
    settings = DataConfig(**LABELS)
    old = load_dataset(folder / "train.h5ad", settings)
    again = load_new_samples(folder / "first_150_of_train.h5ad", settings, old.reading)
    np.testing.assert_allclose(again.vectors, old.vectors[:150], atol=1e-4)


def test_the_embedding_of_the_discovery_is_read_again(made):
    folder = made("02-predict-forgets-obsm-key")
    settings = DataConfig(obsm_key="X_harmony", coarse_column="cell_type")
    old = load_dataset(folder / "cells.h5ad", settings)
    again = load_new_samples(folder / "cells.h5ad", DataConfig(), old.reading)
    assert np.array_equal(again.vectors, old.vectors)
    assert isinstance(old.reading, Reading) and old.reading.obsm_key == "X_harmony"
