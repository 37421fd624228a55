"""Names of data sets: the shipped one, options after @, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from falcon_svc.bench.set_name import SetName
from falcon_svc.errors import ConfigError, InputError
from tests.bench.sets import FINE_PER_COARSE, save_separated


def test_the_shipped_set_is_known_by_name():
    data = SetName.parse("shipped").load()
    assert data.document()["n_fine"] == 150
    assert data.name == "clinc150_demo"


def test_counts_come_from_the_truth(tmp_path):
    data = SetName.parse(str(save_separated(tmp_path / "a.npz"))).load()
    assert data.true_counts.tolist() == list(FINE_PER_COARSE)
    assert len(data.judged) == len(data.dataset)


def test_an_option_names_the_array(tmp_path):
    other = np.random.default_rng(1).normal(size=(210, 3)).astype(np.float32)
    path = save_separated(tmp_path / "a.npz", pca=other)
    data = SetName.parse(f"{path}@vector_column=pca").load()
    np.testing.assert_array_equal(data.features, other)
    assert data.name == "a (vector_column=pca)"


def test_images_become_features_that_all_methods_share(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (20, 6, 6), dtype=np.uint8)
    labels = np.arange(20) % 2
    np.savez(tmp_path / "a.npz", x=images, coarse=labels, fine=labels)
    data = SetName.parse(f"{tmp_path / 'a.npz'}@pixel_dim=5").load()
    assert data.features.shape == (20, 5)
    assert data.dataset.images is None
    assert "dim=5" in data.spec


def test_truth_may_lie_in_a_second_file_and_be_partial(tmp_path):
    path = save_separated(tmp_path / "a.npz")
    (tmp_path / "truth.csv").write_text("id,fine\n0,x\n1,y\n2,x\n")
    data = SetName.parse(f"{path}@truth=truth.csv").load()
    assert data.judged.tolist() == [0, 1, 2]


def test_a_file_name_may_hold_an_at_sign(tmp_path):
    path = save_separated(tmp_path / "a@b.npz")
    assert SetName.parse(str(path)).source.path == path
    assert SetName.parse(f"{path}@coarse_column=coarse").source.path == path


def test_a_missing_file_is_one_sentence(tmp_path):
    with pytest.raises(InputError, match="nothing is there"):
        SetName.parse(str(tmp_path / "none.npz"))


@pytest.mark.parametrize(
    ("options", "words"),
    [("pixel_dim", "KEY=VALUE"), ("pixel_dim=0", "pixel_dim"), ("colour=red", "colour")],
)
def test_wrong_options_are_one_sentence(tmp_path, options, words):
    path = save_separated(tmp_path / "a.npz")
    with pytest.raises(ConfigError, match=words):
        SetName.parse(f"{path}@{options}")
