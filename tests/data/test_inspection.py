"""`inspect_dataset` finds everything that `load_dataset` would raise, and says more."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from falcon_svc.data import DataConfig, inspect_dataset, load_dataset
from falcon_svc.errors import InputError
from tests.data.builders import COARSE, image_files, vectors, write_npz, write_zip


def test_a_good_data_set_has_counts_and_no_problems(tmp_path: Path) -> None:
    found = inspect_dataset(write_npz(tmp_path))
    assert found.ok
    assert (found.kind, found.n_samples, found.n_dims) == ("vectors", 6, 3)
    assert found.sources[0].classes == (("bird", 3), ("fish", 3))
    assert found.sources[0].tiny == (("bird", 3), ("fish", 3))
    assert found.problems == ()


def test_every_row_of_every_rule_is_listed(tmp_path: Path) -> None:
    x = vectors()
    x[1, 0] = x[4, 2] = np.nan
    path = write_npz(
        tmp_path,
        x=x,
        coarse=np.array(["bird", "bird", "", "fish", "fi\x07sh", "fish"]),
        ids=np.array(["a", "b", "c", "a", "e", ""]),
    )
    found = inspect_dataset(path)
    assert not found.ok
    assert [(problem.row, problem.code) for problem in found.problems] == [
        (1, "non_finite"),
        (4, "non_finite"),
        (4, "bad_label"),
        (5, "bad_label"),
        (3, "duplicate_id"),
        (2, "unlabelled"),
        (4, "unlabelled"),
    ]
    assert (found.n_errors, found.n_warnings) == (5, 2)
    assert found.problems[0].id == "b"
    with pytest.raises(InputError, match="row 1"):
        load_dataset(path)


def test_long_lists_are_cut_but_counted(tmp_path: Path) -> None:
    x = np.full((3000, 2), np.inf, np.float32)
    found = inspect_dataset(write_npz(tmp_path, x=x, coarse=np.arange(3000) % 2, fine=None))
    assert found.n_errors == 3000
    assert len([p for p in found.problems if p.severity == "error"]) == 1000


def test_repeated_zero_and_constant_vectors_are_warnings(tmp_path: Path) -> None:
    x = vectors()
    x[:, 2] = 0
    x[3] = x[0]
    x[5] = 0
    found = inspect_dataset(write_npz(tmp_path, x=x))
    assert found.ok
    assert (found.duplicates, found.constant_columns, found.n_warnings) == (1, 1, 2)
    assert [p.code for p in found.problems] == ["duplicate", "zero_vector"]
    assert COARSE[0] != COARSE[3]
    assert found.problems[0].what == "the same sample as row 0, under another label"


def test_repeated_and_skipped_images_are_warnings(tmp_path: Path) -> None:
    files = image_files()
    files = {**files, "bird/9.png": files["bird/0.png"], "fish/bad.png": b"nothing"}
    found = inspect_dataset(write_zip(tmp_path, files), DataConfig(bad_image_fraction=0.5))
    assert found.ok
    assert found.kind == "images"
    assert [(p.id, p.code) for p in found.problems] == [
        ("fish/bad.png", "unreadable_image"),
        ("bird/9.png", "duplicate"),
    ]
    pixels = np.zeros((6, 4, 4), np.uint8)
    assert inspect_dataset(write_npz(tmp_path, x=pixels)).duplicates == 5


def test_unlabelled_samples_are_counted_per_source(tmp_path: Path) -> None:
    path = write_npz(tmp_path, coarse_site=np.array(["sea", "lake", "", "", "", "sea"]))
    assert [source.unlabelled for source in inspect_dataset(path).sources] == [0, 3]
