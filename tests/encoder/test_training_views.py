"""Which views images get: bent as far as their pixels do not already tell coarse classes apart."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.neighbors import NearestNeighbors

from falcon_svc.encoder.preprocessing import Preprocessing, VectorInput
from falcon_svc.encoder.views.config import DrawingStrengths, ViewConfig, ViewStrengths
from falcon_svc.encoder.views.image_views import ImageViews
from falcon_svc.encoder.views.training_views import pixel_skill, training_views
from falcon_svc.encoder.views.vector_views import VectorViews
from tests.encoder import tiny

SEEN = Preprocessing(side=8, resized=8, channels=1, mean=(0.5,), std=(0.25,))


def noise(n: int = 60, n_coarse: int = 3) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (n, 1, 8, 8), dtype=np.uint8), rng.integers(0, n_coarse, n)


def test_patterns_of_their_class_have_all_skill_and_noise_has_none() -> None:
    assert pixel_skill(*tiny.drawings()) == 1.0
    assert pixel_skill(*noise(600)) < 0.1


def test_skill_is_that_of_another_search_for_neighbors() -> None:
    pixels, coarse = noise()
    rows = pixels.reshape(60, -1) / np.linalg.norm(pixels.reshape(60, -1), axis=1, keepdims=True)
    nearest = NearestNeighbors(n_neighbors=6).fit(rows).kneighbors(rows)[1][:, 1:]
    purity = (coarse[nearest] == coarse[:, None]).mean()
    chance = ((np.bincount(coarse) / 60) ** 2).sum()
    expected = max(0.0, (purity - chance) / (1 - chance))
    assert pixel_skill(pixels, coarse) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("coarse", [np.zeros(60, np.int64), np.full(60, -1)])
def test_one_class_or_no_labels_say_nothing_of_pixels(coarse: np.ndarray) -> None:
    assert pixel_skill(noise()[0], coarse) == 0.0


def test_a_hand_case_of_bending() -> None:
    half = DrawingStrengths(
        rotation_deg=20, shear_deg=10, translation=0.2, zoom=(0.25, 4), erase=0.5
    ).bent(0.5)
    assert (half.rotation_deg, half.shear_deg, half.translation) == (10, 5, 0.1)
    assert half.zoom == pytest.approx((0.5, 2))
    assert half.erase == 0.5


def test_auto_bends_grey_images_only_as_far_as_pixels_say_nothing() -> None:
    auto = ViewConfig()
    assert auto.strengths(1) == DrawingStrengths()
    assert auto.strengths(1, pixel_skill=1.0) == DrawingStrengths().bent(0)
    assert auto.strengths(3, pixel_skill=1.0) == ViewStrengths()
    assert ViewConfig(kind="drawing").strengths(1, pixel_skill=1.0) == DrawingStrengths()
    assert ViewConfig(kind="photo").strengths(1, pixel_skill=1.0) == ViewStrengths()


def test_views_of_placed_images_are_those_of_strengths_without_bends() -> None:
    pixels, coarse = tiny.drawings()
    found = training_views(SEEN, pixels, coarse, tiny.config())
    batch = torch.from_numpy(pixels)
    expected = ImageViews(SEEN, DrawingStrengths().bent(0))
    one, other = (v.strong(batch, torch.Generator().manual_seed(3)) for v in (found, expected))
    assert torch.equal(one, other)


def test_vectors_get_views_of_vectors() -> None:
    x = np.random.default_rng(0).standard_normal((20, 4)).astype(np.float32)
    views = training_views(VectorInput(n_dims=4), x, np.zeros(20, np.int64), tiny.config())
    assert isinstance(views, VectorViews)
