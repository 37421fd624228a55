"""`restrict_to`: only the samples of some coarse classes are read, whatever they are."""

from __future__ import annotations

import numpy as np
import pytest

from falcon_svc.data import DataConfig, inspect_dataset, load_dataset
from falcon_svc.errors import InputError
from tests.data.builders import image_files, write_zip

LABELS = np.array(["bird", "fish", "bird|fish", "owl", "", "bird", "bird|owl", "fish"])
VECTORS = np.arange(16, dtype=np.float32).reshape(8, 2) ** 2


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "data.npz"
    np.savez(path, x=VECTORS, coarse=LABELS, coarse_site=np.array(list("ababbaab")))
    return path


def test_samples_of_one_class_stay_with_their_row_numbers_as_ids(table):
    data = load_dataset(table, DataConfig(restrict_to=("bird",)))
    assert data.ids == ("0", "5") and data.coarse.names == ("bird",)
    np.testing.assert_array_equal(data.vectors, VECTORS[[0, 5]])
    told = {note.code: note.text for note in data.reading.notes}
    assert "2 of 8" in told["restricted"] and "one_coarse_class" in told
    assert inspect_dataset(table, DataConfig(restrict_to=("bird",))).n_samples == 2


def test_samples_of_several_classes_stay_if_all_are_wanted(table):
    data = load_dataset(table, DataConfig(restrict_to=("fish", "bird")))
    assert data.ids == ("0", "1", "2", "5", "7")
    assert data.coarse.several == {2: (0, 1)}
    assert data.sources[1].labels.tolist() == [0, 1, 0, 0, 1]


def test_scales_are_fitted_on_the_samples_that_stay(table):
    data = load_dataset(table, DataConfig(restrict_to=("bird",), scale="standard"))
    np.testing.assert_allclose(data.vectors.mean(axis=0), 0, atol=1e-6)


def test_bad_rows_of_other_classes_do_no_harm_and_others_keep_their_number(tmp_path):
    vectors = VECTORS.copy()
    vectors[1] = np.nan
    np.savez(tmp_path / "data.npz", x=vectors, coarse=LABELS)
    restricted = DataConfig(restrict_to=("bird",))
    assert len(load_dataset(tmp_path / "data.npz", restricted)) == 2
    vectors[5] = np.inf
    np.savez(tmp_path / "data.npz", x=vectors, coarse=LABELS)
    with pytest.raises(InputError, match="row 5"):
        load_dataset(tmp_path / "data.npz", restricted)


def test_images_are_restricted_too(tmp_path):
    path = write_zip(tmp_path, image_files())
    every, some = load_dataset(path), load_dataset(path, DataConfig(restrict_to=("fish",)))
    rows = np.flatnonzero(every.coarse.labels == every.coarse.names.index("fish"))
    assert some.ids == tuple(every.ids[row] for row in rows)
    np.testing.assert_array_equal(
        some.images.read(0, 1, side=8), every.images.read(int(rows[0]), int(rows[0]) + 1, side=8)
    )
    assert some.digest != every.digest


def test_a_class_that_is_not_there_is_refused(table):
    with pytest.raises(InputError, match=r"restrict_to .*'bird'.* found 'cow'"):
        load_dataset(table, DataConfig(restrict_to=("bird", "cow")))
