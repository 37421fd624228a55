"""The classifier: scikit-learn's contract, forms of labels, files, and rows on their own."""

from __future__ import annotations

import json
import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from falcon_svc.errors import ConfigError, DivergedError, InputError, StorageError
from falcon_svc.hierarchy import Tree
from falcon_svc.hierarchy.classifier.decide import RULES
from falcon_svc.hierarchy.classifier.estimator import HierarchicalClassifier
from falcon_svc.hierarchy.losses import LOSSES

PATHS = [("bird", "jay"), ("bird", "wren"), ("fish", "cod"), ("fish", "eel"), ("newt",)]
TABLE = np.array([(*path, "")[:2] for path in PATHS], object)


def blobs(seed=0, per_class=24, n_dims=6, spread=0.3):
    """Five leaves; those of one parent lie closer to each other."""
    draw = np.random.default_rng(seed)
    parents = {"bird": draw.normal(size=n_dims), "fish": draw.normal(size=n_dims)}
    parents["newt"] = draw.normal(size=n_dims)
    centers = np.array([3 * parents[path[0]] + draw.normal(size=n_dims) for path in PATHS])
    rows = np.repeat(np.arange(len(PATHS)), per_class)
    return centers[rows] + spread * draw.normal(size=(len(rows), n_dims)), TABLE[rows]


X, Y = blobs()
TREE = Tree.from_levels(TABLE)
NODES = TREE.encode(Y)
TEXTS = np.random.default_rng(1).normal(size=(TREE.n_nodes, 8))


def trained(loss="hace", y=Y, **settings):
    settings = {"epochs": 16, **settings}
    texts = TEXTS if loss == "hccf" else None
    return HierarchicalClassifier(loss, texts=texts, random_state=0, **settings).fit(X, y)


@parametrize_with_checks([HierarchicalClassifier(random_state=0)])
def test_scikit_learns_contract(estimator, check):
    check(estimator)


@pytest.mark.parametrize("loss", LOSSES)
def test_every_loss_learns_separate_blobs_and_survives_its_file(loss, tmp_path):
    model = trained(loss)
    assert (model.predict(X) == Y).all(axis=1).mean() > 0.95
    assert model.loss_curve_[-1] < model.loss_curve_[0]
    model.save(tmp_path / "model.safetensors")
    again = HierarchicalClassifier.load(tmp_path / "model.safetensors")
    assert np.array_equal(again.node_proba(X), model.node_proba(X))
    assert (again.predict(X) == model.predict(X)).all()
    assert again.card_ == model.card_ and again.loss == loss
    assert pickle.loads(pickle.dumps(model)).predict_proba(X[:3]).shape == (3, TREE.n_nodes)


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_answers_with_paths_of_the_tree(rule):
    options = {"threshold": 0.5} if rule == "threshold" else None
    found = trained(inference=rule, inference_options=options).predict(X)
    assert found.shape == Y.shape
    TREE.encode(found)
    assert (found == Y).all(axis=1).mean() > 0.9


def test_top_down_follows_the_best_child():
    model = trained("level_softmax", inference="top_down")
    probabilities = model.node_proba(X)
    for row, path in zip(probabilities, model.predict(X), strict=True):
        top = TREE.levels[1][row[TREE.levels[1]].argmax()]
        assert path[0] == TREE.names[top]


@pytest.mark.parametrize("n_rows", [1, 2, 7, 120])
def test_a_rows_probabilities_do_not_depend_on_other_rows(n_rows):
    """HiClass's issue 159, which ours must not have."""
    model = trained(hidden=8)
    whole = model.predict_proba(X)
    np.testing.assert_allclose(model.predict_proba(X[:n_rows]), whole[:n_rows], rtol=1e-12)


def test_a_shallow_leaf_has_its_probability():
    """HiClass's issue 162: ragged paths had 0."""
    model = trained()
    newt = TREE.node("newt")
    assert model.predict_proba(X)[Y[:, 0] == "newt", newt].min() > 0.5


def test_same_seed_same_weights_and_another_seed_others():
    one, same, other = (
        HierarchicalClassifier(hidden=4, random_state=seed).fit(X, Y).node_proba(X)
        for seed in (0, 0, 1)
    )
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)


def test_all_forms_of_labels_train_the_same_classifier():
    lists = [tuple(name for name in row if name) for row in Y]
    names = np.array([row[-1] for row in lists])
    table, ragged, frame = trained(), trained(y=lists), trained(y=pd.DataFrame(Y))
    by_name = trained(y=names, tree=TREE)
    for model in (ragged, frame, by_name):
        assert np.array_equal(model.node_proba(X), table.node_proba(X))
    assert (ragged.predict(X) == table.predict(X)).all()
    assert by_name.predict(X).tolist() == [row[1] or row[0] for row in table.predict(X)]
    assert table.classes_[TREE.node("jay")] == ("bird", "jay")
    assert by_name.classes_.tolist() == list(TREE.names)


def test_plain_values_keep_their_type():
    codes = NODES * 10
    model = HierarchicalClassifier(random_state=0).fit(X, codes)
    assert model.predict(X).dtype == codes.dtype
    assert (model.predict(X) == codes).mean() > 0.95
    assert np.allclose(model.predict_proba(X).sum(axis=1), 1)


@pytest.mark.parametrize("loss", ["hace", "soft_max_margin", "hccf", "multilabel_focal"])
def test_labels_at_internal_nodes_train_what_they_can(loss):
    """Half of the birds say "bird" only; birds are found, and jays and wrens told apart."""
    mixed = Y.copy()
    mixed[(np.arange(len(Y)) % 2 == 0) & (Y[:, 0] == "bird"), 1] = ""
    model = trained(loss, y=mixed, tree=TREE, epochs=40)
    assert (model.predict(X) == Y).all(axis=1).mean() > 0.9
    assert model.card_["trained_on"]["rows_by_label_depth"] == [0, 48, 72]


def test_rows_without_a_label_are_counted_and_train_nothing():
    names = np.where(np.arange(len(Y)) < 5, "", [row[1] or row[0] for row in Y])
    model = trained(y=names, tree=TREE)
    assert model.card_["trained_on"]["rows_without_label"] == 5
    assert model.card_["tree"]["leaves_without_rows"] == 0


@pytest.mark.parametrize("loss", ["multilabel_focal", "hcal"])
def test_sets_of_labels(loss):
    sets = np.zeros((len(X), TREE.n_nodes), bool)
    sets[np.arange(len(X)), NODES] = True
    sets[X[:, 0] > 0, TREE.node("newt")] = True
    model = trained(loss, y=sets, tree=TREE, hidden=16, epochs=60)
    found = model.predict(X)
    closed = (sets.astype(int) @ TREE.ancestors.astype(int)) > 0
    assert found.shape == sets.shape
    assert (found == closed).mean() > 0.95
    with pytest.raises(ConfigError, match="take multilabel_focal or hcal"):
        trained("hace", y=sets, tree=TREE)


def test_in_a_pipeline_and_cross_validated():
    model = make_pipeline(StandardScaler(), HierarchicalClassifier(random_state=0))
    paths = model.fit(X, Y).predict(X)
    assert (paths == Y).all(axis=1).mean() > 0.95
    codes = NODES
    assert cross_val_score(clone(model), X, codes, cv=3).mean() > 0.9


def test_texts_by_name_and_by_file_are_those_by_number(tmp_path):
    by_name = dict(zip(TREE.names[1:], TEXTS[1:], strict=True))
    np.savez(tmp_path / "t.npz", names=np.array(TREE.names[1:]), embeddings=TEXTS[1:])
    models = [
        HierarchicalClassifier("hccf", texts=texts, random_state=0).fit(X, Y)
        for texts in (TEXTS, by_name, tmp_path / "t.npz")
    ]
    for model in models[1:]:
        np.testing.assert_allclose(model.node_proba(X), models[0].node_proba(X))


def test_hccf_without_texts_and_with_too_few_is_refused():
    with pytest.raises(ConfigError, match="found none; give"):
        HierarchicalClassifier("hccf").fit(X, Y)
    with pytest.raises(InputError, match="none for 'fish' and"):
        HierarchicalClassifier("hccf", texts={"bird": [1.0, 2]}).fit(X, Y)
    with pytest.raises(InputError, match="found shape"):
        HierarchicalClassifier("hccf", texts=TEXTS[1:]).fit(X, Y)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"loss": "hxe"}, "Expected a loss among"),
        ({"inference": "best"}, "Expected an inference among"),
        ({"epochs": 0}, "epochs of 1 or more or None, found 0"),
        ({"batch_size": -1}, "batch_size of 1 or more"),
        ({"hidden": -1}, "hidden units of 0 or more"),
        ({"learning_rate": 0.0}, "learning_rate above 0"),
        ({"loss_options": {"depth": 1}}, "options of the loss hace"),
    ],
)
def test_a_wrong_setting_is_one_sentence(settings, words):
    with pytest.raises(ConfigError, match=words):
        HierarchicalClassifier(**settings).fit(X, Y)


def test_a_rule_without_its_option_is_one_sentence():
    with pytest.raises(ConfigError, match="options of the inference threshold, found none"):
        trained(inference="threshold").predict(X)
    with pytest.raises(ConfigError, match="take bottom_up"):
        trained(y=NODES, inference="majority")


def test_a_path_that_is_not_in_the_tree_is_named():
    paths = [("bird", "jay")] * len(X)
    paths[7] = ("bird", "dodo")
    with pytest.raises(InputError, match="'bird > dodo' in row 7"):
        trained(y=paths, tree=TREE)


def test_a_training_that_diverges_says_so():
    with pytest.raises(DivergedError, match="lower the learning rate"):
        HierarchicalClassifier(learning_rate=1e38, random_state=0).fit(X, Y)


def test_one_class_with_one_sample_and_one_class_alone():
    keep = [*range(24), 30]
    model = HierarchicalClassifier(random_state=0).fit(X[keep], Y[keep])
    assert model.tree_.n_leaves == 2
    alone = HierarchicalClassifier().fit(X[:4], ["jay"] * 4)
    assert alone.predict(X[:2]).tolist() == ["jay", "jay"]


@pytest.mark.parametrize("loss", ["hace", "conditional_sigmoid", "soft_max_descendant", "hcal"])
def test_chains_and_deep_ragged_trees(loss):
    chain = tuple(f"level {i}" for i in range(11))
    paths = [(*chain[: 1 + 3 * i], f"leaf {i}") for i in range(4)]
    rows = np.arange(len(X)) % 4
    made = np.eye(4)[rows] + 0.01 * X[:, :4]
    model = HierarchicalClassifier(loss, epochs=12, random_state=0)
    model.fit(made, [paths[row] for row in rows])
    found = model.tree_.encode(model.predict(made))
    assert model.tree_.height == 10
    assert (found == model.tree_.encode([paths[row] for row in rows])).mean() > 0.9


def test_ten_thousand_leaves():
    tree = Tree.from_paths([(f"group {i // 100}", f"{i}") for i in range(10_000)])
    draw = np.random.default_rng(0)
    names = [tree.names[leaf] for leaf in draw.choice(tree.leaves, 64)]
    model = HierarchicalClassifier("hace", tree=tree, epochs=1, random_state=0)
    probabilities = model.fit(draw.normal(size=(64, 4)), names).node_proba(np.zeros((2, 4)))
    assert probabilities.shape == (2, 10_101)
    assert np.isfinite(probabilities).all()


def test_saving_is_reproducible_and_a_damaged_file_is_refused(tmp_path):
    first, second = tmp_path / "a", tmp_path / "b"
    trained().save(first)
    trained().save(second)
    content = first.read_bytes()
    assert content == second.read_bytes()
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []
    damaged = tmp_path / "c"
    for wrong in (content[:-4] + b"\0\0\1\1", content[:100], b"", b"\x80\x04K\x01."):
        damaged.write_bytes(wrong)
        with pytest.raises(StorageError, match="Expected a classifier"):
            HierarchicalClassifier.load(damaged)
    with pytest.raises(StorageError, match="could not be read"):
        HierarchicalClassifier.load(tmp_path / "none")
    with pytest.raises(StorageError, match=r"found the folder .* is for falcon predict"):
        HierarchicalClassifier.load(tmp_path)


def test_a_record_that_does_not_fit_its_tensors_is_refused(tmp_path):
    path = tmp_path / "a"
    trained().save(path)
    content = path.read_bytes()
    wider = content.replace(json.dumps('"hidden": 0')[1:-1].encode(), b'\\"hidden\\": 3', 1)
    assert wider != content
    path.write_bytes(wider)
    with pytest.raises(StorageError, match="does not fit together"):
        HierarchicalClassifier.load(path)


def test_the_card_says_what_it_was_trained_on():
    card = trained("hace", loss_options={"dilution": 0.7}).card_
    assert card["trained_on"]["rows"] == len(X)
    assert card["training"]["loss_options"] == {"dilution": 0.7}
    assert len(card["trained_on"]["sha256"]) == 64
    assert card["tree"] == {"nodes": 8, "leaves": 5, "height": 2, "leaves_without_rows": 0}
    assert json.loads(json.dumps(card)) == card
    other = HierarchicalClassifier(random_state=0).fit(X + 1e-9, Y).card_
    assert other["trained_on"]["sha256"] != card["trained_on"]["sha256"]


def test_metrics_put_into_the_card_are_saved(tmp_path):
    model = trained()
    model.card_["metrics"]["leaf_top1"] = 0.9
    model.save(tmp_path / "m")
    assert HierarchicalClassifier.load(tmp_path / "m").card_["metrics"]["leaf_top1"] == 0.9
