"""What corrections do to a review, and the wall that none of them climbs."""

from __future__ import annotations

import copy

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from falcon_svc.triage import corrections as c
from falcon_svc.triage.edits import apply
from tests.triage.reviews import blob_review


@pytest.fixture
def review():
    """Seven classes under three coarse ones (class i under i mod 3), twelve samples each."""
    return blob_review()


def ids(review, number):
    return tuple(review.ids[row] for row in review.members(number).tolist())


def refused(review, correction, told):
    before = copy.deepcopy(review)
    with pytest.raises(c.CorrectionError, match=told):
        apply(review, correction)
    assert np.array_equal(before.fine, review.fine)
    assert np.array_equal(before.coarse, review.coarse)
    assert before.classes == review.classes


def test_rename_and_its_limits(review):
    apply(review, c.Rename(class_id="c0", name="jay"))
    assert review.classes[0].name == "jay"
    assert review.classes[0].named
    refused(review, c.Rename(class_id="c3", name="jay"), "merge the two")
    apply(review, c.Rename(class_id="c1", name="jay"))  # under another coarse class
    refused(review, c.Rename(class_id="c99", name="wren"), "no c99")


def test_merge_keeps_the_first_id_and_a_persons_name(review):
    apply(review, c.Rename(class_id="c3", name="jay"))
    apply(review, c.Merge(class_ids=("c0", "c3")))
    assert (review.fine == 0).sum() == 24
    assert 3 not in review.classes
    assert review.classes[0].name == "jay"
    assert review.classes[0].born_of == ("c3",)


def test_a_merge_never_joins_two_parents(review):
    refused(review, c.Merge(class_ids=("c0", "c1")), "different coarse classes")
    refused(review, c.Merge(class_ids=("c0", "c0")), "two different")


def test_classes_kept_apart_are_not_merged(review):
    apply(review, c.KeepApart(class_id="c0", other="c3"))
    refused(review, c.Merge(class_ids=("c3", "c0")), "kept apart")


def test_wishes_follow_a_merge(review):
    apply(review, c.Pin(class_id="c3", coarse="coarse 0"))
    apply(review, c.KeepApart(class_id="c3", other="c6"))
    apply(review, c.Merge(class_ids=("c0", "c3")))
    assert review.wishes.pins == ((0, 0),)
    refused(review, c.Merge(class_ids=("c0", "c6")), "kept apart")


def test_split_by_selection_makes_a_class_that_stays(review):
    rows = ids(review, 0)
    apply(review, c.Split(class_id="c0", parts=(rows[:3], rows[3:5])))
    assert [(review.fine == n).sum() for n in (0, 7, 8)] == [7, 3, 2]
    assert review.fixed[review.fine == 7].all()
    assert review.classes[7].parents == review.classes[0].parents
    assert review.classes[7].born_of == ("c0",)


def test_what_no_split_can_do(review):
    rows, others = ids(review, 0), ids(review, 3)
    refused(review, c.Split(class_id="c0", parts=(rows,)), "leaves at least one")
    refused(review, c.Split(class_id="c0", parts=(others[:1],)), "not in it")
    refused(review, c.Split(class_id="c0", parts=(rows[:2], rows[1:3])), "two")
    refused(review, c.Split(class_id="c0", parts=(("nobody",),)), "no 'nobody'")


def test_a_move_stays_inside_the_coarse_class(review):
    rows = ids(review, 0)
    apply(review, c.Move(samples=rows[:2], class_id="c3"))
    assert (review.fine[[review.row_of[r] for r in rows[:2]]] == 3).all()
    refused(review, c.Move(samples=rows[2:4], class_id="c1"), "say so first")


def test_a_wrong_coarse_label_is_the_only_door(review):
    rows = ids(review, 0)
    apply(review, c.WrongCoarse(samples=rows[:1], coarse="coarse 1", class_id="c1"))
    assert review.fine[review.row_of[rows[0]]] == 1
    apply(review, c.WrongCoarse(samples=rows[1:2], coarse="coarse 1"))
    assert review.fine[review.row_of[rows[1]]] == -1
    apply(review, c.WrongCoarse(samples=rows[2:3], coarse=None))
    assert review.coarse[review.row_of[rows[2]]] == -1
    refused(review, c.WrongCoarse(samples=rows[3:4], coarse="coarse 1", class_id="c2"), "hangs")
    refused(review, c.WrongCoarse(samples=rows[3:4], coarse="coarse 9"), "no 'coarse 9'")
    everything = tuple(review.ids[r] for r in np.flatnonzero(review.coarse == 1))
    refused(review, c.WrongCoarse(samples=everything, coarse=None), "keeps at least one sample")


@pytest.mark.parametrize("kept", [0, 1])
def test_no_coarse_class_is_emptied_beside_the_one_that_is_joined(review, kept):
    both = ids(review, 0) + ids(review, 3) + ids(review, 6) + ids(review, 1) + ids(review, 4)
    wish = c.WrongCoarse(samples=both, coarse=f"coarse {kept}")
    refused(review, wish, f"'coarse {1 - kept}' would leave it")


def test_the_last_place_counts(review):
    sample = ids(review, 0)[:1]
    apply(review, c.Exclude(samples=sample, class_id="c0"))
    apply(review, c.Exclude(samples=sample, class_id="c3"))
    apply(review, c.Move(samples=sample, class_id="c0", firm=False))
    assert set(review.excluded[review.row_of[sample[0]]]) == {3}


def test_a_coarse_class_keeps_a_class(review):
    apply(review, c.Reject(class_id="c1"))
    refused(review, c.Reject(class_id="c4"), "only class left")
    refused(review, c.Move(samples=ids(review, 4)[:1], class_id="c1"), "was rejected")
    wrong = c.WrongCoarse(samples=ids(review, 4)[:1], coarse=None, class_id="c1")
    refused(review, wrong, "was rejected")


def test_a_sample_keeps_a_class_it_may_be_in(review):
    sample = ids(review, 1)[:1]
    apply(review, c.Exclude(samples=sample, class_id="c1"))
    assert review.fine[review.row_of[sample[0]]] == -1
    refused(review, c.Exclude(samples=sample, class_id="c4"), "class of its own")


def test_links_between_coarse_classes_are_refused(review):
    a, b = ids(review, 0)[0], ids(review, 1)[0]
    refused(review, c.LinkSamples(sample=a, other=b, together=True), "different coarse labels")
    refused(review, c.LinkSamples(sample=a, other=a, together=True), "Two different")


classes = st.integers(0, 9).map(lambda n: f"c{n}")
sample = st.integers(0, 83).map(lambda i: f"s{i:05d}")
samples = st.lists(sample, min_size=1, max_size=8).map(tuple)
coarse = st.sampled_from(["coarse 0", "coarse 1", "coarse 2"])
edits = st.one_of(
    st.builds(c.Rename, class_id=classes, name=st.sampled_from(["jay", "wren"])),
    st.builds(c.Accept, class_id=classes),
    st.builds(c.Reject, class_id=classes),
    st.builds(c.Merge, class_ids=st.tuples(classes, classes)),
    st.builds(c.Split, class_id=classes, parts=st.tuples(samples)),
    st.builds(c.Move, samples=samples, class_id=classes, firm=st.booleans()),
    st.builds(c.Label, samples=samples, class_id=classes),
    st.builds(c.Exclude, samples=samples, class_id=classes),
    st.builds(
        c.WrongCoarse,
        samples=samples,
        coarse=st.one_of(st.none(), coarse),
        class_id=st.one_of(st.none(), classes),
    ),
    st.builds(c.Pin, class_id=classes, coarse=coarse),
    st.builds(c.MustLink, class_id=classes, other=classes),
    st.builds(c.KeepApart, class_id=classes, other=classes),
    st.builds(c.LinkSamples, sample=sample, other=sample, together=st.booleans()),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(edits, max_size=25))
def test_parent_is_a_wall_for_any_sequence_of_edits(sequence):
    review = blob_review()
    given_labels = review.given_coarse.copy()
    said_wrong = np.zeros(len(review.ids), bool)
    for edit in sequence:
        before = copy.deepcopy((review.fine, review.coarse, review.classes))
        try:
            apply(review, edit)
        except c.CorrectionError:
            assert np.array_equal(before[0], review.fine)
            assert before[2] == review.classes
            continue
        if isinstance(edit, c.WrongCoarse):
            said_wrong[review.rows(edit.samples)] = True
        assert not len(review.breaches())
    assert np.array_equal(review.coarse[~said_wrong], given_labels[~said_wrong])
    assert set(np.unique(review.fine)) <= {*review.classes, -1}
