"""AnnData files: labels, embeddings, counts, and everything an HDF5 file can be made to do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import sparse

from falcon_svc.data import DataConfig, load_dataset, load_truth
from tests.data.builders import COARSE, FINE, refused, vectors

h5py = pytest.importorskip("h5py")


@pytest.fixture(autouse=True)
def _no_child(monkeypatch: pytest.MonkeyPatch) -> None:
    """Skip the child process, which has tests of its own."""
    monkeypatch.setattr("falcon_svc.data.formats.h5ad.probe", lambda path, config: None)


COUNTS = np.random.default_rng(0).poisson(2, (6, 5)).astype(np.float32)


def put_text(group: Any, name: str, values: list[str]) -> None:
    group.create_dataset(name, data=values, dtype=h5py.string_dtype())


def put_categories(group: Any, name: str, values: list[str]) -> None:
    words, codes = np.unique(values, return_inverse=True)
    column = group.create_group(name)
    column.attrs["encoding-type"] = "categorical"
    column["codes"] = codes.astype(np.int8)
    put_text(column, "categories", words.tolist())


def put_sparse(parent: Any, name: str, matrix: Any) -> Any:
    group = parent.create_group(name)
    group.attrs["encoding-type"] = f"{matrix.format}_matrix"
    group.attrs["shape"] = matrix.shape
    for part in ("data", "indices", "indptr"):
        group[part] = getattr(matrix, part)
    return group


def write_h5ad(folder: Path, bend: Callable[[Any], object] = lambda file: None) -> Path:
    """Write the specification's layout by hand, then let `bend` change it."""
    path = folder / "cells.h5ad"
    with h5py.File(path, "w") as file:
        obs = file.create_group("obs")
        obs.attrs["_index"] = "cell"
        put_text(obs, "cell", [f"c{i}" for i in range(6)])
        put_categories(obs, "coarse", COARSE)
        put_text(obs, "fine", FINE)
        obs["batch"] = np.arange(6)
        put_sparse(file, "X", sparse.csr_matrix(COUNTS))
        file.create_group("obsm")["X_pca"] = vectors()
        bend(file)
    return path


def replace(file: Any, name: str, **options: Any) -> Any:
    del file[name]
    return file.create_dataset(name, **options)


def test_labels_ids_and_embedding(tmp_path: Path) -> None:
    path = write_h5ad(tmp_path)
    data = load_dataset(path)
    assert np.array_equal(data.vectors, vectors())
    assert data.ids == tuple(f"c{i}" for i in range(6))
    assert [data.coarse.names[i] for i in data.coarse.labels] == COARSE
    truth = load_truth(path)
    assert [truth.names[i] for i in truth.fine] == FINE
    assert truth.ids == data.ids


def test_anndata_writes_what_we_read(tmp_path: Path) -> None:
    anndata = pytest.importorskip("anndata")
    pandas = pytest.importorskip("pandas")
    obs = pandas.DataFrame(
        {
            "coarse": pandas.Categorical([*COARSE[:5], None]),
            "coarse_site": ["sea", "lake"] * 3,
            "fine": pandas.array([1, 2, 3, None, 1, 2], dtype="Int64"),
        },
        index=[f"c{i}" for i in range(6)],
    )
    cells = anndata.AnnData(sparse.csr_matrix(COUNTS), obs=obs)
    cells.obsm["X_emb"] = vectors()
    cells.write_h5ad(tmp_path / "a.h5ad", compression="gzip")
    data = load_dataset(tmp_path / "a.h5ad", DataConfig(obsm_key="X_emb"))
    assert np.array_equal(data.vectors, vectors())
    assert [source.name for source in data.sources] == ["coarse", "site"]
    assert data.coarse.labels.tolist() == [0, 0, 1, 1, 1, -1]
    assert load_truth(tmp_path / "a.h5ad").ids == ("c0", "c1", "c2", "c4", "c5")


def test_counts_give_the_same_from_csr_csc_dense_and_layer(tmp_path: Path) -> None:
    def csc(file: Any) -> None:
        del file["X"]
        put_sparse(file, "X", sparse.csc_matrix(COUNTS))

    def dense(file: Any) -> None:
        replace(file, "X", data=COUNTS, compression="gzip", shuffle=True)

    def layer(file: Any) -> None:
        replace(file, "X", data=np.full(COUNTS.shape, -1.0))
        put_sparse(file.create_group("layers"), "counts", sparse.csr_matrix(COUNTS))

    config = DataConfig(obsm_key="X")
    want = load_dataset(write_h5ad(tmp_path), config).vectors
    for bend in (csc, dense, layer):
        found = load_dataset(write_h5ad(tmp_path, bend), config).vectors
        assert np.allclose(found, want, atol=1e-5)


def test_genes_pass_over_embeddings(tmp_path: Path) -> None:
    path = write_h5ad(tmp_path)
    genes = load_dataset(path, DataConfig(count_features="genes")).vectors
    assert np.allclose(np.expm1(genes).sum(axis=1), 1e4, rtol=1e-4)
    config = DataConfig(count_features="genes", obsm_key="X_pca")
    assert np.array_equal(load_dataset(path, config).vectors, vectors())


def test_legacy_categories_and_nullable_columns(tmp_path: Path) -> None:
    def bend(file: Any) -> None:
        replace(file["obs"], "coarse", data=np.array([0, 0, 1, 1, 1, 0], np.int8))
        put_text(file["obs"].create_group("__categories"), "coarse", ["bird", "fish"])
        column = file["obs"].create_group("coarse_day")
        column["values"] = np.array([1, 2, 1, 2, 1, 2])
        column["mask"] = np.array([0, 0, 0, 0, 0, 1], bool)

    data = load_dataset(write_h5ad(tmp_path, bend))
    assert data.coarse.names == ("bird", "fish")
    assert data.sources[1].labels.tolist() == [0, 1, 0, 1, 0, -1]


def links(target: Callable[[], Any], name: str) -> Callable[[Any], None]:
    def bend(file: Any) -> None:
        del file[name]
        file[name] = target()

    return bend


def external_storage(file: Any) -> None:
    del file["obsm/X_pca"]
    file["obsm"].create_dataset("X_pca", (6, 3), "f4", external=[("/etc/passwd", 0, 72)])


def virtual(file: Any) -> None:
    del file["obsm/X_pca"]
    layout = h5py.VirtualLayout((6, 3), "f4")
    layout[:] = h5py.VirtualSource("other.h5", "x", shape=(6, 3))
    file["obsm"].create_virtual_dataset("X_pca", layout)


def unwritten(file: Any) -> None:
    replace(file, "obsm/X_pca", shape=(6, 10**9), chunks=(6, 1000), dtype="f8")


def gzip_bomb(file: Any) -> None:
    zeros = np.zeros((6, 3_000_000))
    replace(file, "obsm/X_pca", data=zeros, compression="gzip", chunks=(6, 100_000))


def foreign_filter(file: Any) -> None:
    plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plist.set_chunk((6, 3))
    plist.set_filter(32015, h5py.h5z.FLAG_OPTIONAL)  # zstd, a plugin
    space = h5py.h5s.create_simple((6, 3))
    h5py.h5d.create(file["obsm"].id, b"X_zstd", h5py.h5t.IEEE_F32LE, space, plist)
    del file["obsm/X_pca"]
    file["obsm"].move("X_zstd", "X_pca")


def bad_codes(file: Any) -> None:
    file["obs/coarse/codes"][0] = 7


def short_codes(file: Any) -> None:
    replace(file, "obs/coarse/codes", data=np.zeros(4, np.int8))


def references(file: Any) -> None:
    replace(file, "obs/coarse/codes", shape=(6,), dtype=h5py.ref_dtype)


HOSTILE: dict[str, tuple[Callable[[Any], object], str]] = {
    "external link": (links(lambda: h5py.ExternalLink("/etc/passwd", "/x"), "obs"), "hdf5_link"),
    "soft link": (links(lambda: h5py.SoftLink("/obs"), "obsm/X_pca"), "hdf5_link"),
    "loop": (links(lambda: h5py.SoftLink("/obsm/X_pca"), "obsm/X_pca"), "hdf5_link"),
    "external storage": (external_storage, "hdf5_link"),
    "virtual": (virtual, "hdf5_link"),
    "unwritten chunks": (unwritten, "too_large"),
    "gzip bomb": (gzip_bomb, "too_large"),
    "foreign filter": (foreign_filter, "hdf5_filter"),
    "codes beyond categories": (bad_codes, "unreadable"),
    "other length": (short_codes, "length_mismatch"),
    "references": (references, "bad_dtype"),
    "no obs": (lambda file: file.__delitem__("obs"), "unreadable"),
    "obs is a list": (lambda file: replace(file, "obs", data=[1, 2]), "unreadable"),
    "no coarse": (lambda file: file.__delitem__("obs/coarse"), "no_such_column"),
    "no index": (lambda file: file.__delitem__("obs/cell"), "unreadable"),
    "complex": (lambda file: replace(file, "obsm/X_pca", data=np.ones((6, 3), "c8")), "bad_dtype"),
    "nan": (lambda file: file["obsm/X_pca"].__setitem__((2, 1), np.nan), "non_finite"),
    "rows": (lambda file: replace(file, "obsm/X_pca", data=np.ones((7, 3))), "length_mismatch"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files_are_refused(tmp_path: Path, name: str) -> None:
    bend, code = HOSTILE[name]
    refused(write_h5ad(tmp_path, bend), code)


def test_unknown_embeddings_are_answered_with_those_there_are(tmp_path: Path) -> None:
    refused(write_h5ad(tmp_path), "no_such_column", "'X_pca'", obsm_key="X_none")
    refused(write_h5ad(tmp_path), "no_such_column", obsm_key="../obs/batch")


def part(name: str, change: Callable[[np.ndarray], np.ndarray]) -> Callable[[Any], object]:
    return lambda file: replace(file, f"X/{name}", data=change(file[f"X/{name}"][:]))


SPARSE: dict[str, tuple[Callable[[Any], object], str]] = {
    "many genes": (lambda file: file["X"].attrs.__setitem__("shape", [6, 2**40]), "unreadable"),
    "indptr falls": (part("indptr", lambda a: a[::-1].copy()), "bad_sparse"),
    "indptr from 1": (part("indptr", lambda a: a + 1), "bad_sparse"),
    "indptr short": (part("indptr", lambda a: a[:-1]), "bad_sparse"),
    "indptr beyond": (part("indptr", lambda a: a * 9), "bad_sparse"),
    "index beyond": (part("indices", lambda a: a + 1), "bad_sparse"),
    "index below": (part("indices", lambda a: a - 1), "bad_sparse"),
    "index real": (part("indices", lambda a: a + 0.5), "bad_sparse"),
    "fewer values": (part("data", lambda a: a[:-1]), "bad_sparse"),
    "negative": (part("data", lambda a: -a), "not_counts"),
    "infinite": (part("data", lambda a: a * np.inf), "non_finite"),
    "shape": (lambda file: file["X"].attrs.__setitem__("shape", [-1, 5]), "unreadable"),
    "huge shape": (lambda file: file["X"].attrs.__setitem__("shape", [10**12, 5]), "unreadable"),
    "no shape": (lambda file: file["X"].attrs.__delitem__("shape"), "unreadable"),
    "encoding": (lambda file: file["X"].attrs.__setitem__("encoding-type", "coo"), "unreadable"),
    "rows": (
        lambda file: (file.__delitem__("X"), put_sparse(file, "X", sparse.csr_matrix(COUNTS[:5]))),
        "length_mismatch",
    ),
    "flat": (lambda file: replace(file, "X", data=np.ones(6)), "bad_shape"),
}


@pytest.mark.parametrize("name", SPARSE)
def test_unsound_matrices_are_refused(tmp_path: Path, name: str) -> None:
    bend, code = SPARSE[name]
    refused(write_h5ad(tmp_path, bend), code, obsm_key="X")


def test_one_long_string_for_every_row_stays_small(tmp_path: Path) -> None:
    def bend(file: Any) -> None:
        put_text(file["obs"], "text", ["a" * 100_000] * 6)

    assert load_dataset(write_h5ad(tmp_path, bend)).texts[0] == "a" * 2000


def test_a_deep_group_is_not_walked(tmp_path: Path) -> None:
    def bend(file: Any) -> None:
        group = file
        for _ in range(500):
            group = group.create_group("g")

    assert len(load_dataset(write_h5ad(tmp_path, bend))) == 6
