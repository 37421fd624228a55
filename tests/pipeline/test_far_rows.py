"""Rows far from all others: they decide nothing, are told by id, and get a class all the same."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import falcon_svc as falcon
from falcon_svc.config import make_config
from falcon_svc.data import load_dataset
from falcon_svc.metrics import accuracy_score
from falcon_svc.pipeline.found import Found
from falcon_svc.pipeline.set_apart import fitted, rows_apart
from tests.discoveries import pretend_dataset

PER, DIM, FINE = 30, 8, (2, 3)
N = PER * sum(FINE)
ROWS = np.array([4, 77, 130])
GIVEN = [
    ({"n_fine": 5}, 1e6),
    ({"n_fine_per_coarse": {"land": 2, "sea": 3}}, 1e6),
    ({}, 300.0),
]


def planted(seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    coarse = np.repeat([0, 1], np.array(FINE) * PER)
    fine = np.repeat(np.arange(sum(FINE)), PER)
    means = rng.normal(size=(2, DIM))[coarse] * 3 + rng.normal(size=(sum(FINE), DIM))[fine] * 3
    x = (means + rng.normal(size=(N, DIM)) / 2).astype(np.float32)
    order = rng.permutation(N)
    return x[order], np.array(["land", "sea"])[coarse][order], fine[order]


@pytest.mark.parametrize(("settings", "times"), GIVEN, ids=["total", "counts", "nothing"])
def test_the_others_are_found_as_without_them(settings: dict[str, object], times: float) -> None:
    x, coarse, fine = planted()
    x[ROWS] *= np.float32(times)
    found = falcon.discover(x, coarse, epochs=2, **settings)
    assert accuracy_score(fine, found.labels) >= 0.99
    (note,) = [one for one in found.notes if one.code == "far_rows"]
    assert all(f"'{row}'" in note.text for row in ROWS)
    assert "long_rows" not in {one.code for one in found.notes}
    again = found.predict(x[:40], coarse=coarse[:40])
    assert (again.fine == found.labels[:40]).mean() > 0.95
    assert again.distance[ROWS[0]] > 2 > np.median(again.distance)


def test_scaled_columns_of_a_table_are_found_too(tmp_path: Path) -> None:
    x, coarse, fine = planted()
    x *= np.logspace(-2, 3, DIM).astype(np.float32)
    x[ROWS] *= 1e6
    names = ",".join(f"f{k}" for k in range(DIM))
    lines = [",".join(map(repr, row.tolist())) for row in x]
    rows = [f"{line},{label}" for line, label in zip(lines, coarse, strict=True)]
    (tmp_path / "t.csv").write_text("\n".join([f"{names},coarse", *rows]))
    found = falcon.discover(tmp_path / "t.csv", n_fine=5, scale="standard", epochs=2)
    assert accuracy_score(fine, found.labels) >= 0.99


def test_without_far_rows_nothing_is_touched() -> None:
    dataset = pretend_dataset(planted()[0], np.arange(N) % 2)
    found = Found(dataset, make_config({}), None, None)
    assert fitted(dataset, np.arange(0)) is dataset
    assert found.believed is dataset


def test_a_class_keeps_what_it_needs(tmp_path: Path) -> None:
    x, coarse, _ = planted()
    coarse[:3] = "rare"
    x[1:3] *= 1e6
    np.savez(tmp_path / "t.npz", x=x, coarse=coarse)
    dataset = load_dataset(tmp_path / "t.npz")

    def apart(**counts: object) -> list[int]:
        bounds = Found(dataset, make_config({"counts": counts}), None, None).bounds
        return rows_apart(dataset.vectors, dataset.coarse, bounds).tolist()

    assert apart() == [1, 2]
    assert apart(n_fine_per_coarse={"rare": 2}) == []
