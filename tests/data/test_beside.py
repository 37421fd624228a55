"""Labels beside arrays, matched by order or id; usual names in `.npz`; sparse matrices."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import sparse

from falcon_svc.data import DataConfig, load_dataset, load_truth
from tests.data.builders import COARSE, FINE, refused, vectors

WANT = [0, 0, 1, 1, 1, 0]


def write_csv(
    path: Path, ids: list[Any], *, name: str = "id", rows: list[int] | None = None
) -> None:
    rows = list(range(6)) if rows is None else rows
    lines = [f"{i},{COARSE[row]},{FINE[row]}" for i, row in zip(ids, rows, strict=True)]
    path.write_text("\n".join([f"{name},coarse,fine", *lines]) + "\n")


def write_npy(folder: Path) -> Path:
    np.save(folder / "x.npy", vectors())
    return folder / "x.npy"


def test_labels_whose_ids_are_row_numbers_are_matched_by_them(tmp_path: Path) -> None:
    order = [3, 0, 5, 1, 4, 2]
    write_csv(tmp_path / "x.csv", order, rows=order)
    data = load_dataset(write_npy(tmp_path))
    assert data.coarse.labels.tolist() == WANT
    assert data.ids == tuple("012345")
    assert [note.code for note in data.reading.notes] == ["joined_by_id"]
    truth = load_truth(tmp_path / "x.npy")
    assert [truth.names[k] for k in truth.aligned_to(data.ids)] == FINE


def test_labels_for_a_part_of_the_samples_leave_the_others_unlabelled(tmp_path: Path) -> None:
    write_csv(tmp_path / "x.csv", [4, 1, 0, 2], rows=[4, 1, 0, 2])
    data = load_dataset(write_npy(tmp_path))
    assert data.coarse.labels.tolist() == [0, 0, 1, -1, 1, -1]
    assert {note.code for note in data.reading.notes} == {"joined_by_id", "unlabelled"}


def test_ids_in_an_array_beside_are_matched(tmp_path: Path) -> None:
    path, ids = write_npy(tmp_path), np.array([f"s{i}" for i in range(6)])
    np.save(tmp_path / "x.ids.npy", ids)
    order = [5, 2, 0, 1, 3, 4]
    write_csv(tmp_path / "x.csv", [f"s{row}" for row in order], rows=order)
    data = load_dataset(path)
    assert (data.coarse.labels.tolist(), data.ids) == (WANT, tuple(ids))
    np.save(tmp_path / "x.labels.npy", np.array(COARSE))
    (tmp_path / "x.csv").unlink()
    data = load_dataset(path)
    assert (data.coarse.labels.tolist(), data.ids) == (WANT, tuple(ids))


def test_ids_of_another_kind_are_matched_by_order(tmp_path: Path) -> None:
    write_csv(tmp_path / "x.csv", list("abcdef"))
    data = load_dataset(write_npy(tmp_path))
    assert (data.coarse.labels.tolist(), data.ids) == (WANT, tuple("abcdef"))
    write_csv(tmp_path / "x.csv", list("abcde"), rows=[0, 1, 2, 3, 4])
    refused(tmp_path / "x.npy", "length_mismatch")
    write_csv(tmp_path / "x.csv", [1, 1, 2, 3, 4, 5])
    refused(tmp_path / "x.npy", "duplicate_id")


@pytest.mark.parametrize("name", ["x.labels.npy", "x_labels.npy", "labels.npy", "y.npy"])
def test_labels_may_be_an_array(tmp_path: Path, name: str) -> None:
    path = write_npy(tmp_path)
    np.save(tmp_path / name, np.array(WANT))
    assert load_dataset(path).coarse.labels.tolist() == WANT
    np.save(tmp_path / name, np.array([None] * 6))
    refused(path, "pickle_refused")


NAMES = [
    ("X", "y"), ("x", "labels"), ("features", "label"), ("embeddings", "target"), ("emb", "Label"),
    ("X", "class"), ("data", "labels"), ("arr_0", "arr_1"),
]  # fmt: skip


@pytest.mark.parametrize(("samples", "labels"), NAMES)
def test_usual_names_of_arrays_are_known(tmp_path: Path, samples: str, labels: str) -> None:
    path = tmp_path / "data.npz"
    np.savez(path, **{samples: vectors(), labels: np.array(COARSE), "lr": np.array(0.1)})
    data = load_dataset(path)
    assert np.array_equal(data.vectors, vectors())
    assert data.coarse.labels.tolist() == WANT
    assert dict(data.reading.left_out) == {"lr": "not asked for"}


@pytest.mark.parametrize("names", ["y_names", "target_names", "class_names"])
def test_usual_names_of_class_names_are_known(tmp_path: Path, names: str) -> None:
    words = {names: np.array(["bird", "fish"]), "feature_names": np.array(list("abc"))}
    np.savez(tmp_path / "data.npz", X=vectors(), y=np.array(WANT), **words)
    data = load_dataset(tmp_path / "data.npz")
    assert data.coarse.names == ("bird", "fish")
    assert dict(data.reading.left_out) == {"feature_names": "not asked for"}


def test_python_objects_are_refused_with_the_way_out(tmp_path: Path) -> None:
    np.savez(tmp_path / "data.npz", x=vectors(), coarse=np.array(COARSE, dtype=object))
    refused(tmp_path / "data.npz", "pickle_refused", "y.astype(str)", "array 'coarse'")


@pytest.mark.parametrize("form", ["csr", "csc", "coo"])
def test_sparse_matrices_have_their_labels_beside(tmp_path: Path, form: str) -> None:
    x = np.maximum(vectors(), 0)
    path = tmp_path / "tfidf.npz"
    sparse.save_npz(path, sparse.coo_matrix(x).asformat(form))
    refused(path, "no_labels", "'tfidf.csv'")
    (tmp_path / "tfidf.csv").write_text("\n".join(["coarse", *COARSE]))
    data = load_dataset(path)
    assert np.array_equal(data.vectors, x)
    assert data.coarse.labels.tolist() == WANT
    refused(path, "too_large", max_bytes=6 * 3 * 4 - 1 + 600, max_dimensions=2)


def test_unsound_sparse_matrices_are_refused(tmp_path: Path) -> None:
    matrix = sparse.csr_matrix(np.maximum(vectors(), 0))
    good = {"format": np.array(b"csr"), "shape": np.array([6, 3]), "data": matrix.data,
            "indices": matrix.indices, "indptr": matrix.indptr}  # fmt: skip
    (tmp_path / "s.csv").write_text("\n".join(["coarse", *COARSE]))
    path = tmp_path / "s.npz"
    for wrong in (
        {"indices": matrix.indices + 5},
        {"indptr": matrix.indptr[::-1].copy()},
        {"shape": np.array([6, -3])},
        {"shape": np.array([6, 3, 1])},
        {"format": np.array(b"bsr")},
        {"format": np.array(b"coo"), "row": np.array([9]), "col": np.array([0])},
    ):
        np.savez(path, **{**good, **wrong})
        refused(path, "bad_sparse")


def test_a_named_column_of_ids_matches_too(tmp_path: Path) -> None:
    write_csv(tmp_path / "x.csv", [1, 0, 2, 4, 3, 5], name="nr", rows=[1, 0, 2, 4, 3, 5])
    data = load_dataset(write_npy(tmp_path), DataConfig(id_column="nr"))
    assert data.coarse.labels.tolist() == WANT
