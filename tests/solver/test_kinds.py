"""Every kind of constraint is on the list by itself, and says what the others cannot say for it."""

from __future__ import annotations

import numpy as np
import pytest

import solver
from solver import (
    KINDS,
    Constraint,
    Constraints,
    ProblemError,
    RelationProblem,
    SizeTarget,
    SourceTie,
)

PRICED = (SizeTarget,)
"""What has a price alone: it always holds, and can be part of no conflict."""


def test_every_class_of_the_door_is_on_the_list_by_its_name():
    door = [getattr(solver, name) for name in solver.__all__]
    classes = {one for one in door if isinstance(one, type) and issubclass(one, Constraint)}
    assert set(KINDS.values()) == classes - {Constraint}
    assert all(kind.kind == name for name, kind in KINDS.items())
    assert {"pin", "must_link", "group_bounds", "unused_allowed"} <= set(KINDS)


@pytest.mark.parametrize("kind", [one for one in KINDS.values() if one not in PRICED])
def test_every_kind_with_a_limit_has_words_and_a_judgement_of_its_own(kind):
    assert "words" in vars(kind)
    assert "holds" in vars(kind) or kind is SourceTie  # whose relation is another one


@pytest.mark.parametrize("kind", [one for one in KINDS.values() if "holds" in vars(one)])
def test_what_is_judged_is_what_the_words_say(kind):
    """A relation that a constraint forbids does not hold, one that it allows does."""
    allowed, forbidden = HOLDS[kind.kind][1:]
    item = kind("x", **HOLDS[kind.kind][0])
    assert item.holds(_relation(allowed)) and not item.holds(_relation(forbidden))
    assert item.words() and not item.words().endswith(".")


def _relation(rows):
    relation = np.zeros((3, 2), bool)
    for fine, coarse in enumerate(rows):
        relation[fine, list(coarse)] = True
    return relation


SPLIT, TOGETHER = ((0,), (1,), (1,)), ((0,), (0,), (0,))
BOTH, ONE_UNUSED = ((0, 1), (1,), (1,)), ((0,), (1,), ())
HOLDS = {
    "pin": ({"fine": 1, "coarse": 1}, SPLIT, TOGETHER),
    "forbid": ({"fine": 1, "coarse": 0}, SPLIT, TOGETHER),
    "size_bounds": ({"coarse": 0, "at_most": 1}, SPLIT, TOGETHER),
    "unused_allowed": ({"at_most": 0}, SPLIT, ONE_UNUSED),
    "stay_close": ({"previous": [0, 1, -1], "at_most": 0}, SPLIT, TOGETHER),
    "must_link": ({"fine": 0, "other": 1}, TOGETHER, SPLIT),
    "cannot_link": ({"fine": 0, "other": 1}, SPLIT, TOGETHER),
    "group_bounds": ({"coarse": (1,), "at_least": 1}, SPLIT, TOGETHER),
    "extra_parents": ({"budget": 0}, SPLIT, BOTH),
    "mass_capacity": ({"mass": [5, 5, 5], "at_most": [7, -1]}, SPLIT, TOGETHER),
}


@pytest.mark.parametrize(
    ("kind", "fields", "word"),
    [
        ("pin", {"fine": 3, "coarse": 0}, "fine in 0..2"),
        ("must_link", {"fine": 0, "other": -1}, "other in 0..2"),
        ("group_bounds", {"coarse": (0, 2)}, "coarse in 0..1"),
        ("stay_close", {"previous": [0, 2, -1]}, "previous in 0..1"),
        ("stay_close", {"previous": [0, 1]}, "previous of shape"),
        ("mass_capacity", {"mass": [1, 1, 1], "at_most": [1]}, "at_most of shape"),
    ],
)  # fmt: skip
def test_what_a_problem_has_no_room_for_is_refused_where_it_is_stated(kind, fields, word):
    wish = Constraints((KINDS[kind]("x", **fields),))
    with pytest.raises(ProblemError, match=word.replace(".", r"\.")):
        RelationProblem(np.zeros((3, 2)), constraints=wish)
