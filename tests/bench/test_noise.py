"""The noise benchmark: labels moved as it says, and a table with every figure."""

from __future__ import annotations

import json

import numpy as np
import pytest

from falcon_svc.bench import noise
from falcon_svc.bench.set_name import SetName
from falcon_svc.errors import ConfigError
from tests.bench.sets import save_separated


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return save_separated(tmp_path_factory.mktemp("noise") / "a.npz")


def test_labels_are_moved_at_the_rate_and_nowhere_else(path):
    data = SetName.parse(str(path)).load()
    for kind in noise.KINDS:
        moved = noise.with_wrong_labels(data, kind, 0.2, seed=0).dataset.coarse.labels
        assert (moved != data.dataset.coarse.labels).sum() == round(0.2 * len(moved))
        assert set(moved) == {0, 1, 2}
    near = noise.with_wrong_labels(data, "near", 0.2, seed=0).dataset.coarse.labels
    changed = np.flatnonzero(near != data.dataset.coarse.labels)
    pairs = set(zip(data.dataset.coarse.labels[changed], near[changed], strict=True))
    assert len(pairs) == 3  # one goal per class


def test_wrong_labels_of_separated_classes_are_all_found(path, tmp_path):
    out = tmp_path / "n.json"
    table = noise.run([str(path)], rates=(0.0, 0.1), json_path=out)
    rows = json.loads(out.read_text("utf-8"))["rows"]
    assert [(r["kind"], r["rate"]) for r in rows] == [
        ("uniform", 0.0), ("uniform", 0.1), ("near", 0.1),
    ]  # fmt: skip
    assert rows[0]["precision"] is None and rows[0]["found"] < 0.01
    assert all(r["precision"] > 0.9 and r["recall"] > 0.8 for r in rows[1:])
    assert all(r["acc_judged"] is None for r in rows)
    assert len(table.splitlines()) == 5 and "| uniform | 10.0 |" in table


def test_what_wrong_labels_cost_is_measured_over_samples_with_a_right_one(path, monkeypatch):
    asked = []

    def pretend(data, coarse_noise, n_fine, clean, seed):
        asked.append((coarse_noise, n_fine, int((~clean).sum())))
        return 0.5

    monkeypatch.setattr(noise, "_accuracy", pretend)
    table = noise.run([str(path)], rates=(0.1,), kinds=("near",), discoveries=True)
    true_total = SetName.parse(str(path)).load().n_fine  # moved labels hide it
    assert asked == [("none", true_total, 21), ("auto", true_total, 21)]
    assert table.count("50.0") == 2


@pytest.mark.slow
def test_discoveries_of_noisy_labels_are_scored(path):
    data = SetName.parse(str(path)).load()
    row = noise.measured(data, "uniform", 0.1, seed=0, discoveries=True)
    assert 0.5 < row.acc_believed <= 1 and 0.5 < row.acc_judged <= 1


def test_unknown_kinds_are_refused(path):
    with pytest.raises(ConfigError, match="Expected kinds among uniform, near"):
        noise.run([str(path)], kinds=("odd",))
