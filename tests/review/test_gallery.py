"""Orders of a class's samples, marks and words, against plain definitions."""

from __future__ import annotations

import numpy as np
import pytest

from falcon_svc.errors import InputError
from falcon_svc.review.content import Content
from falcon_svc.review.gallery import marks, ordered_rows
from falcon_svc.triage.solutions import Placement
from falcon_svc.triage.state import Review
from tests.discoveries import StoredImages, blobs, pretend_blobs, pretend_dataset

JPEG = b"\xff\xd8\xff"


@pytest.fixture(scope="module")
def made():
    _, x, discovery = pretend_blobs(per_fine=20)
    found = discovery.assignments
    review = Review.of(discovery)
    placement = Placement(
        *(found.fine, found.runner_up, found.confidence, found.confidence - found.margin),
        tuple(review.classes.values()), review.next_number,
    )  # fmt: skip
    return review, placement, x


def rows_of(made, order, number=2, suspects=()):
    review, placement, x = made
    return ordered_rows(order, number, review, placement, x, np.array(suspects, np.int64))


def test_every_order_shows_members_only_and_central_and_all_show_each_once(made):
    members = set(made[0].members(2).tolist())
    for order in ("central", "border", "all"):
        rows = rows_of(made, order).tolist()
        assert set(rows) == members and len(rows) == len(members), order
    assert set(rows_of(made, "diverse").tolist()) <= members


def test_central_begins_at_the_mean_and_border_at_the_least_margin(made):
    review, placement, x = made
    rows = review.members(2)
    gap = np.linalg.norm(x[rows] - x[rows].mean(axis=0), axis=1)
    assert rows_of(made, "central")[0] == rows[gap.argmin()]
    margin = placement.confidence - placement.rival
    assert rows_of(made, "border")[0] == min(rows, key=lambda row: margin[row])


def test_each_diverse_sample_is_the_farthest_from_those_before(made):
    x, rows = made[2], rows_of(made, "diverse")
    members = made[0].members(2)
    for k in range(1, 6):
        gaps = np.min(np.linalg.norm(x[members][:, None] - x[rows[:k]][None], axis=2), axis=1)
        assert rows[k] == members[gaps.argmax()]


def test_suspects_keep_their_order_and_their_class(made):
    members = made[0].members(2).tolist()
    assert rows_of(made, "suspect", suspects=[members[3], 0, members[1]]).tolist() == [
        members[3], members[1],
    ]  # fmt: skip


def test_a_mark_is_cohens_d():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 4)).astype(np.float32)
    x[:30, 2] += 3
    (first, *_) = marks(x, np.arange(30), np.arange(30, 60), 2)
    a, b = x[:30, 2], x[30:, 2]
    pooled = np.sqrt((a.var() + b.var()) / 2)
    assert first["column"] == 2 and first["effect"] == pytest.approx(
        (a.mean() - b.mean()) / pooled, abs=1e-3
    )
    assert marks(x, np.arange(1), np.arange(30, 60), 2) == []


def content_of(**parts):
    x, coarse, _ = blobs(n_fine=2, n_coarse=1, per_fine=3)
    return Content(pretend_dataset(x, coarse, **parts))


def test_words_that_mark_a_class_are_those_that_its_siblings_lack():
    texts = (
        *("the barn owl", "a barn owl", "the owl sleeps"),
        *("the grey gull", "a gull sleeps", "the gull"),
    )
    found = content_of(texts=texts).marking_words(0, {0: [0, 1, 2], 1: [3, 4, 5]})
    assert found[0] == "owl" and "barn" in found and not {"the", "sleeps", "gull"} & set(found)


def test_pictures_are_made_anew():
    pixels = np.random.default_rng(0).integers(0, 255, (6, 20, 20, 3), dtype=np.uint8)
    data = content_of(images=StoredImages(pixels)).picture(1)
    assert data[:3] == JPEG
    assert Content().picture(1) is None and Content().text(0) is None


def test_another_data_set_is_refused(tmp_path):
    _, _, discovery = pretend_blobs()
    np.savez(tmp_path / "other.npz", x=np.eye(4), coarse=np.array(["a", "a", "b", "b"]))
    with pytest.raises(InputError, match="has other samples"):
        Content.read(tmp_path / "other.npz", discovery)
