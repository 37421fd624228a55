"""The triage benchmark: the oracle sees what is shown, budgets are kept, ours uses its answers."""

from __future__ import annotations

import json

import numpy as np
import pytest

from falcon_svc.bench import triage
from falcon_svc.bench.set_name import SetName
from falcon_svc.bench.triage_oracle import Oracle
from falcon_svc.triage import questions as q


class Guarded(dict):
    """Truth that notes what was looked up."""

    def __init__(self, truth):
        super().__init__(truth)
        self.seen = set()

    def __getitem__(self, name):
        self.seen.add(name)
        return super().__getitem__(name)


def test_the_oracle_sees_what_is_shown_only():
    truth = Guarded({"a": 0, "b": 0, "d": 1, "hidden": 1})
    one = q.Shown(class_id="c0", name="x", exemplars=("a", "b"))
    two = q.Shown(class_id="c1", name="y", exemplars=("d",))
    oracle = Oracle(truth)
    assert oracle.answer(q.SameClass(text="", gain=0, first=one, second=two)).choice == "different"
    belong = q.Belong(text="", gain=0, to=one, samples=("a", "d"), candidates=(two,))
    assert oracle.answer(belong) == q.Reply(moved={"d": "c1"})
    assert oracle.answer(belong.model_copy(update={"candidates": ()})).marked == ("d",)
    cut = q.OneClass(text="", gain=0, rest=one, part=("d", "hidden"), part_shown=("d",))
    assert oracle.answer(cut).choice == "two"
    place = q.Place(text="", gain=0, samples=("a", "d"), candidates=(one,))
    assert oracle.answer(place).choice == "mixed"
    assert truth.seen == {"a", "b", "d"}


def test_label_spreading_gets_the_labels_it_is_given():
    data = SetName.parse("planted:3,2@dim=8,ratio=9").load()
    few = triage.spread_labels(data, data.features, 0, 0)
    assert len(set(few.tolist())) == 2
    many = triage.spread_labels(data, data.features, len(data.truth), 0)
    assert np.array_equal(many, data.truth)


@pytest.mark.slow
def test_answers_buy_accuracy(tmp_path):
    path = tmp_path / "triage.json"
    table = triage.run(
        ["planted:3,2@dim=8,ratio=3"],
        answers=(5, 10),
        seeds=(0,),
        results=tmp_path,
        json_path=path,
    )
    assert len(table.splitlines()) == 2 + len(triage.POLICIES)
    rows = {row["policy"]: row for row in json.loads(path.read_text())["rows"]}
    acc = {name: row["acc"]["10"]["mean"] for name, row in rows.items()}
    assert acc["ours"] >= rows["ours"]["acc"]["0"]["mean"]
    assert acc["ours"] >= max(acc.values()) - 0.02
