"""Losses over a tree: each beside its plain form, its invariants, hand cases and gradients."""

from __future__ import annotations

from math import log

import numpy as np
import pytest
import torch

from falcon_svc.errors import ConfigError, InputError
from falcon_svc.hierarchy import Tree
from falcon_svc.hierarchy.losses import LOSSES, make_loss
from falcon_svc.hierarchy.losses.levels import balanced_weights
from falcon_svc.hierarchy.losses.tree_tensors import NEVER, _add_exp
from tests.hierarchy import loss_oracles as plain

PATHS = [("a", "x"), ("a", "y"), ("a", "z", "p"), ("a", "z", "q"), ("b",), ("c", "u")]
TREE = Tree.from_paths([*PATHS, ()])
TWO_LEVELS = Tree.from_paths([("a", "x"), ("a", "y"), ("b", "z")])
NAMES = list(LOSSES)
OPTIONS = {"deep_rtc": {"stop": 0.0}}
every_loss = pytest.mark.parametrize("name", NAMES)


def drawn(loss, n, seed=0, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n, len(loss.outputs), generator=generator, dtype=dtype)


def as_scores(loss, row):
    return {0: 0.0, **dict(zip(loss.outputs.tolist(), row.tolist(), strict=True))}


def the(name, tree=TREE):
    return make_loss(name, tree, **OPTIONS.get(name, {}))


@every_loss
def test_losses_and_probabilities_are_those_of_the_plain_form(name):
    loss, tree = the(name), plain.Plain(TREE)
    labels = torch.arange(1, TREE.n_nodes)
    scores = drawn(loss, len(labels))
    found, log_prob = loss.loss(scores, labels), loss.log_prob(scores)
    loss_of, prob_of = plain.LOSSES[name]
    rows = [as_scores(loss, row) for row in scores]
    for i, y in enumerate(labels.tolist()):
        wanted = (
            plain.hccf(tree, rows, labels.tolist(), i)
            if name == "hccf"
            else loss_of(tree, rows[i], y)
        )
        assert found[i].item() == pytest.approx(wanted, rel=1e-9), (i, y)
        for v in range(TREE.n_nodes):
            assert log_prob[i, v].exp().item() == pytest.approx(prob_of(tree, rows[i], v))


@every_loss
def test_a_label_at_the_root_trains_nothing(name):
    loss = the(name)
    scores = drawn(loss, 3).requires_grad_()
    found = loss.loss(scores, torch.zeros(3, dtype=torch.int64))
    assert found.abs().max() < 1e-9


@every_loss
def test_an_internal_label_does_not_tell_its_leaves_apart(name):
    """x and y are siblings with equal scores: "a" pushes both alike."""
    loss = the(name)
    scores = torch.zeros(1, len(loss.outputs), dtype=torch.float64, requires_grad=True)
    loss.loss(scores, torch.tensor([TREE.node("a")])).sum().backward()
    columns = [loss.outputs.tolist().index(TREE.node(leaf)) for leaf in ("x", "y")]
    pushed = scores.grad[0, columns]
    assert torch.isfinite(scores.grad).all()
    assert pushed[0].item() == pytest.approx(pushed[1].item(), abs=1e-12)


@every_loss
def test_gradients_are_the_slopes(name):
    loss = the(name)
    scores = drawn(loss, 2, seed=3).requires_grad_()
    labels = torch.tensor([TREE.node("p"), TREE.node("z")])
    assert torch.autograd.gradcheck(lambda s: loss.loss(s, labels).sum(), scores)


@every_loss
def test_a_step_along_the_gradient_raises_the_label(name):
    loss = the(name)
    y = TREE.node("q")
    scores = drawn(loss, 1, seed=5).requires_grad_()
    labels = torch.tensor([y, TREE.node("b")])
    before = loss.log_prob(scores)[0, y].item()
    loss.loss(torch.cat([scores, -scores]), labels)[0].backward()
    after = loss.log_prob(scores.detach() - 0.01 * scores.grad)[0, y].item()
    assert after > before


@every_loss
def test_extreme_scores_give_finite_losses_and_gradients(name):
    loss = the(name)
    scores = 1000 * drawn(loss, 8, dtype=torch.float32)
    scores.requires_grad_()
    labels = torch.arange(1, 9)
    found = loss.loss(scores, labels).sum()
    found.backward()
    assert torch.isfinite(found)
    assert torch.isfinite(scores.grad).all()
    assert torch.isfinite(loss.log_prob(scores.detach())).all()


@every_loss
def test_a_rows_probabilities_do_not_depend_on_other_rows(name):
    loss = the(name)
    scores = drawn(loss, 5)
    assert torch.equal(loss.log_prob(scores)[2:3], loss.log_prob(scores[2:3].clone()))


@pytest.mark.parametrize("name", ["flat_softmax", "ps_softmax", "conditional_softmax"])
def test_leaves_sum_to_one_and_parents_to_their_children(name):
    loss = the(name)
    probabilities = loss.log_prob(drawn(loss, 4)).exp()
    assert torch.allclose(probabilities[:, TREE.leaves].sum(1), torch.ones(4).double())
    for node in np.flatnonzero(~TREE.is_leaf):
        children = TREE.children.of(node)
        assert torch.allclose(probabilities[:, node], probabilities[:, children].sum(1))


@pytest.mark.parametrize("name", ["hce", "hace", "soft_max_margin", "soft_max_descendant"])
def test_a_parent_has_at_least_its_childrens_mass(name):
    loss = the(name)
    probabilities = loss.log_prob(drawn(loss, 4)).exp()
    for node in np.flatnonzero(~TREE.is_leaf):
        children = probabilities[:, TREE.children.of(node)].sum(1)
        assert (probabilities[:, node] >= children - 1e-12).all()


def test_hace_with_two_levels_by_hand():
    """Equal scores of 5 nodes: p = 1/5 each; P(x) = 1/5, P(a) = 3/5; d = 0.7."""
    loss = make_loss("hace", TWO_LEVELS, dilution=0.7)
    found = loss.loss(torch.zeros(1, 5), torch.tensor([TWO_LEVELS.node("x")]))
    assert found.item() == pytest.approx(-0.7 * log(1 / 5) - 0.3 * log(3 / 5), rel=1e-6)


def test_hace_with_dilution_1_is_hce():
    hace, hce = make_loss("hace", TREE, dilution=1.0), make_loss("hce", TREE)
    scores, labels = drawn(hce, 9), torch.arange(1, 10)
    assert torch.allclose(hace.loss(scores, labels), hce.loss(scores, labels))


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_hace_targets_sum_to_one_and_make_the_loss(smoothing):
    loss = make_loss("hace", TREE, dilution=0.6, label_smoothing=smoothing)
    labels, scores = torch.arange(1, TREE.n_nodes), drawn(loss, TREE.n_nodes - 1)
    target = loss.target(labels).double()
    assert torch.allclose(target.sum(1), torch.ones(len(labels)).double(), atol=1e-6)
    wanted = -(target * loss.log_prob(scores)).sum(1)
    assert torch.allclose(loss.loss(scores, labels), wanted, atol=1e-6)


def test_label_smoothing_is_the_mean_over_the_other_leaves():
    loss = make_loss("hace", TREE, dilution=0.6, label_smoothing=0.3)
    sharp = make_loss("hace", TREE, dilution=0.6)
    leaves = torch.tensor(TREE.leaves)
    others = sharp.target(leaves[1:]).mean(dim=0)
    wanted = 0.7 * sharp.target(leaves[:1])[0] + 0.3 * others
    assert torch.allclose(loss.target(leaves[:1])[0], wanted)


def test_confusing_siblings_costs_less_than_confusing_strangers():
    loss = make_loss("hace", TWO_LEVELS)
    column = {v: i for i, v in enumerate(loss.outputs.tolist())}
    scores = torch.zeros(2, 5)
    scores[0, column[TWO_LEVELS.node("y")]] = 3.0
    scores[1, column[TWO_LEVELS.node("z")]] = 3.0
    near, far = loss.loss(scores, torch.tensor([TWO_LEVELS.node("x")] * 2))
    assert near < far


def test_flat_losses_are_the_cross_entropy_on_a_flat_tree():
    flat = Tree.from_levels(["a", "b", "c"])
    labels, scores = torch.tensor([1, 2, 3]), torch.randn(3, 3, dtype=torch.float64)
    wanted = torch.nn.functional.cross_entropy(scores, labels - 1, reduction="none")
    softmaxes = ("flat_softmax", "ps_softmax", "hce", "hace", "conditional_softmax")
    for name in (*softmaxes, "level_softmax", "hcal", "soft_max_descendant"):
        assert torch.allclose(make_loss(name, flat).loss(scores, labels), wanted), name
    margin = make_loss("soft_max_margin", flat, margin=0.0)
    assert torch.allclose(margin.loss(scores, labels), wanted)


def test_a_larger_margin_is_never_cheaper():
    small, large = (make_loss("soft_max_margin", TREE, margin=m) for m in (1.0, 5.0))
    scores, labels = drawn(small, 9), torch.arange(1, 10)
    assert (large.loss(scores, labels) >= small.loss(scores, labels)).all()


def test_focal_without_discount_is_half_the_binary_cross_entropy():
    loss = make_loss("multilabel_focal", TWO_LEVELS, alpha=0.5, gamma=0.0)
    found = loss.loss(torch.zeros(1, 5), torch.tensor([TWO_LEVELS.node("x")]))
    assert found.item() == pytest.approx(0.5 * 5 * log(2), rel=1e-6)


@pytest.mark.parametrize("name", ["multilabel_focal", "hcal"])
def test_sets_of_labels_add_up_over_nodes(name):
    """A set with one leaf is that leaf, and every other node is a negative."""
    options = {"several": True} if name == "hcal" else {}
    loss = make_loss(name, TREE, **options)
    leaf = torch.tensor([TREE.node("q")])
    one = torch.from_numpy(TREE.ancestors[leaf.numpy()])
    both = one.clone()
    both[0, TREE.node("b")] = True
    scores = drawn(loss, 1)
    assert torch.allclose(loss.loss(scores, one), loss.loss(scores, leaf))
    assert not torch.allclose(loss.loss(scores, both), loss.loss(scores, one))
    sure = torch.where(both[:, 1:], 30.0, -30.0).double()
    assert loss.loss(sure, both).item() < 1e-9


def test_a_cut_of_deep_rtc_is_a_partition_of_the_leaves():
    """With every internal node a stop the loss is the cross-entropy of the top level."""
    loss = make_loss("deep_rtc", TREE, stop=0.999999)
    scores, y = drawn(loss, 1), TREE.node("q")
    top = [loss.outputs.tolist().index(v) for v in TREE.levels[1].tolist()]
    wanted = -torch.log_softmax(scores[0, top], 0)[TREE.levels[1].tolist().index(TREE.node("a"))]
    found = loss.loss(scores, torch.tensor([y]), torch.Generator().manual_seed(0))
    assert found.item() == pytest.approx(wanted.item())


def test_the_same_generator_draws_the_same_cut():
    loss = make_loss("deep_rtc", TREE, stop=0.5)
    scores, labels = drawn(loss, 9), torch.arange(1, 10)
    first, again = (loss.loss(scores, labels, torch.Generator().manual_seed(7)) for _ in range(2))
    assert torch.equal(first, again)


def test_a_class_with_several_parents_counts_once():
    """x below a and b: with equal scores P(a) = 2/3, P(b) = 2/3, P(root) = 1."""
    graph = Tree.from_relation(["a", "b"], ["x"], [[True, True]])
    loss = make_loss("hce", graph)
    found = loss.log_prob(torch.zeros(1, 3)).exp()[0]
    a, b, x = (graph.node(name) for name in "abx")
    assert found[[a, b, x, 0]].tolist() == pytest.approx([2 / 3, 2 / 3, 1 / 3, 1])
    with pytest.raises(InputError, match="needs one parent per class"):
        make_loss("hace", graph)


def test_slow_levels_get_more_weight():
    weights = balanced_weights(torch.tensor([1.0, 0.5]), torch.tensor([1.0, 1.0]), gamma=2.0)
    assert weights.sum().item() == pytest.approx(2)
    assert weights[0] / weights[1] == pytest.approx(np.exp(0.25), rel=1e-5)


def test_hcal_moves_its_weights_after_two_epochs():
    loss = make_loss("hcal", TREE)
    scores, labels = drawn(loss, 9), torch.arange(1, 10)
    for _ in range(2):
        assert torch.equal(loss.weights, torch.ones(3))
        loss.loss(scores, labels)
        loss.end_epoch()
        scores[:, loss.outputs.numpy() > 3] *= 3  # deep levels get worse
    assert loss.weights[0] < 1 < loss.weights[-1]


def test_hcal_counts_a_level_by_the_samples_that_say_something_of_it():
    loss = make_loss("hcal", TREE)
    scores = torch.zeros(2, TREE.n_nodes - 1)
    loss.loss(scores, torch.tensor([TREE.node("a"), TREE.node("q")]))
    loss.end_epoch()
    assert loss._last.tolist() == pytest.approx([log(3), log(5), log(6)], rel=1e-6)


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("hxe", {}, "Expected a loss among flat_softmax, hce"),
        ("hace", {"dilution": 0.0}, "dilution in"),
        ("hace", {"label_smoothing": 1.0}, "label smoothing"),
        ("hace", {"depth": 3}, "Expected options of the loss hace"),
        ("soft_max_margin", {"margin": -1.0}, "margin of 0 or more"),
        ("multilabel_focal", {"alpha": 1.0}, "alpha in"),
        ("deep_rtc", {"stop": 1.0}, "stop in"),
        ("hcal", {"gamma": 0.0}, "gamma above 0"),
    ],
)
def test_a_wrong_setting_is_one_sentence(name, options, words):
    with pytest.raises(ConfigError, match=words):
        make_loss(name, TREE, **options)


def test_a_root_alone_is_refused():
    with pytest.raises(InputError, match="nothing to tell apart"):
        make_loss("hce", Tree(("only",), [-1]))


def test_sums_of_exponentials_have_the_derivative_of_their_plain_form():
    places = torch.tensor([0, 0, 2])
    own, more = torch.randn(3, 4, dtype=torch.float64), torch.randn(3, 4, dtype=torch.float64)
    given = (own.requires_grad_(), more.requires_grad_())
    plain_form = torch.log(own.exp().index_add(0, places, more.exp()))
    assert torch.allclose(_add_exp(*given, places), plain_form)
    assert torch.autograd.gradcheck(lambda o, m: _add_exp(o, m, places), given)


def test_a_sum_of_exponentials_neither_underflows_nor_leaves_the_finite_numbers():
    own = torch.tensor([[NEVER, NEVER, -500.0]], requires_grad=True)
    more = torch.tensor([[-900.0, NEVER, 500.0]], requires_grad=True)
    found = _add_exp(own, more, torch.tensor([0]))
    found.sum().backward()
    assert torch.equal(found, torch.tensor([[-900.0, NEVER, 500.0]]))
    assert own.grad.tolist() == [[0.0, 0.5, 0.0]]
    assert more.grad.tolist() == [[1.0, 0.5, 1.0]]
