"""Links between samples: kept to the letter, never over the wall, or told why they cannot be."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest

from falcon_svc.triage import corrections as c
from falcon_svc.triage.edits import apply
from falcon_svc.triage.head import Placed
from falcon_svc.triage.links import check_links, keep_links, linked_rows
from falcon_svc.triage.near import near_rows
from falcon_svc.triage.relation import ContradictionError
from falcon_svc.triage.resolve import resolve
from tests.discoveries import blobs
from tests.triage.reviews import blob_review
from tests.triage.test_edits import ids


@pytest.fixture
def review():
    """Seven classes under three coarse ones (class i under i mod 3), twelve samples each."""
    return blob_review()


def again(review):
    x = blobs()[0]
    return resolve(review, x, near_rows(x, review), epochs=1).placement


def made(review, *wishes):
    for wish in wishes:
        apply(review, wish)
    return review


def link(a, b, *, together):
    return c.LinkSamples(sample=a, other=b, together=together)


def test_a_link_does_not_pull_a_sample_out_of_its_coarse_class(review):
    a, b = ids(review, 0)[0], ids(review, 1)[0]
    placed = c.WrongCoarse(samples=(a,), coarse=None, class_id="c0")
    with pytest.raises(ContradictionError) as refused:
        again(made(review, placed, link(a, b, together=True)))
    assert refused.value.wishes == (
        f"{a!r} and {b!r} belong together",
        f"{a!r} was placed in 'coarse 0 1' by hand",
        f"{b!r} has the coarse label 'coarse 1'",
    )


def test_a_coarse_label_that_is_changed_after_a_link_is_told(review):
    a, b = ids(review, 0)[0], ids(review, 3)[0]
    wrong = c.WrongCoarse(samples=(b,), coarse="coarse 1")
    with pytest.raises(ContradictionError, match="has the coarse label 'coarse 1'"):
        again(made(review, link(a, b, together=True), wrong))


def test_linked_samples_go_where_both_may_be(review):
    a, b = ids(review, 0)[:2]
    out = [c.Exclude(samples=(a,), class_id="c0"), c.Exclude(samples=(b,), class_id="c3")]
    placement = again(made(review, *out, link(a, b, together=True)))
    rows = review.rows((a, b))
    assert placement.fine[rows].tolist() == [6, 6]
    assert (placement.confidence[rows] < 0.5).all()  # told as unsure: they are elsewhere alone


def test_more_samples_apart_than_classes_are_told(review):
    names = ids(review, 2)[:3]  # two classes there
    wishes = [link(a, b, together=False) for a, b in itertools.combinations(names, 2)]
    with pytest.raises(ContradictionError, match="open to them are too few"):
        again(made(review, *wishes))


def test_a_sample_taken_out_of_every_class_that_is_left_is_told(review):
    sample = ids(review, 2)[:1]
    out = c.Exclude(samples=sample, class_id="c2")
    with pytest.raises(ContradictionError, match="taken out of every class that is left"):
        again(made(review, out, c.Reject(class_id="c5")))


def test_a_sample_placed_by_hand_stays_beside_a_sure_one(review):
    a, b = ids(review, 0)[:2]
    made(review, c.Label(samples=(b,), class_id="c0"), link(a, b, together=False))
    fine = review.fine.copy()
    full = np.ones(len(fine), np.float32)
    placed = Placed(fine, np.full_like(fine, 3), full, np.zeros_like(full))
    log_prob = np.full((2, 7), -np.inf)
    log_prob[0, [0, 3, 6]] = 0.0, -20.0, -30.0
    log_prob[1, 0] = 0.0
    kept = keep_links(placed, review, log_prob)
    assert kept.fine[review.rows((a, b))].tolist() == [3, 0]
    assert kept.runner_up[review.row_of[a]] == 0
    assert placed.fine is fine
    assert (fine == review.fine).all()


def random_links(rng):
    together = [(0, 1, True)] if rng.random() < 0.5 else []
    pairs = list(itertools.combinations(range(1 if together else 0, 5), 2))
    drawn = rng.permutation(len(pairs))[: rng.integers(1, 6)]
    return (*together, *((*pairs[i], False) for i in drawn.tolist()))


@pytest.mark.parametrize("seed", range(30))
def test_the_answer_is_the_best_of_all_that_keep_the_links(review, seed):
    rng = np.random.default_rng(seed)
    links = random_links(rng)
    review = replace(review, links=links)
    check_links(review)
    rows, n_classes = linked_rows(links), 3
    log_prob = np.log(rng.dirichlet(np.full(n_classes, 0.3), len(rows)))
    log_prob[rng.random(log_prob.shape) < 0.15] = -np.inf
    scores = {}
    for chosen in itertools.product(range(n_classes), repeat=len(rows)):
        at = dict(zip(rows.tolist(), chosen, strict=True))
        if all((at[a] == at[b]) == together for a, b, together in links):
            scores[chosen] = log_prob[np.arange(len(rows)), chosen].sum()
    best = max(scores, key=scores.__getitem__, default=None)
    n = len(review.ids)
    start = np.zeros(n, np.int64)
    placed = Placed(start, start - 1, np.ones(n, np.float32), np.zeros(n, np.float32))
    if best is None or np.isneginf(scores[best]):
        with pytest.raises(ContradictionError):
            keep_links(placed, review, log_prob)
        return
    found = tuple(keep_links(placed, review, log_prob).fine[rows].tolist())
    assert scores[found] == pytest.approx(scores[best])
