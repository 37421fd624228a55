"""Score files stay on the disk, and hold nodes or leaves."""

from __future__ import annotations

import numpy as np
import pytest

from falcon_svc.errors import InputError
from falcon_svc.hierarchy import inputs
from falcon_svc.hierarchy.evaluation import evaluate_scores
from falcon_svc.hierarchy.score_files import open_scores
from tests.hierarchy.plain import BIRDS, coherent


def saved(folder, values):
    np.save(folder / "scores.npy", values)
    return folder / "scores.npy"


def test_nodes_and_leaves_are_the_same_figures(tmp_path, monkeypatch):
    monkeypatch.setattr(inputs, "CHUNK_VALUES", 5 * BIRDS.n_nodes)
    rng = np.random.default_rng(0)
    true, scores = rng.choice(BIRDS.leaves, 17), coherent(BIRDS, rng, 17)
    nodes = open_scores(saved(tmp_path, scores), tree=BIRDS)
    whole = evaluate_scores(true, nodes, tree=BIRDS)
    assert isinstance(nodes, np.memmap)
    leaves = open_scores(saved(tmp_path, scores[:, BIRDS.leaves]), tree=BIRDS)
    assert leaves.shape == (17, 8)
    assert evaluate_scores(true, leaves, tree=BIRDS) == pytest.approx(whole)


REFUSED = [
    (np.zeros((2, 7)), r"8 nodes or 5 leaves, found float64 of shape \(2, 7\)"),
    (np.zeros((2, 8), int), "found int64"),
    (np.zeros(8), r"shape \(8,\)"),
    (np.array([[{}] * 8]), "Python objects"),
    (np.zeros((0, 8)), r"shape \(0, 8\)"),
]


@pytest.mark.parametrize(("values", "message"), REFUSED)
def test_other_arrays_are_refused(tmp_path, values, message):
    with pytest.raises(InputError, match=message):
        open_scores(saved(tmp_path, values), tree=BIRDS)


def test_missing_and_damaged_files_are_refused(tmp_path):
    with pytest.raises(InputError, match="No such file"):
        open_scores(tmp_path / "none.npy", tree=BIRDS)
    (tmp_path / "bad.npy").write_bytes(b"no array")
    with pytest.raises(InputError, match="numpy array"):
        open_scores(tmp_path / "bad.npy", tree=BIRDS)
