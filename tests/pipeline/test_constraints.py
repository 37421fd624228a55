"""Constraints in the user's words: kept by the relation, told apart from mistakes, explained."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import falcon_svc as falcon
from falcon_svc.discovery.training.relation_config import RelationConfig
from falcon_svc.discovery.training.relation_wishes import ASKABLE, check_names, wishes_of
from falcon_svc.types import LabelSource
from solver import Pin, SizeTarget, read_proof
from tests.door.planted import COARSE, FINE, vectors

X = vectors()
SOURCE = LabelSource("coarse", (FINE // 2).astype(np.int64), ("bird", "fish"))
OTHER = LabelSource("habitat", (FINE % 2).astype(np.int64), ("sea", "sky"))
SIZES = np.array([30, 20, 30, 40])


def wishes(*constraints, sources=(SOURCE,)):
    config = RelationConfig(constraints=constraints)
    check_names(config, sources, [str(i) for i in range(120)])
    return wishes_of(config, sources, lambda sample: int(FINE[int(sample)]), SIZES)


def test_names_and_samples_become_numbers():
    (found,) = wishes(
        {"kind": "pin", "id": "a", "fine": {"sample": "95"}, "coarse": "fish"},
        {"kind": "must_link", "fine": 0, "other": {"sample": "31"}},
        {"kind": "group_bounds", "coarse": ["bird", "fish"], "at_most": 4},
        {"kind": "stay_close", "previous": [{"fine": 2, "coarse": "fish"}], "price": 0.1},
        {"kind": "mass_capacity", "at_most": {"bird": 70}},
    )
    pin, link, group, stay, mass = found
    assert (pin.id, pin.fine, pin.coarse) == ("a", 3, 1)
    assert (link.id, link.fine, link.other) == ("constraint 2", 0, 1)
    assert group.coarse == (0, 1) and group.at_most == 4
    assert stay.parents.tolist() == [-1, -1, 1, -1]
    assert np.asarray(mass.mass).tolist() == SIZES.tolist()
    assert np.asarray(mass.at_most).tolist() == [70, -1]


def test_a_constraint_belongs_to_its_label_source():
    first, second = wishes(
        {"kind": "forbid", "source": "habitat", "fine": 0, "coarse": "sky"}, sources=(SOURCE, OTHER)
    )
    assert not len(first) and len(second) == 1


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        ({"kind": "pinn"}, "a kind among"),
        ({"kind": "source_tie"}, "a kind among"),
        ({"kind": "pin", "fine": 0, "coarse": "cat"}, "'cat'"),
        ({"kind": "pin", "fine": {"sample": "x"}, "coarse": "bird"}, "sample of the data set"),
        ({"kind": "pin", "fine": "0", "coarse": "bird"}, "as its number"),
        ({"kind": "pin", "fine": 0, "coarse": "bird", "source": "z"}, "a label source"),
        ({"kind": "pin", "fine": 9, "coarse": "bird"}, "found 9"),
        ({"kind": "pin", "fine": 0}, "coarse"),
        ({"kind": "mass_capacity", "at_most": {"cat": 1}}, "'cat'"),
        ({"kind": "stay_close", "previous": {"a": 1}}, "a list of"),
        ({"kind": "size_bounds", "coarse": "bird", "at_least": 3, "at_most": 1}, "at_most"),
    ],
)
def test_mistakes_are_named_in_a_sentence(wish, words):
    with pytest.raises(falcon.ConfigError, match=r"relation\.constraints") as refused:
        wishes(wish)
    assert words in str(refused.value)


def test_constraints_that_clash_are_explained_by_their_ids():
    with pytest.raises(falcon.ConfigError) as refused:
        wishes(
            {"kind": "pin", "id": "mine", "fine": 0, "coarse": "bird"},
            {"kind": "forbid", "id": "yours", "fine": 0, "coarse": "bird"},
            {"kind": "size_bounds", "id": "harmless", "coarse": "fish", "at_most": 3},
        )
    assert refused.value.code == "constraints_clash"
    text = str(refused.value)
    assert "'mine'" in text and "'yours'" in text and "harmless" not in text


def test_a_discovery_keeps_them_and_proves_it(tmp_path):
    constraints = [
        {"kind": "size_bounds", "id": "many birds", "coarse": "bird", "at_least": 3, "at_most": 3}
    ]
    found = falcon.discover(X, COARSE, n_fine=4, constraints=constraints, out=tmp_path / "out")
    (relation,) = found.discovery.relations
    assert relation.relation.sum(axis=0).tolist() == [3, 1]
    assert all(check.ok for check in found.verify())
    kept = json.loads((tmp_path / "out" / "discovery.json").read_text())["config"]
    assert kept["relation"]["constraints"] == constraints
    assert relation.certificate["constraints"][-1] == "many birds"


def test_a_pinned_class_hangs_where_it_was_pinned():
    pin = {"kind": "pin", "fine": {"sample": "0"}, "coarse": "fish"}
    bounds = {"kind": "size_bounds", "coarse": "bird", "at_least": 1}
    found = falcon.discover(X, COARSE, n_fine=4, epochs=2, constraints=[pin, bounds])
    labels = found.discovery.sources[0].labels
    assert found.discovery.relations[0].relation[found.labels, labels].all()  # the wall stands
    solution, _ = read_proof(found.discovery.relations[0].proof)
    (pinned,) = solution.problem.constraints.of(Pin)
    assert found.discovery.relations[0].relation[pinned.fine].tolist() == [False, True]


def test_several_parents_and_constraints_are_refused_together():
    with pytest.raises(falcon.ConfigError, match="extra_parents"):
        falcon.discover(
            X, COARSE, n_fine=4, several_parents=True,
            constraints=[{"kind": "forbid", "fine": 0, "coarse": "fish"}],
        )  # fmt: skip


def test_a_wish_for_a_size_takes_the_place_of_a_known_count():
    from falcon_svc.discovery.training.relation_step import solve_relation

    (wanted,) = wishes({"kind": "size_target", "coarse": "bird", "target": 3, "weight": 1.0})
    solution = solve_relation(
        np.full((4, 2), 0.1), balance=1.0, size_targets=np.array([2, 2]), time_limit_s=5.0,
        wishes=wanted,
    )  # fmt: skip
    targets = solution.problem.constraints.of(SizeTarget)
    assert sorted((t.coarse, t.target) for t in targets) == [(0, 3), (1, 2.0)]


def test_every_kind_is_documented():
    page = (Path(__file__).parents[2] / "docs" / "constraints.md").read_text()
    assert all(f"`{kind}`" in page for kind in ASKABLE)
