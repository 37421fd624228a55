"""Which columns of a table become features, and what is told about the others."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from falcon_svc.data import DataConfig, load_dataset
from falcon_svc.types import CoarseDataset
from tests.data.builders import refused

N = 12
LABELS = ["bird", "fish"] * (N // 2)
RNG = np.random.default_rng(0)
A, B = RNG.normal(size=N).round(4).tolist(), RNG.normal(size=N).round(4).tolist()
LISTS = [list(pair) for pair in zip(A, B, strict=True)]


def write(folder: Path, **columns: Any) -> Path:
    path = folder / "data.parquet"
    pq.write_table(pa.table({"coarse": LABELS, **columns}), path)
    return path


def codes(data: CoarseDataset) -> list[str]:
    return [note.code for note in data.reading.notes]


@pytest.mark.parametrize("name", ["embeddings", "features", "emb", "x", "vec_v2", "Vektor"])
def test_lists_of_any_name_win_over_numbers(tmp_path: Path, name: str) -> None:
    data = load_dataset(write(tmp_path, year=list(range(2000, 2000 + N)), score=A, **{name: LISTS}))
    assert np.allclose(data.vectors, np.array(LISTS, np.float32))
    assert codes(data) == ["numbers_left_out"]
    assert dict(data.reading.left_out).keys() == {"year", "score"}


def test_lists_written_as_text_win_too(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    texts = [json.dumps(row) for row in LISTS]
    pd.DataFrame({"coarse": LABELS, "score": A, "my vectors": texts}).to_csv(path, index=False)
    assert np.allclose(load_dataset(path).vectors, np.array(LISTS, np.float32))
    cut = ["[0.1 0.2 ... 0.9]", *texts[1:]]
    pd.DataFrame({"coarse": LABELS, "embedding": cut}).to_csv(path, index=False)
    refused(path, "cut_vector", "row 0")
    wrong = ["[0.1, none]", *texts[1:]]
    pd.DataFrame({"coarse": LABELS, "score": A, "v": wrong}).to_csv(path, index=False)
    refused(path, "bad_dtype", "row 0", "'v'")


@pytest.mark.parametrize("form", ["array({})", "tensor({})", "torch.tensor({}, device='cuda:0')"])
def test_arrays_as_programs_print_them_are_vectors_too(tmp_path: Path, form: str) -> None:
    texts = [form.format(row) for row in LISTS]
    pd.DataFrame({"coarse": LABELS, "emb": texts}).to_csv(tmp_path / "data.csv", index=False)
    assert np.allclose(load_dataset(tmp_path / "data.csv").vectors, np.array(LISTS, np.float32))


def test_two_columns_of_lists_need_a_usual_name_or_a_setting(tmp_path: Path) -> None:
    path = write(tmp_path, title_vec=LISTS, body_vec=LISTS)
    refused(path, "several_vectors", "'title_vec', 'body_vec'", "vector_column")
    assert len(load_dataset(path, DataConfig(vector_column="body_vec"))) == N
    assert len(load_dataset(write(tmp_path, embedding=LISTS, body_vec=LISTS))) == N


def test_lists_that_are_boxes_or_tokens_are_no_vectors(tmp_path: Path) -> None:
    path = write(tmp_path, bbox=[[0, 0, 1, 1]] * N, input_ids=[[1, 2, 3]] * N, a=A, b=B)
    assert load_dataset(path).reading.features == ("a", "b")


FRAME = pd.DataFrame({"a": A, "b": B, "coarse": LABELS})
INDICES: dict[str, pd.DataFrame] = {
    "sorted": FRAME.sort_values("coarse"),
    "filtered": FRAME.query("a > -0.5"),
    "named": FRAME.assign(nr=range(N, 0, -1)).set_index("nr"),
    "barcodes": FRAME.set_index(pd.Index([f"AC{i}" for i in range(N)])),
    "two levels": pd.DataFrame(
        {"a": A, "b": B, "coarse": LABELS},
        index=pd.MultiIndex.from_arrays([range(N), range(5, 5 + N)], names=["lot", "item"]),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", INDICES)
def test_the_index_of_pandas_is_no_feature(tmp_path: Path, name: str) -> None:
    frame = INDICES[name]
    frame.to_parquet(tmp_path / "data.parquet")
    data = load_dataset(tmp_path / "data.parquet")
    assert data.reading.features == ("a", "b")
    frame.to_csv(tmp_path / "once.csv")
    pd.read_csv(tmp_path / "once.csv").to_csv(tmp_path / "twice.csv")
    if name != "two levels":
        assert load_dataset(tmp_path / "once.csv").reading.features == ("a", "b")
    if name == "barcodes":
        assert data.ids == load_dataset(tmp_path / "once.csv").ids == tuple(frame.index)
    if name in ("sorted", "filtered"):
        assert data.ids == tuple(map(str, frame.index))
        assert load_dataset(tmp_path / "twice.csv").reading.features == ("a", "b")


def test_numbers_of_every_type_are_features(tmp_path: Path) -> None:
    words = pa.array([f"{a}" for a in A])
    path = write(
        tmp_path,
        flag=[a > 0 for a in A],
        price=[Decimal(str(a)) for a in A],
        coded=pa.array([round(a) for a in A]).dictionary_encode(),
        words=words,
        categories=words.dictionary_encode(),
        half=pa.array(np.array(A, np.float16)),
        count=pa.array([abs(round(a)) for a in A], pa.uint8()),
    )
    data = load_dataset(path)
    want = [[a > 0, a, round(a), a, a, np.float16(a), abs(round(a))] for a in A]
    assert np.allclose(data.vectors, np.array(want, np.float32))
    assert set(codes(data)) <= {"repeated_columns"}


def test_what_is_no_feature_is_listed_with_its_reason(tmp_path: Path) -> None:
    days = [date(2024, 1, 1 + i) for i in range(N)]
    path = write(
        tmp_path, a=A, b=B, day=days, remark=["fine"] * N, nothing=pa.nulls(N), split=["x"] * N,
        customer_id=range(100, 100 + N), fine=LABELS, place=[{"lat": 1.0}] * N,
    )  # fmt: skip
    data = load_dataset(path)
    assert data.reading.features == ("a", "b")
    assert dict(data.reading.left_out) == {
        "day": "dates or times",
        "remark": "text",
        "nothing": "empty",
        "split": "a split by its name",
        "customer_id": "an id by its name",
        "fine": "fine truth, for evaluation only",
        "place.lat": "numbers of another record, or of none",
    }
    assert codes(data) == ["left_out", "numbers_left_out"]


@pytest.mark.parametrize("name", ["subclass", "Group", "y_pred", "label_confidence", "species"])
def test_numbers_called_as_labels_are_are_left_out_and_told(tmp_path: Path, name: str) -> None:
    data = load_dataset(write(tmp_path, a=A, b=B, **{name: [i % 3 for i in range(N)]}))
    assert data.reading.features == ("a", "b") and codes(data) == ["left_out"]


def test_numbers_that_stand_for_something_else_are_no_features(tmp_path: Path) -> None:
    months = pd.period_range("2024-01", periods=N, freq="M")
    pd.DataFrame({"coarse": LABELS, "a": A, "b": B, "month": months}).to_parquet(
        tmp_path / "data.parquet"
    )
    data = load_dataset(tmp_path / "data.parquet")
    assert data.reading.features == ("a", "b")
    assert dict(data.reading.left_out) == {"month": "of type pandas.period"}


def test_a_permutation_of_the_rows_numbers_is_left_out_with_a_note(tmp_path: Path) -> None:
    order = RNG.permutation(N)
    data = load_dataset(write(tmp_path, a=A, b=B, nr=order + 1, serial=np.arange(N)))
    assert data.reading.features == ("a", "b")
    assert codes(data) == ["row_numbers", "row_numbers"]


def test_labels_that_are_not_chosen_are_no_features(tmp_path: Path) -> None:
    data = load_dataset(write(tmp_path, a=A, b=B, target=[0, 1] * 6, cluster=[1, 2, 3] * 4))
    assert data.reading.features == ("a", "b")
    assert "'target': labels by its name" in data.reading.notes[0].text
    assert "'cluster'" in data.reading.notes[0].text


def test_settings_name_features_and_columns_to_ignore(tmp_path: Path) -> None:
    path = write(tmp_path, a=A, b=B, year=RNG.integers(0, 9, N), customer_id=RNG.integers(0, 99, N))
    told = load_dataset(path, DataConfig(feature_columns=("year", "customer_id", "a")))
    assert told.reading.features == ("year", "customer_id", "a")
    assert dict(told.reading.left_out) == {"b": "not among feature_columns"}
    less = load_dataset(path, DataConfig(ignore_columns=("year",)))
    assert less.reading.features == ("a", "b")
    assert dict(less.reading.left_out)["year"] == "named in ignore_columns"
    refused(path, "missing_features", "'c'", feature_columns=("a", "c"))
    refused(path, "bad_number", "'bird' (column 'coarse')", feature_columns=("a", "coarse"))


def test_columns_that_are_nearly_numbers_are_told(tmp_path: Path) -> None:
    shares = [f"{i} %" for i in range(N)]
    some = ["1", "2", "3", *["none seen"] * (N - 3)]
    paid = ["Yes", "no"] * (N // 2)
    data = load_dataset(write(tmp_path, a=A, b=B, share=shares, seen=some, paid=paid))
    assert data.reading.features == ("a", "b")
    assert codes(data) == ["units", "some_numbers", "yes_no"]
    assert dict(data.reading.left_out)["share"] == "numbers with units"


def test_in_jsonl_a_value_of_another_kind_is_named(tmp_path: Path) -> None:
    path = tmp_path / "data.jsonl"
    rows = [{"a": a, "b": b, "coarse": c} for a, b, c in zip(A, B, LABELS, strict=True)]
    rows[5]["b"] = "n/d"
    path.write_text("\n".join(map(json.dumps, rows)))
    refused(path, "bad_dtype", "a number under the key 'b'", "'n/d' in row 5", "mend this value")
    lists: list[Any] = [{"x": [1.0, i], "coarse": c} for i, c in enumerate(LABELS)]
    lists[4]["x"][1] = "n/d"
    path.write_text("\n".join(map(json.dumps, lists)))
    refused(path, "bad_dtype", "lists of numbers under the key 'x'", "'n/d' in row 4")


def test_wide_parquet_is_read_some_hundred_columns_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each opening reads the whole footer: one per column made 3,000 columns take minutes."""
    wide = np.arange(N * 700, dtype=np.float32).reshape(N, 700) / 7
    path = write(tmp_path, **{f"g{j}": wide[:, j] for j in range(700)})
    opened, real = [], pq.ParquetFile
    monkeypatch.setattr(pq, "ParquetFile", lambda *a, **k: opened.append(1) or real(*a, **k))
    assert np.array_equal(load_dataset(path).vectors, wide)
    assert len(opened) <= 3 + 3  # three groups of columns, the labels, the schema


def test_names_of_columns_are_compared_without_case(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_text("ID,Label,A,B,Text\ns1,p,1,2,hello\ns2,q,3,4,there\n")
    data = load_dataset(path)
    assert (data.ids, data.coarse.names, data.texts) == (
        ("s1", "s2"),
        ("p", "q"),
        ("hello", "there"),
    )
    assert data.reading.features == ("A", "B")


def test_a_guess_among_several_columns_of_labels_is_told(tmp_path: Path) -> None:
    rows = "1,2,x,p\n2,1,y,q\n3,3,x,p\n4,1,y,q\n"
    path = tmp_path / "data.csv"

    def told(header: str, **settings: Any) -> list[str]:
        path.write_text(header + rows)
        notes = load_dataset(path, DataConfig(**settings)).reading.notes
        return [note.text for note in notes if note.code == "other_labels"]

    (text,) = told("a,b,category,label\n")
    assert "read from 'label', though 'category'" in text and "coarse_column" in text
    assert told("a,b,category,label\n", coarse_column="category") == []
    assert told("a,b,coarse,label\n") == []
    assert told("a,b,label,kind\n") == []
