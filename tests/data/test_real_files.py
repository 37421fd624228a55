"""Files as spreadsheets, notebooks, exports and downloads leave them: read right, told, or refused.

Each writes the same planted numbers in one more way; what has to be read stands beside it.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from falcon_svc.data import DataConfig, load_dataset, load_truth
from falcon_svc.errors import InputError

N = 24
X = (np.random.default_rng(0).normal(size=(N, 4)) * 3).round(3)
LABELS = np.array(["land", "sea", "air"])[np.arange(N) % 3]
HEADER = "h,w,len,mass,coarse"
ROWS = [",".join(map(str, row)) for row in X.tolist()]
BODY = [f"{row},{label}" for row, label in zip(ROWS, LABELS, strict=True)]
TOTALS = ",".join(map(str, X.sum(axis=0).round(2).tolist()))
MEANS = ",".join(map(str, X.mean(axis=0).round(5).tolist()))


def lines(*parts: str) -> str:
    return "\n".join(parts)


def beside(name: str, cell: Callable[[int], object], where: str = "first") -> str:
    """Return the table with one column more."""
    rows = [f"{cell(k)},{row}" for k, row in enumerate(BODY)]
    return lines(f"{name},{HEADER}", *rows)


def first_cell(write: Callable[[float], str]) -> str:
    """Return the table with the numbers of its first column written otherwise."""
    rows = [f"{write(x)},{','.join(map(str, rest))}" for x, *rest in X.tolist()]
    return lines(HEADER, *(f"{row},{label}" for row, label in zip(rows, LABELS, strict=True)))


def packed(k: int) -> str:
    return base64.b64encode(X[k].astype("<f4").tobytes()).decode()


READ: dict[str, tuple[str, set[str]]] = {
    # name: (content, notes); the numbers and labels are those that were planted
    "quoted line ends.csv": (beside("note", lambda k: '"a\nb ""q"", x"'), set()),
    "minus of unicode.csv": (lines(HEADER, *(row.replace("-", "\u2212") for row in BODY)), set()),
    "blanks after commas.csv": (lines(HEADER, *BODY).replace(",", ", "), set()),
    "blanks that do not break.csv": (lines(HEADER, *(f"{row}\u00a0" for row in BODY)), set()),
    "mixed line ends.csv": ("\r\n".join([HEADER, *BODY[:9]]) + "\n" + lines(*BODY[9:]), set()),
    "carriage returns.csv": ("\r".join([HEADER, *BODY]), set()),
    "bars.txt": (lines(HEADER, *BODY).replace(",", "|"), set()),
    "numbered from 1.csv": (beside("nr", lambda k: k + 1), {"row_numbers"}),
    "intervals.csv": (beside("bin", lambda k: f'"({k % 3}.5, {k % 3 + 1}.5]"'), set()),
    "places.csv": (beside("location", lambda k: f'"(52.{k}, 13.{k})"'), set()),
    "days.csv": (beside("day", lambda k: f"2024-01-{k % 28 + 1:02d}"), set()),
    "days as numbers.csv": (beside("date", lambda k: 20240101 + k % 28), {"left_out"}),
    "seconds.csv": (beside("timestamp", lambda k: 1700000000 + 977 * k), {"left_out"}),
    "folds.csv": (beside("fold", lambda k: k % 5), {"left_out"}),
    "weights.csv": (beside("sample_weight", lambda k: 1 + k % 3 / 2), {"left_out"}),
    "certainty.csv": (beside("confidence", lambda k: k * 0.13 % 1), {"left_out"}),
    "ids as floats.csv": (beside("id", lambda k: f"{1000 + k}.0"), set()),
}


@pytest.mark.parametrize("name", READ)
def test_it_is_read_right(tmp_path: Path, name: str) -> None:
    content, notes = READ[name]
    (tmp_path / name).write_bytes(content.encode())
    data = load_dataset(tmp_path / name)
    assert data.vectors is not None and data.reading.features == ("h", "w", "len", "mass")
    assert np.allclose(data.vectors, X, atol=1e-5)
    assert [data.coarse.names[code] for code in data.coarse.labels] == LABELS.tolist()
    assert {note.code for note in data.reading.notes} == notes


def test_ids_as_floats_are_whole_and_meet_those_of_a_truth(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(READ["ids as floats.csv"][0])
    truth = lines("id,fine", *(f"{1000 + k},f{k % 2}" for k in range(N)))
    (tmp_path / "truth.csv").write_text(truth)
    assert load_dataset(tmp_path / "t.csv").ids == load_truth(tmp_path / "truth.csv").ids


def test_letters_with_marks_in_two_parts_are_one_class(tmp_path: Path) -> None:
    forms = ("\u00d6l", "O\u0308l")
    rows = [f"{row},{forms[k % 2]}" for k, row in enumerate(ROWS)]
    (tmp_path / "t.csv").write_text(lines(HEADER, *rows), encoding="utf-8")
    assert load_dataset(tmp_path / "t.csv").coarse.names == ("\u00d6l",)


POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:ab\n"
REFUSED: dict[str, tuple[str, str, str]] = {
    # name: (content, code, words)
    "comment on top.csv": (lines("# made by a tool", HEADER, *BODY), "no_header", "made by a tool"),
    "title on top.csv": (lines("Trial 3", "", HEADER, *BODY), "no_header", "'Trial 3'"),
    "units below names.csv": (lines(HEADER, "cm,cm,cm,kg,", *BODY), "bad_number", "'cm'"),
    "names in two rows.csv": (lines("f,f,g,g,", HEADER, *BODY), "duplicate_column", "'f', 'g'"),
    "names again.csv": (lines(HEADER, *BODY[:9], HEADER, *BODY[9:]), "bad_number", "in row 9 "),
    "totals.csv": (lines(HEADER, *BODY, f"{TOTALS},Total"), "totals_row", "the sum of all rows"),
    "totals without label.csv": (lines(HEADER, *BODY, f"{TOTALS},"), "totals_row", "in row 24 "),
    "means.csv": (lines(HEADER, *BODY, f"{MEANS},Mean"), "totals_row", "the mean of all rows"),
    "last words.csv": (lines(HEADER, *BODY, "End of file"), "unreadable", "'End of file'"),
    "names twice.csv": (lines("h,h,len,mass,coarse", *BODY), "duplicate_column", "'h'"),
    "names alone.csv": (f"{HEADER}\n", "no_data", "at least one row, found none"),
    "labels alone.csv": (lines("coarse", *LABELS), "no_such_column", "columns of numbers"),
    "base64.csv": (
        lines("emb,year,coarse", *(f"{packed(k)},{2000 + k},{LABELS[k]}" for k in range(N))),
        "bad_dtype",
        "lists of numbers in column 'emb'",
    ),
    "shortened.csv": (
        lines("emb,coarse", *(f'"[0.1 ... {k}.5]",{LABELS[k]}' for k in range(N))),
        "cut_vector",
        "row 0 ",
    ),
    "ids rounded by Excel.csv": (
        beside("id", lambda k: f"{1.2345678e11 + k:.5E}"),
        "duplicate_id",
        "'1.23457E+11'",
    ),
    "shares.csv": (
        lines(HEADER, *(f"{row.replace(',', '%,')}%,land" for row in ROWS)),
        "no_such_column",
        "numbers with units",
    ),
    "pointer.csv": (POINTER, "wrong_format", "git lfs"),
    "page.csv": ("<!DOCTYPE html><html><body>Sign in</body></html>", "wrong_format", "a web page"),
    "pointer.npz": (POINTER, "wrong_format", "git lfs"),
    "latin.csv": ("", "unreadable", "UTF-8"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_it_is_refused_in_a_sentence(tmp_path: Path, name: str) -> None:
    content, code, words = REFUSED[name]
    latin = lines(HEADER, *(f"{row}\u00e9" for row in BODY)).encode("latin-1")
    (tmp_path / name).write_bytes(content.encode() or latin)
    with pytest.raises(InputError) as caught:
        load_dataset(tmp_path / name)
    sentence = str(caught.value)
    assert (caught.value.code, words in sentence) == (code, True), sentence
    assert sentence.startswith("Expected ") and sentence.endswith(".") and "\n" not in sentence


UNITS = {
    "percent.csv": lambda x: f"{x}%",
    "dollars.csv": lambda x: f"${x}",
    "euros.csv": lambda x: f"{x} €",
    "centimetres.csv": lambda x: f"{x} cm",
}


@pytest.mark.parametrize("name", UNITS)
def test_one_column_with_units_is_left_out_and_told(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text(first_cell(UNITS[name]), encoding="utf-8")
    data = load_dataset(tmp_path / name)
    assert data.reading.features == ("w", "len", "mass")
    assert [note.code for note in data.reading.notes] == ["units"]


def test_negative_numbers_in_parentheses_are_told(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(first_cell(lambda x: f"({-x})" if x < 0 else str(x)))
    data = load_dataset(tmp_path / "t.csv")
    assert {note.code for note in data.reading.notes} & {"some_numbers", "units"}


def test_truth_in_numbers_beside_the_features_is_told(tmp_path: Path) -> None:
    codes = np.arange(N) % 3 + 3 * (np.arange(N) % 2)
    (tmp_path / "t.csv").write_text(beside("code", lambda k: codes[k]))
    data = load_dataset(tmp_path / "t.csv")
    assert "nested_numbers" in {note.code for note in data.reading.notes}


def shard(rows: slice, **more: Any) -> pa.Table:
    vectors = pa.array(X[rows].tolist(), pa.list_(pa.float32()))
    return pa.table({"emb": vectors, "coarse": LABELS[rows], **more})


def test_empty_shards_and_marks_of_spark_are_passed_over(tmp_path: Path) -> None:
    (tmp_path / "_SUCCESS").write_text("")
    (tmp_path / "._part-0.parquet").write_bytes(b"x")
    empty = pa.table({"emb": pa.array([], pa.null()), "coarse": pa.array([], pa.string())})
    pq.write_table(empty, tmp_path / "part-0.parquet")
    pq.write_table(shard(slice(0, 9)), tmp_path / "part-1.parquet")
    pq.write_table(shard(slice(9, N)), tmp_path / "part-2.parquet")
    data = load_dataset(tmp_path)
    assert np.allclose(data.vectors, X, atol=1e-3) and data.reading.notes == ()


def test_shards_of_other_columns_and_empty_ones_alone_are_refused(tmp_path: Path) -> None:
    pq.write_table(shard(slice(0, 9)), tmp_path / "a.parquet")
    pq.write_table(shard(slice(9, N), n=range(N - 9)), tmp_path / "b.parquet")
    with pytest.raises(InputError, match="same columns"):
        load_dataset(tmp_path)
    (tmp_path / "b.parquet").unlink()
    pq.write_table(shard(slice(0, 0)), tmp_path / "a.parquet")
    with pytest.raises(InputError, match="found 0"):
        load_dataset(tmp_path)


ARRAYS: dict[str, tuple[dict[str, Any], str | None]] = {
    # name: (arrays, the refusal's words; None = it is read right)
    "bytes as labels": ({"x": X, "y": LABELS.astype("S")}, None),
    "half precision": ({"x": X.astype("f2"), "y": LABELS}, None),
    "other byte order": ({"x": X.astype(">f8"), "y": LABELS}, None),
    "columns first": ({"x": np.asfortranarray(X), "y": LABELS}, None),
    "one-hot labels": ({"x": X, "y": np.eye(3)[np.arange(N) % 3]}, "argmax"),
    "transposed": ({"x": X.T, "y": LABELS}, "one per sample"),
    "an axis of one": ({"x": X[:, None], "y": LABELS}, "flatten each sample"),
    "text": ({"x": X.astype(str), "y": LABELS}, "astype('float32')"),
    "split": ({"X_train": X, "y_train": LABELS}, "'y_train'"),
    "channels first": ({"x": np.zeros((N, 3, 8, 8), np.uint8), "y": LABELS}, "(N, H, W, 1 or 3)"),
    "images of floats": ({"x": np.zeros((N, 8, 8, 3)), "y": LABELS}, "images as uint8"),
}


@pytest.mark.parametrize("name", ARRAYS)
def test_arrays_are_read_or_refused(tmp_path: Path, name: str) -> None:
    arrays, words = ARRAYS[name]
    np.savez(tmp_path / "t.npz", **arrays)
    if words is None:
        assert np.allclose(load_dataset(tmp_path / "t.npz").vectors, X, atol=1e-2)
        return
    with pytest.raises(InputError) as caught:
        load_dataset(tmp_path / "t.npz")
    assert words in str(caught.value)


def test_two_arrays_that_may_be_the_vectors_are_told(tmp_path: Path) -> None:
    np.savez(tmp_path / "t.npz", features=X, embeddings=2 * X, y=LABELS)
    (note,) = load_dataset(tmp_path / "t.npz").reading.notes
    assert note.code == "other_embeddings" and "'features'" in note.text
    chosen = load_dataset(tmp_path / "t.npz", DataConfig(vector_column="features"))
    assert np.allclose(chosen.vectors, X)


def picture(path: Path, seed: int, mode: str = "RGB", **options: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (9, 9, 3), dtype=np.uint8)
    Image.fromarray(pixels).convert(mode).save(path, **options)


@pytest.mark.parametrize(
    ("mode", "suffix", "options"),
    [
        ("CMYK", "jpg", {}),
        ("P", "gif", {}),
        ("LA", "png", {}),
        ("1", "png", {}),
        ("I;16", "png", {}),
        ("RGB", "jpg", {"format": "PNG"}),
        ("RGB", "JPG", {}),
    ],
    ids=["CMYK", "palette", "grey and alpha", "bits", "16 bits", "PNG named JPEG", "capitals"],
)
def test_pictures_of_other_kinds_are_read(
    tmp_path: Path, mode: str, suffix: str, options: dict[str, Any]
) -> None:
    for k in range(8):
        picture(tmp_path / ("land", "sea")[k % 2] / f"{k}.{suffix}", k, mode, **options)
    (tmp_path / "land" / "notes.docx").write_bytes(b"PK")
    (tmp_path / "sea" / ".ipynb_checkpoints").mkdir()
    picture(tmp_path / "sea" / ".ipynb_checkpoints" / "0-checkpoint.png", 0)
    data = load_dataset(tmp_path)
    assert len(data) == 8 and data.coarse.names == ("land", "sea")
    assert data.images is not None and data.images.read(0, 8, side=8).shape == (8, 8, 8, 3)


def test_a_picture_without_bytes_is_named(tmp_path: Path) -> None:
    for k in range(8):
        picture(tmp_path / ("land", "sea")[k % 2] / f"{k}.png", k)
    (tmp_path / "land" / "zero.jpg").write_bytes(b"")
    with pytest.raises(InputError, match=r"'land/zero\.jpg'"):
        load_dataset(tmp_path)
