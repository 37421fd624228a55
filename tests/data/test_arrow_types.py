"""Arrow's types in Parquet and Feather: labels, vectors and images as other programs write them."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import feather

from falcon_svc.data import DataConfig, load_dataset, load_truth
from tests.data.builders import COARSE, image_bytes, refused, vectors

LISTS = vectors().tolist()


def write(folder: Path, name: str = "data.parquet", **columns: Any) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table({"coarse": COARSE, "embedding": LISTS, **columns}), path)
    return path


WORDS = {
    "string": pa.array(COARSE),
    "large string": pa.array(COARSE, pa.large_string()),
    "string view": pa.array(COARSE, pa.string_view()),
    "binary without its mark": pa.array([c.encode() for c in COARSE]),
    "binary view": pa.array([c.encode() for c in COARSE], pa.binary_view()),
    "fixed binary": pa.array([c.encode() for c in COARSE], pa.binary(4)),
    "dictionary": pa.array(COARSE).dictionary_encode(),
    "list of one": pa.array([[c] for c in COARSE]),
    "large list of one": pa.array([[c] for c in COARSE], pa.large_list(pa.string())),
}


@pytest.mark.parametrize("name", WORDS)
def test_words_of_every_type_are_labels(tmp_path: Path, name: str) -> None:
    data = load_dataset(write(tmp_path, coarse=WORDS[name]))
    assert [data.coarse.names[k] for k in data.coarse.labels] == COARSE


NUMBERS = {
    "bool": (pa.array([c == "bird" for c in COARSE]), ("False", "True")),
    "int8": (pa.array([1, 1, 2, 2, 2, 1], pa.int8()), ("1", "2")),
    "uint8 with a hole": (pa.array([1, 1, 2, 2, None, 1], pa.uint8()), ("1", "2")),
    "uint64": (pa.array([1, 1, 2, 2, 2, 1], pa.uint64()), ("1", "2")),
    "whole decimals": (pa.array([Decimal(c == "bird") for c in COARSE]), ("0", "1")),
    "whole floats": (pa.array([1.0, 1, 2, 2, 2, 1]), ("1", "2")),
    "coded integers": (pa.array([1, 1, 2, 2, 2, 1]).dictionary_encode(), ("1", "2")),
    "lists of one number": (pa.array([[1], [1], [2], [2], [2], [1]]), ("1", "2")),
}


@pytest.mark.parametrize("name", NUMBERS)
def test_numbers_of_every_type_are_labels(tmp_path: Path, name: str) -> None:
    column, names = NUMBERS[name]
    assert load_dataset(write(tmp_path, coarse=column)).coarse.names == names


def test_lists_of_several_labels_allow_each(tmp_path: Path) -> None:
    lists = [["bird"], ["bird", "fish"], ["fish"], [], None, ["bird"]]
    data = load_dataset(write(tmp_path, coarse=lists))
    assert data.coarse.labels.tolist() == [0, -1, 1, -1, -1, 0]
    assert data.coarse.several == {1: (0, 1)}


VECTORS: dict[str, pa.Array] = {
    "list": pa.array(LISTS),
    "list of float16": pa.array([np.array(v, np.float16) for v in LISTS], pa.list_(pa.float16())),
    "fixed size": pa.array(LISTS, pa.list_(pa.float32(), 3)),
    "list view": pa.array(LISTS, pa.list_view(pa.float32())),
    "decimals": pa.array([[Decimal(f"{v:.6f}") for v in row] for row in LISTS]),
    "nested": pa.array([[[v] for v in row] for row in LISTS]),
    "tensor": pa.ExtensionArray.from_storage(
        pa.fixed_shape_tensor(pa.float32(), (3, 1)), pa.array(LISTS, pa.list_(pa.float32(), 3))
    ),
}


@pytest.mark.parametrize("name", VECTORS)
@pytest.mark.parametrize("kind", ["parquet", "feather"])
def test_vectors_of_every_type_are_read(tmp_path: Path, name: str, kind: str) -> None:
    table = pa.table({"coarse": COARSE, "h": VECTORS[name]})
    path = tmp_path / f"data.{kind}"
    if kind == "feather":
        feather.write_feather(table, path)
    elif name == "list view":
        pytest.skip("Parquet has no list views")
    else:
        pq.write_table(table, path, row_group_size=4)
    assert np.allclose(load_dataset(path).vectors, vectors(), atol=1e-3)


def test_tensors_of_several_axes_are_laid_out_in_a_row(tmp_path: Path) -> None:
    cubes = np.arange(6 * 2 * 3, dtype=np.float32).reshape(6, 2, 3)
    data = load_dataset(write(tmp_path, embedding=cubes.tolist()))
    assert np.array_equal(data.vectors, cubes.reshape(6, 6))


def test_class_names_of_hugging_face_are_the_classes(tmp_path: Path) -> None:
    names = {"names": ["bird", "fish", "whale"], "_type": "ClassLabel"}
    info = {"info": {"features": {"label": names, "fine": names}}}
    codes = [["bird", "fish"].index(c) for c in COARSE]
    table = pa.table({"label": codes, "fine": codes, "embedding": LISTS})
    table = table.replace_schema_metadata({"huggingface": json.dumps(info)})
    pq.write_table(table, tmp_path / "data.parquet")
    data = load_dataset(tmp_path / "data.parquet")
    assert data.coarse.names == ("bird", "fish")
    assert [note.code for note in data.reading.notes] == ["unused_names"]
    assert load_truth(tmp_path / "data.parquet").names == ("bird", "fish")


@pytest.mark.parametrize("raw", [b"{", b"[]", b'{"info": 5}', b'{"info": {"features": null}}'])
def test_damaged_metadata_say_nothing(tmp_path: Path, raw: bytes) -> None:
    table = pa.table({"coarse": COARSE, "embedding": LISTS})
    table = table.replace_schema_metadata({"huggingface": raw, "pandas": raw})
    pq.write_table(table, tmp_path / "data.parquet")
    assert load_dataset(tmp_path / "data.parquet").coarse.names == ("bird", "fish")


def test_images_of_hugging_face_are_read_from_their_bytes(tmp_path: Path) -> None:
    cells = [{"bytes": image_bytes(i), "path": "a.png"} for i in range(6)]
    path = tmp_path / "data.parquet"
    pq.write_table(pa.table({"label": COARSE, "image": cells, "score": range(6)}), path)
    data = load_dataset(path)
    assert data.images.read(0, 6, side=None).shape == (6, 8, 8, 3)
    assert data.ids == tuple("012345")
    cells[2]["bytes"] = None
    pq.write_table(pa.table({"label": COARSE, "image": cells}), path)
    assert len(load_dataset(path, DataConfig(bad_image_fraction=0.5)).skipped) == 1


def test_a_folder_of_shards_is_one_table_in_the_order_of_names(tmp_path: Path) -> None:
    whole = load_dataset(write(tmp_path, "one.parquet"))
    table = pq.read_table(tmp_path / "one.parquet")
    for i, rows in enumerate((slice(0, 2), slice(2, 5), slice(5, 6))):
        part = tmp_path / "set" / "data" / f"train-{i:05d}-of-00003.parquet"
        part.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(table[rows], part)
    (tmp_path / "set" / "README.md").write_text("about")
    assert load_dataset(tmp_path / "set").digest == whole.digest
    pq.write_table(table.rename_columns(["coarse", "other"]), tmp_path / "set" / "z.parquet")
    refused(tmp_path / "set", "mixed_shards", "'z.parquet'", "'other: list<element: double>'")


def test_feather_with_and_without_compression_and_damage(tmp_path: Path) -> None:
    path = tmp_path / "data.feather"
    table = pa.table({"coarse": COARSE, "a": range(6), "b": range(6, 12)})
    for options in ({"compression": "zstd"}, {"compression": "uncompressed"}, {}):
        feather.write_feather(table, path, **options)
        assert load_dataset(path).vectors.tolist() == [[i, i + 6] for i in range(6)]
    path.write_bytes(path.read_bytes()[:-30])
    refused(path, "unreadable")
    zeros = pa.table({"coarse": np.zeros(10**6), "a": np.zeros(10**6)})
    feather.write_feather(zeros, path, compression="zstd")
    refused(path, "too_large", ratio_free_bytes=1000)
