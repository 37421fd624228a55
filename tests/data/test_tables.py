"""CSV, JSONL, Parquet, and `.npy` with labels beside it."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from falcon_svc.data import DataConfig, load_dataset, load_truth
from falcon_svc.errors import InputError
from tests.data.builders import COARSE, FINE, refused, vectors, write_npz

PAIRS = list(zip(COARSE, FINE, strict=True))
CSV_LINES = [
    "id,coarse,fine,height,width,text",
    *(f"s{i},{c},{f},{i}.5,{-i},says {i}" for i, (c, f) in enumerate(PAIRS)),
]


def write_csv(folder: Path, lines: list[str] = CSV_LINES, name: str = "data.csv") -> Path:
    path = folder / name
    path.write_text("\n".join(lines) + "\n")
    return path


def write_parquet(folder: Path, **changes: Any) -> Path:
    columns = {"x": vectors().tolist(), "coarse": COARSE, "fine": FINE, **changes}
    path = folder / "data.parquet"
    pq.write_table(pa.table({k: v for k, v in columns.items() if v is not None}), path)
    return path


def write_npy(folder: Path, x: np.ndarray, labels: str = "x.csv") -> Path:
    np.save(folder / "x.npy", x)
    write_csv(folder, ["coarse,fine", *map(",".join, zip(COARSE, FINE, strict=True))], labels)
    return folder / "x.npy"


def test_csv_columns_of_numbers_are_the_vectors(tmp_path: Path) -> None:
    data = load_dataset(write_csv(tmp_path))
    assert data.vectors.tolist() == [[i + 0.5, -i] for i in range(6)]
    assert data.ids == tuple(f"s{i}" for i in range(6))
    assert data.texts[2] == "says 2"
    assert data.coarse.labels.tolist() == [0, 0, 1, 1, 1, 0]
    assert list(load_truth(write_csv(tmp_path)).names) == sorted(set(FINE))


def test_formats_with_equal_content_have_equal_digests(tmp_path: Path) -> None:
    digests = {
        load_dataset(write_npz(tmp_path)).digest,
        load_dataset(write_parquet(tmp_path)).digest,
        load_dataset(write_npy(tmp_path, vectors())).digest,
    }
    assert len(digests) == 1


def test_csv_labels_stay_text_and_blank_means_unlabelled(tmp_path: Path) -> None:
    lines = ["coarse,coarse_b,a,b", "01,x,1,2", "1,y,1,2", "NA,x,1,2", "-1,y,1,2", ",x,1,2"]
    data = load_dataset(write_csv(tmp_path, lines))
    assert set(data.coarse.names) == {"01", "1", "NA"}
    assert data.coarse.labels.tolist()[3:] == [-1, -1]


def test_csv_vectors_as_text(tmp_path: Path) -> None:
    lines = ["x,coarse", '"[1, 2.5]",a', "3 4,b", "5;6e1,a"]
    assert load_dataset(write_csv(tmp_path, lines)).vectors.tolist() == [[1, 2.5], [3, 4], [5, 60]]


BAD_CSV = {
    "ragged": (["coarse,a,b", "x,1,2", "y,1"], "unreadable"),
    "no labels": (["a,b", "1,2", "3,4"], "no_such_column"),
    "no numbers": (["coarse,a", "x,p", "y,q"], "no_such_column"),
    "same name": (["coarse,a,a", "x,1,2", "y,1,2"], "duplicate_column"),
    "no name": (["coarse,a,", "x,1,2", "y,1,2"], "duplicate_column"),
    "only a header": (["coarse,a,b"], "no_data"),
    "hole": (["coarse,a,b", "x,1,2", "y,,4"], "non_finite"),
    "nan": (["coarse,a,b", "x,1,2", "y,nan,4"], "non_finite"),
    "overflow": (["coarse,a,b", "x,1,2", "y,1e300,4"], "non_finite"),
    "word in a vector": (["coarse,x", "p,1 2", "q,1 two"], "bad_dtype"),
    "ragged vector": (["coarse,x", "p,1 2", "q,1 2 3"], "ragged"),
    "empty vector": (["coarse,x", "p,1 2", "q,"], "ragged"),
    "one column": (["coarse,a", "x,1", "y,2"], "bad_shape"),
}


@pytest.mark.parametrize("name", BAD_CSV)
def test_unfit_csv_is_refused(tmp_path: Path, name: str) -> None:
    lines, code = BAD_CSV[name]
    refused(write_csv(tmp_path, lines), code)


def test_csv_that_is_not_utf8_or_not_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_bytes("coarse,a,b\nbl\xe5,1,2\nx,1,2\n".encode("latin-1"))
    refused(path, "unreadable")
    path.write_bytes(b"coarse,a\0,b\nx,1,2\n")
    refused(path, "wrong_format")


def test_a_byte_order_mark_is_not_part_of_the_first_name(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_bytes(b"\xef\xbb\xbfcoarse,a,b\r\nx,1,2\r\ny,3,4\r\n")
    assert load_dataset(path).coarse.names == ("x", "y")


def test_jsonl_lists_are_the_vectors(tmp_path: Path) -> None:
    rows = [{"x": v, "coarse": c} for v, c in zip(vectors().tolist(), COARSE, strict=True)]
    path = write_csv(tmp_path, [json.dumps(row) for row in rows], "data.jsonl")
    assert np.allclose(load_dataset(path).vectors, vectors())


BAD_JSONL = {
    "not JSON": ['{"x": [1, 2], "coarse": "a"', "unreadable"],
    "a list": ["[1, 2]", "unreadable"],
    "deep": ["[" * 100_000, "unreadable"],
    "key twice": ['{"coarse": "a", "coarse": "b"}', "unreadable"],
    "million digits": ['{"x": ' + "1" * 1_000_000 + "}", "unreadable"],
    "NaN": ['{"x": [1, NaN], "coarse": "a"}', "non_finite"],
    "mixed": ['{"x": [1, 2], "coarse": 5}', "bad_dtype"],
    "surrogate": ['{"x": [1, 2], "coarse": "\\ud800"}', "bad_dtype"],
    "nested label": ['{"x": [1, 2], "coarse": {"a": 1}}', "bad_dtype"],
}


@pytest.mark.parametrize("name", BAD_JSONL)
def test_unfit_jsonl_is_refused(tmp_path: Path, name: str) -> None:
    line, code = BAD_JSONL[name]
    good = [json.dumps({"x": [i, 2.5], "coarse": c}) for i, c in enumerate(COARSE)]
    refused(write_csv(tmp_path, [*good, line], "data.jsonl"), code)


def test_parquet_of_any_list_type_and_dictionaries(tmp_path: Path) -> None:
    want = load_dataset(write_parquet(tmp_path)).digest
    x = vectors()
    for kind in (pa.large_list(pa.float32()), pa.list_(pa.float64()), pa.list_(pa.float32(), 3)):
        assert load_dataset(write_parquet(tmp_path, x=pa.array(list(x), kind))).digest == want
    coded = pa.array(COARSE).dictionary_encode()
    assert load_dataset(write_parquet(tmp_path, coarse=coded)).digest == want
    wide = {f"f{i}": x[:, i] for i in range(3)}
    assert load_dataset(write_parquet(tmp_path, x=None, **wide)).digest == want


def test_parquet_rows_over_several_groups_keep_their_order(tmp_path: Path) -> None:
    n = 1000
    x = np.arange(2 * n, dtype=np.float32).reshape(n, 2)
    labels = np.array(["a", "b", "c"])[np.arange(n) % 3]
    table = pa.table({"vector": list(x), "label": labels, "text": [f"t{i}" for i in range(n)]})
    pq.write_table(table, tmp_path / "data.parquet", row_group_size=37)
    data = load_dataset(tmp_path / "data.parquet")
    assert np.array_equal(data.vectors, x)
    assert data.coarse.labels[:4].tolist() == [0, 1, 2, 0]
    assert data.texts[999] == "t999"


BAD_PARQUET: dict[str, tuple[dict[str, Any], str]] = {
    "unequal": ({"x": [[1.0, 2.0]] * 5 + [[1.0]]}, "ragged"),
    "null vector": ({"x": [[1.0, 2.0]] * 5 + [None]}, "ragged"),
    "null inside": ({"x": [[1.0, 2.0]] * 5 + [[1.0, None]]}, "non_finite"),
    "null number": ({"x": None, "a": [1.0] * 6, "b": [None, *range(5)]}, "non_finite"),
    "one decimal": ({"x": None, "a": [Decimal("1.5")] * 6}, "bad_shape"),
    "decimal label": ({"coarse": [Decimal("1.5")] * 6}, "bad_label"),
    "struct label": ({"coarse": [{"a": 1}] * 6}, "no_such_column"),
    "all null label": ({"coarse": [None] * 6}, "no_labels"),
    "lists of structs": ({"x": [[{"a": 1.0}]] * 6}, "no_such_column"),
    "ragged inside": ({"x": [[[1.0], [2.0]]] * 5 + [[[1.0], [2.0, 3.0]]]}, "ragged"),
}


@pytest.mark.parametrize("name", BAD_PARQUET)
def test_unfit_parquet_is_refused(tmp_path: Path, name: str) -> None:
    changes, code = BAD_PARQUET[name]
    refused(write_parquet(tmp_path, **changes), code)


class Ids(pa.ExtensionType):
    def __init__(self) -> None:
        super().__init__(pa.string(), "tests.ids")

    def __arrow_ext_serialize__(self) -> bytes:
        return b"\x80\x04cos\nsystem\n."

    @classmethod
    def __arrow_ext_deserialize__(cls, storage: pa.DataType, data: bytes) -> Ids:
        raise AssertionError("the reader must not build foreign types")


def test_extension_types_are_not_built(tmp_path: Path) -> None:
    column = pa.ExtensionArray.from_storage(Ids(), pa.array(COARSE))
    assert load_dataset(write_parquet(tmp_path, coarse=column)).coarse.names == ("bird", "fish")


def test_a_long_string_repeated_stays_one_string(tmp_path: Path) -> None:
    long = "a" * 1_000_000
    path = write_parquet(tmp_path, text=[long] * 6)
    assert load_dataset(path).texts[0] == long[:2000]
    refused(write_parquet(tmp_path, coarse=[long, *COARSE[1:]]), "bad_label")


def test_a_parquet_bomb_is_refused_by_its_footer(tmp_path: Path) -> None:
    zeros = pa.array(np.zeros(10_000_000))
    table = pa.table({"x": zeros, "coarse": zeros})
    path = tmp_path / "data.parquet"
    pq.write_table(table, path, use_dictionary=False, compression="zstd")
    refused(path, "too_large")


def test_a_list_that_runs_on_is_refused_by_its_footer(tmp_path: Path) -> None:
    run = pa.LargeListArray.from_arrays([0, 10, 20_000_000], np.zeros(20_000_000, np.float32))
    path = tmp_path / "data.parquet"
    pq.write_table(pa.table({"x": run, "coarse": ["a", "b"]}), path)
    assert path.stat().st_size < 100_000
    refused(path, "too_large", ": 1")


def test_a_deep_schema_is_refused(tmp_path: Path) -> None:
    kind = pa.float32()
    for _ in range(500):
        kind = pa.struct([("a", kind)])
    path = tmp_path / "data.parquet"
    pq.write_table(pa.table({"x": pa.nulls(1, kind), "coarse": ["a"]}), path, store_schema=False)
    with pytest.raises(InputError) as caught:
        load_dataset(path)
    assert caught.value.code in ("unreadable", "bad_dtype", "bad_shape")  # by pyarrow, or us


def test_npy_stays_on_disk(tmp_path: Path) -> None:
    data = load_dataset(write_npy(tmp_path, vectors()))
    base = data.vectors
    while base is not None and not isinstance(base, np.memmap):
        base = base.base
    assert isinstance(base, np.memmap)
    assert np.array_equal(data.vectors, vectors())


@pytest.mark.parametrize("name", ["x.csv", "x.labels.csv", "labels.csv"])
def test_npy_finds_its_labels(tmp_path: Path, name: str) -> None:
    path = write_npy(tmp_path, vectors().astype(np.float64), name)
    assert load_dataset(path).coarse.names == ("bird", "fish")
    assert load_truth(path).names == tuple(sorted(set(FINE)))


def test_npy_images_and_unfit_arrays(tmp_path: Path) -> None:
    pixels = np.zeros((6, 4, 4), np.uint8)
    assert load_dataset(write_npy(tmp_path, pixels)).images.read(0, 2, side=2).shape == (2, 2, 2, 3)
    refused(write_npy(tmp_path, vectors(7)), "length_mismatch", "'x.npy' with 'x.csv'")
    refused(write_npy(tmp_path, np.array([None] * 6)), "pickle_refused")
    path = write_npy(tmp_path, vectors())
    path.write_bytes(path.read_bytes()[:-1])
    refused(path, "truncated")
    (tmp_path / "x.csv").unlink()
    refused(path, "no_labels", "x.labels.csv")


def test_truth_of_a_manifest_needs_no_images(tmp_path: Path) -> None:
    path = write_csv(tmp_path, ["file,coarse,fine", "a/1.png,a,p", "b/2.png,b,q"])
    truth = load_truth(path)
    assert truth.ids == ("a/1.png", "b/2.png")
    assert truth.names == ("p", "q")
    other = load_truth(path, DataConfig(fine_column="coarse"))
    assert other.names == ("a", "b")
