"""AnnData as anndata and other programs leave it: odd embeddings, X and obs; Zarr stores."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import sparse

from falcon_svc.data import DataConfig, load_dataset, load_truth
from tests.data.builders import COARSE, FINE, refused, vectors

anndata = pytest.importorskip("anndata")
pandas = pytest.importorskip("pandas")

BARCODES = [f"AC{i}-1" for i in range(6)]
COUNTS = np.random.default_rng(0).poisson(2, (6, 12)).astype(np.float32)
KINDS = ("h5ad", "zarr")


@pytest.fixture(autouse=True)
def _no_child(monkeypatch: pytest.MonkeyPatch) -> None:
    """Skip the child process, which has tests of its own."""
    monkeypatch.setattr("falcon_svc.data.formats.h5ad.probe", lambda path, config: None)


def cells(x: Any = None, **columns: Any) -> Any:
    obs = pandas.DataFrame({"coarse": COARSE, "fine": FINE, **columns}, index=BARCODES)
    x = sparse.csr_matrix(COUNTS) if x is None else x
    return anndata.AnnData(x, obs=obs)


def write(folder: Path, made: Any, kind: str = "h5ad", zarr_format: int = 2) -> Path:
    path = folder / f"cells.{kind}"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if kind == "zarr":
            with anndata.settings.override(zarr_write_format=zarr_format):
                made.write_zarr(path)
        else:
            made.write_h5ad(path)
    return path


def codes(path: Path) -> list[str]:
    return [note.code for note in load_dataset(path).reading.notes]


@pytest.mark.parametrize("kind", KINDS)
def test_embeddings_may_be_frames_or_sparse(tmp_path: Path, kind: str) -> None:
    made = cells()
    names = [f"PC{i}" for i in (10, 2, 1)]
    made.obsm["X_pca"] = pandas.DataFrame(vectors(), index=BARCODES, columns=names)
    data = load_dataset(write(tmp_path, made, kind))
    assert np.array_equal(data.vectors, vectors())
    assert data.reading.features == tuple(names)
    made.obsm["X_pca"] = sparse.csr_matrix(vectors())
    (tmp_path / "b").mkdir()
    path = write(tmp_path / "b", made, kind)
    assert np.array_equal(load_dataset(path).vectors, vectors())
    refused(path, "too_large", max_dimensions=2, max_bytes=10**7)


def test_counts_are_found_where_x_is_none_or_scaled(tmp_path: Path) -> None:
    plain = load_dataset(write(tmp_path, cells())).vectors
    made = cells()
    made.layers["raw_counts"] = made.X.copy()
    made.X = None
    path = write(tmp_path, made)
    assert np.allclose(load_dataset(path).vectors, plain, atol=1e-5)
    assert codes(path) == ["counts_elsewhere"]
    scaled = cells(x=(COUNTS - COUNTS.mean(0)) / (COUNTS.std(0) + 1e-9))
    refused(write(tmp_path, scaled), "not_counts", "layers['counts']")
    scaled.raw = cells()
    path = write(tmp_path, scaled)
    assert np.allclose(load_dataset(path).vectors, plain, atol=1e-5)
    assert "raw" in load_dataset(path).reading.notes[0].text
    empty = cells()
    empty.X = None
    refused(write(tmp_path, empty), "no_such_column", "no X", "obsm_key")


def test_the_index_of_obs_wins_over_a_column_called_id(tmp_path: Path) -> None:
    path = write(tmp_path, cells(id=["donor1"] * 6))
    assert load_dataset(path).ids == tuple(BARCODES)
    assert load_dataset(path, DataConfig(id_column="_index")).ids == tuple(BARCODES)
    assert load_truth(path).ids == tuple(BARCODES)
    refused(path, "duplicate_id", "id_column", id_column="id")


@pytest.mark.parametrize("kind", KINDS)
def test_true_and_false_missing_and_nullable_labels(tmp_path: Path, kind: str) -> None:
    flags = [True, False, True, False, True, True]
    nullable = pandas.array([True, None, False, True, False, True], dtype="boolean")
    made = cells(tumor=flags, coarse_seen=nullable, cat=pandas.Categorical([*COARSE[:5], None]))
    path = write(tmp_path, made, kind)
    assert load_dataset(path, DataConfig(coarse_column="tumor")).coarse.names == ("False", "True")
    data = load_dataset(path)
    assert data.sources[1].labels.tolist() == [1, -1, 0, 1, 0, 1]
    data = load_dataset(path, DataConfig(coarse_column="cat"))
    assert data.coarse.labels.tolist() == [0, 0, 1, 1, 1, -1]


def test_further_embeddings_are_told(tmp_path: Path) -> None:
    made = cells()
    made.obsm["X_pca"], made.obsm["X_harmony"], made.obsm["X_umap"] = (vectors(),) * 3
    path = write(tmp_path, made)
    (note,) = load_dataset(path).reading.notes
    assert (note.code, "X_harmony" in note.text, "X_umap" in note.text) == (
        "other_embeddings", True, False
    )  # fmt: skip
    assert load_dataset(path, DataConfig(obsm_key="X_harmony")).reading.notes == ()


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_a_store_reads_as_the_file_does(tmp_path: Path, zarr_format: int) -> None:
    made = cells(coarse_site=["sea", "lake"] * 3)
    file = load_dataset(write(tmp_path, made))
    store = load_dataset(write(tmp_path, made, "zarr", zarr_format))
    assert store.digest == file.digest
    assert store.ids == tuple(BARCODES)
    assert load_truth(tmp_path / "cells.zarr").names == tuple(sorted(set(FINE)))


def test_stores_that_are_damaged_or_hostile_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path, cells(), "zarr")
    meta = path / "X" / "data" / ".zarray"
    good = json.loads(meta.read_text())
    meta.write_text(json.dumps({**good, "filters": [{"id": "pickle"}]}))
    refused(path, "unreadable", "pickle")  # by zarr itself
    meta.write_text(json.dumps({**good, "compressor": {"id": "bz2", "level": 1}}))
    refused(path, "zarr_codec", "bz2")
    meta.write_text(json.dumps({**good, "shape": [10**12], "chunks": [10**12]}))
    refused(path, "too_large")
    meta.write_text("{")
    refused(path, "unreadable")
    (path / "obs" / ".zgroup").unlink()
    refused(path, "unreadable")
    other = tmp_path / "other.zarr"
    other.mkdir()
    (other / ".zgroup").write_text('{"zarr_format": 2}')
    refused(other, "unreadable")
