"""Columns that say more about samples: which are kept, how they are cut, and how they come back."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from falcon_svc.data import load_dataset
from falcon_svc.result.files import write_discovery
from falcon_svc.result.samples import read_about, samples_file
from tests.discoveries import pretend_discovery

N = 40


def table(**more):
    rng = np.random.default_rng(0)
    return pa.table(
        {
            **{f"f{i}": rng.normal(size=N) for i in range(3)},
            "coarse": ["a", "b"] * (N // 2),
            **more,
        }
    )


def about(config=None, **more):
    dataset = load_dataset(table(**more), config)
    return {one.name: one for one in dataset.about}, dataset


def test_words_and_splits_are_kept_and_missing_ones_marked():
    cities = ["Oslo", "Rome", "", None] * (N // 4)
    found, _ = about(city=cities, split=["train", "test"] * (N // 2))
    assert found["city"].values == ("Oslo", "Rome")
    assert found["city"].codes[:4].tolist() == [0, 1, -1, -1]
    assert found["split"].values == ("test", "train")


@pytest.mark.parametrize("name", ["fine", "fine_label", "species", "label", "id", "truth"])
def test_truth_labels_and_ids_are_never_kept(name):
    found, _ = about(**{name: [f"x{i % 4}" if name != "id" else f"x{i}" for i in range(N)]})
    assert name not in found


def test_what_has_a_value_of_its_own_per_row_or_one_for_all_says_nothing():
    found, _ = about(url=[f"http://{i}" for i in range(N)], country=["NO"] * N)
    assert found == {}


def test_features_are_not_kept_twice_and_numbers_left_out_are_cut_into_fifths():
    from falcon_svc.data import DataConfig

    config = DataConfig(feature_columns=("f0", "f1"))
    height = np.arange(N, dtype=np.float64)
    height[3] = np.nan
    found, dataset = about(config, height=height, year=[2001, 2002] * (N // 2))
    assert dataset.reading.features == ("f0", "f1")
    assert set(found) == {"f2", "height", "year"}
    assert found["year"].values == ("2001", "2002")
    assert len(found["height"].values) == 5 and found["height"].codes[3] == -1
    sizes = np.bincount(found["height"].codes[found["height"].codes >= 0])
    assert sizes.min() >= 7 and sizes.max() <= 9


def test_they_come_back_from_the_result(tmp_path):
    cities = ["Oslo", "Rome", "", "Bern"] * (N // 4)
    _, dataset = about(city=cities, note=["yes", "no"] * (N // 2))
    x, fine = dataset.vectors, dataset.coarse.labels
    files = samples_file(dataset)
    write_discovery(
        tmp_path / "result", pretend_discovery(dataset, x, fine), model_files=files, report_html=""
    )
    again = read_about(tmp_path / "result")
    assert [one.name for one in again] == [one.name for one in dataset.about]
    for mine, read in zip(dataset.about, again, strict=True):
        assert [mine.values[i] if i >= 0 else None for i in mine.codes] == [
            read.values[i] if i >= 0 else None for i in read.codes
        ]


def test_nothing_is_kept_of_vectors_with_nothing_beside_them():
    _, dataset = about()
    assert dataset.about == () and samples_file(dataset) == {}
