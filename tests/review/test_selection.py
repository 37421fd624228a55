"""Selections as bitmasks, and polygons on the map, against plain loops."""

from __future__ import annotations

import base64
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from falcon_svc.review.atlas import own_axes, whole_map
from falcon_svc.review.plane import checked_polygon, inside
from falcon_svc.review.selection import packed, unpacked, with_ids
from falcon_svc.triage.corrections import CorrectionError
from tests.discoveries import pretend_blobs


@given(st.lists(st.booleans(), min_size=1, max_size=70))
def test_a_selection_comes_back(bits):
    mask = np.array(bits)
    assert unpacked(packed(mask), len(mask)).tolist() == np.flatnonzero(mask).tolist()


def test_the_lowest_bit_is_the_first_row():
    assert (
        packed(np.array([1, 0, 0, 1, 0, 0, 0, 0, 1], bool))
        == base64.b64encode(b"\x09\x01").decode()
    )


@pytest.mark.parametrize("text", ["", "!", "AAAA", base64.b64encode(b"\x80").decode()])
def test_what_is_no_selection_of_seven_samples_is_refused(text):
    with pytest.raises(CorrectionError, match="one bit for each of the 7 samples"):
        unpacked(text, 7)


def test_masks_in_a_correction_become_ids():
    sent = {"kind": "split", "parts": [{"rows": packed(np.array([True, False, True]))}], "x": 1}
    assert with_ids(sent, ["a", "b", "c"]) == {"kind": "split", "parts": [["a", "c"]], "x": 1}


def winding(point, polygon):
    """Even-odd by the text-book loop."""
    (x, y), odd = point, False
    for (ax, ay), (bx, by) in zip(polygon, np.roll(polygon, -1, axis=0), strict=True):
        if (ay > y) != (by > y) and x < ax + (y - ay) * (bx - ax) / (by - ay):
            odd = not odd
    return odd


@pytest.mark.parametrize("corners", [3, 4, 17])
def test_inside_is_the_loop(corners):
    rng = np.random.default_rng(corners)
    xy = rng.normal(size=(500, 2)).astype(np.float32)
    polygon = rng.normal(size=(corners, 2))
    expected = [winding(point, polygon) for point in xy.astype(float)]
    assert inside(xy, polygon).tolist() == expected


def test_a_star_has_a_hole_and_points_without_place_are_outside():
    star = np.array([[np.sin(a), np.cos(a)] for a in np.arange(5) * 4 * np.pi / 5])
    xy = np.array([[0, 0], [0, 0.7], [np.nan, 0], [2, 2]], np.float32)
    assert inside(xy, star).tolist() == [False, True, False, False]


@pytest.mark.parametrize(
    "corners",
    [
        [],
        [[0, 0], [1, 1]],
        [[0, 0], [1, 1], [2]],
        [[0, 0], [1, 1], [float("nan"), 0]],
        [[0, 0]] * 2001,
    ],
)
def test_what_is_no_polygon_is_refused(corners):
    with pytest.raises(CorrectionError, match="3 to 2,000 corners"):
        checked_polygon(corners)


def test_a_linear_map_of_some_places_all():
    rng = np.random.default_rng(0)
    _, _, found = pretend_blobs()
    inputs = rng.normal(size=(found.n_samples, 6)).astype(np.float32)
    xy = inputs @ rng.normal(size=(6, 2)).astype(np.float32) + 3
    rows = np.arange(0, found.n_samples, 3)
    some = replace(found, map_rows=rows, map_xy=xy[rows], map_method="pca")
    np.testing.assert_allclose(whole_map(some, inputs), xy, atol=1e-4)


def test_on_a_map_of_neighbors_a_sample_lies_amid_those_of_its_label_that_are_nearest():
    _, x, found = pretend_blobs(per_fine=30)
    rows = np.arange(0, found.n_samples, 2)
    xy = np.random.default_rng(0).normal(size=(len(rows), 2)).astype(np.float32)
    some = replace(found, map_rows=rows, map_xy=xy, map_method="tsne")
    placed, labels = whole_map(some, x), found.sources[0].labels
    np.testing.assert_array_equal(placed[rows], xy)
    for row in (1, 77, 151):
        own = np.flatnonzero(labels[rows] == labels[row])
        near = own[np.argsort(((x[rows[own]] - x[row]) ** 2).sum(axis=1))[:3]]
        np.testing.assert_allclose(placed[row], xy[near].mean(axis=0), rtol=1e-5)


def test_own_axes_keep_distances_in_a_plane_and_pad_a_line():
    flat = np.random.default_rng(1).normal(size=(40, 2)).astype(np.float32)
    gaps = [np.linalg.norm(one[:, None] - one, axis=2) for one in (flat, own_axes(flat))]
    np.testing.assert_allclose(*gaps, atol=1e-5)
    assert own_axes(flat[:, :1]).shape == (40, 2)
