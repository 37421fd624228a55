"""Arrays of random names, types and holes, of which is known what they say; see `planted_tables`.

`plant_arrays(seed, folder)` writes an `.npz`, an `.npy` with its labels beside it, a sparse matrix,
a folder of Parquet shards, or cells as `.h5ad` or `.zarr`. Some are spoilt on purpose.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from scipy import sparse

from tests.data.planted_tables import WORDS, Planted, Rng, label_word

SAMPLE_NAMES = ("x", "X", "features", "Embeddings", "emb", "vectors", "latent", "data", "arr_0")
LABEL_NAMES = ("coarse", "y", "Labels", "label", "target", "class", "superclass")
TYPES = ("float16", "float32", "float64", "int8", "int32", "uint16", ">f4", "<f8")
CELL_LABELS = ("cell_type", "coarse", "leiden group", "label")


def plant_arrays(seed: int, folder: Path) -> Planted:
    """Write data set number `seed`."""
    rng = np.random.default_rng(seed)
    kind = str(rng.choice([*KINDS]))
    n, d = int(rng.integers(12, 40)), int(rng.integers(2, 7))
    x = vectors(rng, n, d)
    labels = labels_of(rng, n)
    place = folder / f"arrays{seed}"
    place.mkdir()
    planted = KINDS[kind](rng, place, x, labels)
    planted.recipe |= {"kind": kind, "dtype": str(x.dtype), "labels": str(labels.dtype)}
    return planted


def vectors(rng: Rng, n: int, d: int) -> NDArray[Any]:
    dtype = np.dtype(str(rng.choice(TYPES)))
    if dtype.kind == "f":
        return rng.normal(size=(n, d)).astype(dtype)
    return rng.integers(0 if dtype.kind == "u" else -50, 100, (n, d)).astype(dtype)


def labels_of(rng: Rng, n: int) -> NDArray[Any]:
    """Return labels as numpy keeps them; holes are -1, NaN or empty."""
    style = str(rng.choice(["words", "bytes", "whole", "floats", "bools", "unsigned"]))
    count = int(rng.integers(2, 5))
    codes = rng.integers(0, count, n)
    codes[:count] = range(count)
    if style == "bools":
        return np.arange(n) % 2 == 0
    if style in ("words", "bytes"):
        usable = [word for word in WORDS if style == "words" or word.isascii()]
        words = rng.choice(usable, count, replace=False)
        found = words[codes]
        found[-1] = "" if rng.random() < 0.2 else found[-1]
        return found.astype("S") if style == "bytes" else found
    if style == "unsigned":
        return codes.astype(np.uint8)
    codes[-1] = -1 if rng.random() < 0.2 else codes[-1]
    if style == "whole":
        return codes.astype(str(rng.choice(["int8", "int32", "int64"])))
    return np.where(codes < 0, np.nan, codes).astype(str(rng.choice(["float32", "float64"])))


def told(labels: NDArray[Any]) -> list[str]:
    values = labels.astype("U").tolist() if labels.dtype.kind == "S" else labels.tolist()
    return [label_word(value) for value in values]


def answer(
    path: Path, x: NDArray[Any], labels: NDArray[Any], ids: list[str] | None = None
) -> Planted:
    columns = np.asarray(x, np.float64).T.tolist()
    return Planted(
        path, {str(k): c for k, c in enumerate(columns)}, told(labels), ids, vector="the array"
    )


def spoilt(rng: Rng, x: NDArray[Any], planted: Planted) -> NDArray[Any]:
    """Return the vectors, perhaps with a hole or an infinite number."""
    if x.dtype.kind != "f" or rng.random() > 0.2:
        return x
    planted.refused.add("non_finite")
    x = x.copy()
    x[int(rng.integers(len(x))), 0] = rng.choice([np.nan, np.inf, -np.inf])
    return x


def npz(rng: Rng, place: Path, x: NDArray[Any], labels: NDArray[Any]) -> Planted:
    name, label = str(rng.choice(SAMPLE_NAMES)), str(rng.choice(LABEL_NAMES))
    if name == "arr_0":
        label = "arr_1"
    if name.casefold() == "x" and rng.random() < 0.3:
        x = np.asfortranarray(x)
    n = len(x)
    ids = [f"s{i}" for i in rng.permutation(n)] if rng.random() < 0.5 else None
    planted = answer(place / "data.npz", x, labels, ids)
    arrays = {name: spoilt(rng, x, planted), label: labels}
    if rng.random() < 0.2 and labels.dtype.kind in "ifu":
        arrays[label] = labels[:, None]
    extra = {
        "fine": rng.integers(0, 3, n),
        "split": np.array(["train", "test"])[rng.integers(0, 2, n)],
        "mean": x.mean(axis=0),
        "seed": np.array(3),
        "umap": rng.normal(size=(n, 2)),
        "weights": rng.random(n),
    }
    arrays |= {key: value for key, value in extra.items() if rng.random() < 0.3}
    if ids:
        arrays[str(rng.choice(["id", "ids", "ID"]))] = np.array(ids)
    order = [*arrays]
    rng.shuffle(order)
    save = np.savez if rng.random() < 0.5 else np.savez_compressed
    save(planted.path, **{key: arrays[key] for key in order})
    return planted


def npy(rng: Rng, place: Path, x: NDArray[Any], labels: NDArray[Any]) -> Planted:
    ids = [f"s{i}" for i in range(len(x))]
    style = str(rng.choice(["in order", "array", "by id", "by row number", "too few"]))
    planted = answer(place / "data.npy", x, labels, ids if style == "by id" else None)
    np.save(planted.path, spoilt(rng, x, planted))
    words, order = told(labels), rng.permutation(len(x))
    if style == "array":
        np.save(place / str(rng.choice(["data.labels.npy", "labels.npy", "y.npy"])), labels)
    elif style == "by id":
        np.save(place / "data.ids.npy", np.array(ids))
        write_labels(place / "labels.csv", [words[k] for k in order], [ids[k] for k in order])
        planted.told.add("joined_by_id")
    elif style == "by row number":
        write_labels(place / "data.csv", [words[k] for k in order], [str(k) for k in order])
        planted.ids = [str(k) for k in range(len(x))]
        planted.told.add("joined_by_id")
    else:
        write_labels(place / "data.csv", words[: -1 if style == "too few" else None])
    if style == "too few":
        planted.refused.add("length_mismatch")
    return planted


def write_labels(path: Path, words: list[str], ids: list[str] | None = None) -> None:
    lines = ['"' + word.replace('"', '""') + '"' for word in words]
    if ids is not None:
        lines = [f"{one},{line}" for one, line in zip(ids, lines, strict=True)]
    path.write_text("\n".join(["coarse" if ids is None else "id,coarse", *lines]) + "\n", "utf-8")


def sparse_npz(rng: Rng, place: Path, x: NDArray[Any], labels: NDArray[Any]) -> Planted:
    dense = np.where(rng.random(x.shape) < 0.5, x, 0).astype(np.float32)
    planted = answer(place / "tfidf.npz", dense, labels)
    make = (sparse.csr_matrix, sparse.csc_matrix, sparse.coo_matrix)[int(rng.integers(3))]
    sparse.save_npz(planted.path, make(dense))
    write_labels(place / "tfidf.csv", told(labels))
    return planted


def shards(rng: Rng, place: Path, x: NDArray[Any], labels: NDArray[Any]) -> Planted:
    ids = [f"s{i}" for i in rng.permutation(len(x))]
    planted = answer(place / "data", x, labels, ids)
    planted.path.mkdir()
    rows = [[float(v) for v in row] for row in x]
    values: list[Any] = labels.astype("U").tolist() if labels.dtype.kind == "S" else labels.tolist()
    if labels.dtype.kind == "f":
        values = [None if np.isnan(v) else v for v in values]
    table = pa.table({"embedding": rows, "label": pa.array(values), "id": ids})
    cut = int(rng.integers(1, len(x) - 1))
    for number, part in enumerate((table.slice(0, cut), table.slice(cut))):
        pq.write_table(part, planted.path / f"train-{number:05d}-of-00002.parquet")
    return planted


def cells(rng: Rng, place: Path, x: NDArray[Any], labels: NDArray[Any]) -> Planted:
    import anndata
    import pandas

    names = [f"AC{i}-1" for i in rng.permutation(len(x))]
    words: Any = labels.astype("U") if labels.dtype.kind == "S" else labels
    if words.dtype.kind == "U" and rng.random() < 0.5:
        words = pandas.Categorical(words)
    column = str(rng.choice(CELL_LABELS))
    obs = pandas.DataFrame({column: words, "n_counts": rng.random(len(x))}, index=names)
    made = anndata.AnnData(
        sparse.csr_matrix(rng.poisson(1, (len(x), 8)).astype(np.float32)), obs=obs
    )
    suffix = str(rng.choice([".h5ad", ".h5ad", ".zarr"]))
    planted = answer(place / f"cells{suffix}", x, labels, names)
    x = spoilt(rng, x.astype(x.dtype.newbyteorder("=")), planted)
    style = str(rng.choice(["array", "frame", "sparse"]))
    if style == "frame":
        made.obsm["X_pca"] = pandas.DataFrame(x, index=names).add_prefix("PC")
        planted.features = {f"PC{k}": c for k, c in planted.features.items()}
        planted.vector = None  # its columns have names
    else:
        wide = x.astype(np.float32)
        made.obsm["X_pca"] = wide if style == "array" else sparse.csr_matrix(wide)
    if rng.random() < 0.3:
        made.obsm["X_umap"] = rng.normal(size=(len(x), 2))
    planted.settings["coarse_column"] = column
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # anndata: formats and names of its own
        (made.write_h5ad if suffix == ".h5ad" else made.write_zarr)(planted.path)
    planted.recipe["style"] = style
    return planted


KINDS: dict[str, Callable[[Rng, Path, NDArray[Any], NDArray[Any]], Planted]] = {
    "npz": npz,
    "npy": npy,
    "sparse": sparse_npz,
    "shards": shards,
    "cells": cells,
}
