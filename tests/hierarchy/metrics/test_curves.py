"""Operating curves against the definition applied threshold by threshold, sample by sample."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from falcon_svc.errors import InputError
from falcon_svc.hierarchy import Tree, inputs
from falcon_svc.hierarchy.metrics import (
    average_correct_score,
    average_precision_score,
    full_path_accuracy_score,
    leaf_f1_score,
    leaf_top1_score,
    majority_f1_score,
    node_correct_score,
    node_f1_score,
    operating_curve,
    recall_at_correct_score,
)
from tests.hierarchy.plain import (
    BIRDS,
    coherent,
    common,
    informative,
    leaves_below,
    line,
    often,
    tied,
    trees,
)

FORMS = ("information", "depth")
seeds = st.integers(0, 10_000)


def worth(tree, node, form):
    if form == "depth":
        return len(line(tree.parents.tolist(), node)) - 1
    return np.log2(tree.n_leaves / len(leaves_below(tree, node)))


def plain_values(tree, label, node, form):
    """(correct, precision, recall) by the definition."""
    shared = common(tree, label, node)
    shown = label if shared == label else node
    parts = [worth(tree, v, form) for v in (shared, shown, label)]
    precision = 1.0 if parts[1] == 0 else parts[0] / parts[1]
    recall = 1.0 if parts[2] == 0 else parts[0] / parts[2]
    return float(shared in (node, label)), precision, recall


def plain_choice(tree, row, threshold):
    """The most specific node that scores at least this; of equal ones the best, then the first."""
    parents = tree.parents.tolist()
    nodes = [
        v
        for v in range(tree.n_nodes)
        if parents.count(v) != 1
        and row[v] >= threshold
        and (len(leaves_below(tree, v)) < tree.n_leaves or tree.n_leaves == 1)
    ]
    return min(nodes, key=lambda v: (len(leaves_below(tree, v)), -row[v], v), default=0)


def plain_point(tree, true, scores, threshold, form):
    chosen = [plain_choice(tree, row, threshold) for row in scores]
    values = [plain_values(tree, g, p, form) for g, p in zip(true, chosen, strict=True)]
    return np.mean(values, axis=0)


def plain_area(x, y):
    area, before = 0.0, 0.0
    for value in sorted(set(x)):
        area += (value - before) * max(b for a, b in zip(x, y, strict=True) if a >= value)
        before = value
    return area


@st.composite
def cases(draw):
    tree = draw(trees(min_nodes=3).filter(informative))
    rng = np.random.default_rng(draw(seeds))
    n = draw(st.integers(1, 6))
    make = draw(st.sampled_from([lambda t, r, k: coherent(t, r, k, 1), tied, coherent]))
    return tree, rng.choice(informative(tree), n), make(tree, rng, n)


@often
@given(cases(), st.sampled_from(FORMS))
def test_every_point_is_what_its_threshold_gives(case, form):
    tree, true, scores = case
    curve = operating_curve(true, scores, tree=tree, form=form)
    assert curve.thresholds[0] == np.inf and (np.diff(curve.thresholds) < 0).all()
    points = [plain_point(tree, true, scores, t, form) for t in curve.thresholds]
    assert np.allclose(np.stack(curve[1:], axis=1), points)


@often
@given(cases(), st.sampled_from(FORMS))
def test_areas_are_those_of_all_thresholds(case, form):
    tree, true, scores = case
    points = [plain_point(tree, true, scores, t, form) for t in [np.inf, *np.unique(scores)]]
    correct, precision, recall = np.round(np.array(points).T, 12)
    assert average_precision_score(true, scores, tree=tree, form=form) == pytest.approx(
        plain_area(recall, precision)
    )
    assert average_correct_score(true, scores, tree=tree, form=form) == pytest.approx(
        plain_area(recall, correct)
    )
    for share in (0.5, 0.9):
        best = max((r for c, r in zip(correct, recall, strict=True) if c >= share), default=0)
        found = recall_at_correct_score(true, scores, tree=tree, share=share, form=form)
        assert found == pytest.approx(best)


@often
@given(cases())
def test_above_one_half_predictions_only_grow_deeper(case):
    tree, true, _ = case
    scores = coherent(tree, np.random.default_rng(0), len(true))
    curve = operating_curve(true, scores, tree=tree)
    half = curve.thresholds > 0.5  # one line only can have that much
    assert (np.diff(curve.correct[half]) < 1e-9).all()
    assert (np.diff(curve.recall[half]) > -1e-9).all()


@often
@given(cases())
def test_only_the_order_of_scores_counts(case):
    tree, true, scores = case
    one, other = (operating_curve(true, s, tree=tree) for s in (scores, 8 * scores))
    assert all(np.allclose(a, b) for a, b in zip(one[1:], other[1:], strict=True))
    assert one.recall_at_correct(0.5) >= one.recall_at_correct(0.9)


@often
@given(cases(), st.sampled_from(FORMS))
def test_plain_decisions(case, form):
    tree, true, scores = case
    above_half = [plain_choice(tree, row, np.nextafter(0.5, 1)) for row in scores]
    leaves = [max(tree.leaves.tolist(), key=lambda v, r=row: (r[v], -v)) for row in scores]
    for found, nodes in ((majority_f1_score, above_half), (leaf_f1_score, leaves)):
        values = np.array(
            [plain_values(tree, g, p, form)[1:] for g, p in zip(true, nodes, strict=True)]
        )
        f1 = [0.0 if p + r == 0 else 2 * p * r / (p + r) for p, r in values]
        assert found(true, scores, tree=tree, form=form) == pytest.approx(np.mean(f1))
    assert leaf_top1_score(true, scores, tree=tree) == np.mean(true == leaves)


def test_perfect_scores_are_perfect():
    true = BIRDS.leaves
    scores = BIRDS.ancestors[true].astype(float)
    curve = operating_curve(true, scores, tree=BIRDS)
    assert curve.average_precision == curve.average_correct == 1
    assert curve.recall_at_correct(0.95) == 1 == majority_f1_score(true, scores, tree=BIRDS)


def test_a_curve_by_hand():
    tree = Tree.from_paths([("a", "x"), ("a", "y"), ("b", "z"), ("b", "w")])  # bits 0, 1, 2
    x, w = tree.encode([("a", "x"), ("b", "w")])
    scores = np.array([[1, 0.8, 0.2, 0.5, 0.3, 0.1, 0.1], [1, 0.6, 0.4, 0.2, 0.4, 0.1, 0.3]])
    curve = operating_curve([x, w], scores, tree=tree)
    # the second sample is wrong from 0.6 on: it is a z
    assert curve.thresholds.tolist() == [np.inf, 0.8, 0.6, 0.5, 0.4]
    assert curve.correct.tolist() == [1, 1, 0.5, 0.5, 0.5]
    assert curve.precision.tolist() == [1, 1, 0.5, 0.5, 0.5]
    assert curve.recall.tolist() == [0, 0.25, 0.25, 0.5, 0.5]
    assert curve.average_precision == 0.25 * 1 + 0.25 * 0.5
    assert curve.recall_at_correct(0.9) == 0.25


def test_a_prediction_below_the_label_is_cut_back_to_it():
    bird, jay, cod = BIRDS.encode([("bird",), ("bird", "jay"), ("fish", "cod")])
    assert node_f1_score([bird], [jay], tree=BIRDS) == 1
    share = node_correct_score([bird, jay, jay], [jay, bird, cod], tree=BIRDS)
    assert share == pytest.approx(2 / 3)


def test_pieces_of_rows_change_nothing(monkeypatch):
    rng = np.random.default_rng(3)
    true, scores = rng.choice(BIRDS.leaves, 50), tied(BIRDS, rng, 50)
    whole = operating_curve(true, scores, tree=BIRDS)
    monkeypatch.setattr(inputs, "CHUNK_VALUES", 3 * BIRDS.n_nodes)
    pieces = operating_curve(true, scores, tree=BIRDS)
    assert all(np.allclose(a, b) for a, b in zip(whole, pieces, strict=True))


class OnDemand:
    """Scores that exist only while they are read."""

    shape = (40_000, 8)
    longest = 0

    def __getitem__(self, rows):
        self.longest = max(self.longest, rows.stop - rows.start)
        return tied(BIRDS, np.random.default_rng(rows.start), rows.stop - rows.start)


def test_scores_are_never_held_whole(monkeypatch):
    monkeypatch.setattr(inputs, "CHUNK_VALUES", 1_000 * BIRDS.n_nodes)
    scores, true = OnDemand(), np.random.default_rng(0).choice(BIRDS.leaves, 40_000)
    assert 0 < average_precision_score(true, scores, tree=BIRDS) < 1
    assert scores.longest == 1_000


REFUSED = [
    ([3], np.full((1, 8), np.nan), "NaN at row 0 for node 0"),
    ([3], np.ones((1, 7)), r"shape \(n, 8\)"),
    ([3, 4], np.ones((1, 8)), "1 predictions for 2 labels"),
    ([], np.ones((0, 8)), "at least one"),
    ([8], np.ones((1, 8)), "found 8 at row 0"),
    ([0.5], np.ones((1, 8)), "node numbers"),
    ([0], np.ones((1, 8)), "every leaf below them"),
    ([("bird", "dodo")], np.ones((1, 8)), "'bird > dodo'"),
]


@pytest.mark.parametrize(("true", "scores", "message"), REFUSED)
def test_bad_input_is_one_sentence(true, scores, message):
    with pytest.raises(InputError, match=message):
        operating_curve(true, scores, tree=BIRDS)


def test_labels_may_be_paths():
    rng = np.random.default_rng(0)
    scores = tied(BIRDS, rng, 2)
    paths = np.array([["bird", "jay"], ["fish", ""]])
    one = average_precision_score(paths, scores, tree=BIRDS)
    assert one == average_precision_score([3, 2], scores, tree=BIRDS)


def test_labels_may_be_lists_of_paths_of_any_length():
    paths = [("bird", "jay"), ("fish",)]
    assert node_f1_score(paths, [3, 2], tree=BIRDS) == 1
    assert node_f1_score(paths, [["bird", "jay"], ["fish", ""]], tree=BIRDS) == 1


def test_labels_may_be_a_data_frame():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"family": ["bird", "fish"], "species": ["jay", None]})
    assert node_f1_score(frame, [3, 2], tree=BIRDS) == 1
    assert full_path_accuracy_score([3, 2], frame, tree=BIRDS) == 1


def test_half_precision_is_summed_in_full():
    scores = coherent(BIRDS, np.random.default_rng(0), 20).astype(np.float16)
    true = np.random.default_rng(1).choice(BIRDS.leaves, 20)
    found = average_precision_score(true, scores, tree=BIRDS)
    assert found == average_precision_score(true, scores.astype(np.float64), tree=BIRDS)


def test_unknown_forms_and_several_parents_are_refused():
    with pytest.raises(InputError, match="'information' or 'depth'"):
        operating_curve([3], np.ones((1, 8)), tree=BIRDS, form="leaves")
    dag = Tree.from_relation(["a", "b"], ["x"], [[1, 1]])
    with pytest.raises(InputError, match="operating curve needs one parent"):
        operating_curve([3], np.ones((1, 4)), tree=dag)
