"""The `.npz` reader: what is read, and how everything else is refused."""

from __future__ import annotations

import io
import pickle
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest

from falcon_svc.data import DataConfig, load_dataset, load_truth
from tests.data.builders import (
    COARSE,
    FINE,
    image_bytes,
    refused,
    vectors,
    write_npz,
    write_zip,
)


def npy_bytes(header: bytes, payload: bytes = b"", version: tuple[int, int] = (1, 0)) -> bytes:
    return b"\x93NUMPY" + bytes(version) + struct.pack("<H", len(header)) + header + payload


def npz_with_x(folder: Path, content: bytes) -> Path:
    coarse = io.BytesIO()
    np.save(coarse, np.array(COARSE))
    return write_zip(folder, {"x.npy": content, "coarse.npy": coarse.getvalue()}, "data.npz")


def test_vectors_labels_and_defaults(tmp_path: Path) -> None:
    data = load_dataset(write_npz(tmp_path))
    assert np.array_equal(data.vectors, vectors())
    assert data.coarse.name == "coarse"
    assert data.coarse.names == ("bird", "fish")
    assert data.coarse.labels.tolist() == [0, 0, 1, 1, 1, 0]
    assert data.ids == ("0", "1", "2", "3", "4", "5")
    assert data.texts is None


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", ">f4", "int8", "uint16"])
def test_every_width_of_number_becomes_float32(tmp_path: Path, dtype: str) -> None:
    x = np.arange(18).reshape(6, 3).astype(dtype)
    data = load_dataset(write_npz(tmp_path, x=x))
    assert data.vectors.dtype == np.float32
    assert np.array_equal(data.vectors, x)


def test_fortran_order_and_stored_members_read_the_same(tmp_path: Path) -> None:
    plain = load_dataset(write_npz(tmp_path))
    path = tmp_path / "stored.npz"
    np.savez(path, x=np.asfortranarray(vectors()), coarse=np.array(COARSE))
    assert np.array_equal(load_dataset(path).vectors, plain.vectors)
    assert load_dataset(path).digest == plain.digest


def test_names_sources_texts_ids(tmp_path: Path) -> None:
    path = write_npz(
        tmp_path,
        coarse=np.array([0, 0, 1, 1, -1, 0]),
        coarse_names=np.array(["bird", "fish"]),
        coarse_site=np.array(["", "", "sea", "lake", "sea", ""]),
        text=np.array(list("abcdef")),
        ids=np.array([f"s{i}" for i in range(6)]),
    )
    data = load_dataset(path)
    assert [source.name for source in data.sources] == ["coarse", "site"]
    assert data.coarse.names == ("bird", "fish")
    assert data.sources[1].labels.tolist() == [-1, -1, 1, 0, 1, -1]
    assert data.texts == tuple("abcdef")
    assert data.ids[5] == "s5"


def test_label_sources_are_chosen_by_name(tmp_path: Path) -> None:
    path = write_npz(tmp_path, place=np.array(["a", "b"] * 3), coarse_site=np.array(["a", "b"] * 3))
    data = load_dataset(path, DataConfig(label_sources={"where": "place"}))
    assert [source.name for source in data.sources] == ["coarse", "where"]
    only = load_dataset(path, DataConfig(coarse_column="place", vector_column="x"))
    assert [source.name for source in only.sources] == ["coarse", "site"]


def test_fine_is_read_by_load_truth_only(tmp_path: Path) -> None:
    path = write_npz(tmp_path)
    truth = load_truth(path)
    assert [truth.names[i] for i in truth.fine] == FINE
    assert truth.aligned_to(load_dataset(path).ids).tolist() == truth.fine.tolist()
    shuffled = write_npz(tmp_path, fine=np.array(FINE[::-1]))
    assert load_dataset(shuffled).digest == load_dataset(write_npz(tmp_path)).digest
    broken = write_npz(tmp_path, fine=np.zeros((2, 2), complex))
    assert len(load_dataset(broken)) == 6


def test_truth_leaves_out_rows_without_fine_label(tmp_path: Path) -> None:
    truth = load_truth(write_npz(tmp_path, fine=np.array([3, -1, 7, 7, -1, 3])))
    assert truth.ids == ("0", "2", "3", "5")
    assert truth.names == ("3", "7")


def test_images_are_recognised(tmp_path: Path) -> None:
    for shape in [(6, 5, 4), (6, 5, 4, 1), (6, 5, 4, 3)]:
        pixels = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
        data = load_dataset(write_npz(tmp_path, x=pixels))
        assert data.vectors is None
        assert data.images.read(1, 3, side=None).shape == (2, 5, 4, 3)
        assert data.images.read(0, 6, side=2).shape == (6, 2, 2, 3)


def test_whole_float_labels_count_and_nan_means_unlabelled(tmp_path: Path) -> None:
    data = load_dataset(
        write_npz(
            tmp_path,
            coarse=np.array([1.0, 1, 2, 2, np.nan, 1]),
            coarse_b=np.array([0, 1, 0, 1, 0, 1]),
        )
    )
    assert data.coarse.labels.tolist() == [0, 0, 1, 1, -1, 0]


def test_digest_changes_with_any_content(tmp_path: Path) -> None:
    x = vectors()
    digests = {load_dataset(write_npz(tmp_path)).digest}
    x[3, 1] += 1e-6
    digests.add(load_dataset(write_npz(tmp_path, x=x)).digest)
    digests.add(load_dataset(write_npz(tmp_path, coarse=np.array(COARSE[::-1]))).digest)
    digests.add(load_dataset(write_npz(tmp_path, ids=np.array(list("abcdef")))).digest)
    assert len(digests) == 4


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e38])
def test_numbers_that_overflow_are_named_by_row_and_column(tmp_path: Path, value: float) -> None:
    x = vectors()
    x[2, 1] = x[4, 0] = value
    words = ("row 2", "column 1", "1 further row);", "remove or impute")
    refused(write_npz(tmp_path, x=x), "non_finite", *words)


def test_float64_beyond_float32_is_not_finite(tmp_path: Path) -> None:
    x = vectors().astype(np.float64)
    x[0, 0] = 1e300
    refused(write_npz(tmp_path, x=x), "non_finite", "row 0")


BAD_X = {
    "complex": (np.ones((6, 3), complex), "bad_dtype"),
    "strings": (np.full((6, 3), "a"), "bad_dtype"),
    "dates": (np.zeros((6, 3), "datetime64[s]"), "bad_dtype"),
    "structured": (np.zeros(6, [("a", "f4")]), "bad_dtype"),
    "flat": (np.zeros(6, np.float32), "bad_shape"),
    "scalar": (np.float32(1), "bad_shape"),
    "float images": (np.zeros((6, 4, 4), np.float32), "bad_shape"),
    "five channels": (np.zeros((6, 4, 4, 5), np.uint8), "bad_shape"),
    "no pixels": (np.zeros((6, 0, 4), np.uint8), "bad_shape"),
    "one column": (np.ones((6, 1), np.float32), "bad_shape"),
    "no column": (np.ones((6, 0), np.float32), "bad_shape"),
    "too wide": (np.ones((6, 70_000), np.float16), "bad_shape"),
    "no rows": (np.ones((0, 3), np.float32), "no_data"),
    "one row": (np.ones((1, 3), np.float32), "no_data"),
    "other length": (np.ones((7, 3), np.float32), "length_mismatch"),
}


@pytest.mark.parametrize("name", BAD_X)
def test_unfit_arrays_are_refused(tmp_path: Path, name: str) -> None:
    x, code = BAD_X[name]
    refused(write_npz(tmp_path, x=x), code)


BAD_COARSE = {
    "nothing labelled": (np.full(6, -1), "no_labels"),
    "below -1": (np.array([0, 0, 1, 1, -2, 0]), "bad_label"),
    "half": (np.array([0, 0.5, 1, 1, 1, 0]), "bad_label"),
    "infinite": (np.array([0, np.inf, 1, 1, 1, 0]), "bad_label"),
    "control letter": (np.array(["a", "a\x07", "b", "b", "b", "a"]), "bad_label"),
    "turned text": (np.array(["a", "a\u202e", "b", "b", "b", "a"]), "bad_label"),
    "endless": (np.array(["a", "a" * 10_000, "b", "b", "b", "a"]), "bad_label"),
    "not UTF-8": (np.array([b"a", b"\xff", b"b", b"b", b"b", b"a"]), "bad_label"),
    "two axes": (np.zeros((6, 2), int), "bad_shape"),
    "complex": (np.zeros(6, complex), "bad_dtype"),
    "times": (np.zeros(6, "datetime64[s]"), "bad_dtype"),
    "fewer": (np.array(COARSE[:5]), "length_mismatch"),
}


@pytest.mark.parametrize("name", BAD_COARSE)
def test_unfit_labels_are_refused(tmp_path: Path, name: str) -> None:
    coarse, code = BAD_COARSE[name]
    refused(write_npz(tmp_path, coarse=coarse), code)


def test_too_many_classes_are_refused(tmp_path: Path) -> None:
    path = write_npz(tmp_path, coarse=np.arange(6))
    refused(path, "too_many_classes", max_classes=5)
    assert load_dataset(path).coarse.n_coarse == 6


def test_labels_beyond_their_names_are_refused_and_unused_names_told(tmp_path: Path) -> None:
    names = np.array(["bird", "fish", "whale"])
    labels = np.array([0, 0, 1, 1, 1, 0])
    data = load_dataset(write_npz(tmp_path, coarse=labels, coarse_names=names))
    assert data.coarse.names == ("bird", "fish")
    assert [(n.code, "whale" in n.text) for n in data.reading.notes] == [("unused_names", True)]
    refused(write_npz(tmp_path, coarse=labels, coarse_names=names[:1]), "bad_label", "0 to 0")
    refused(write_npz(tmp_path, coarse=labels, coarse_names=np.zeros(2)), "bad_dtype")
    for wrong in (["a", "a"], ["a", ""], ["a", "b\x07"], [b"a", b"\xff"], ["a", "b" * 2000]):
        refused(write_npz(tmp_path, coarse=labels, coarse_names=np.array(wrong)), "bad_label")


def test_repeated_or_empty_ids_are_refused(tmp_path: Path) -> None:
    refused(write_npz(tmp_path, ids=np.array(list("abcdea"))), "duplicate_id", "'a'", "row 0")
    refused(write_npz(tmp_path, ids=np.array(["", *"bcdef"])), "bad_label")
    refused(write_npz(tmp_path, ids=np.arange(6) * 1j), "bad_dtype")
    refused(write_npz(tmp_path, ids=np.array(["\ud800", *"bcdef"])), "bad_label")


def test_unknown_columns_are_answered_with_the_columns_there_are(tmp_path: Path) -> None:
    path = write_npz(tmp_path)
    refused(path, "no_such_column", "'kind'", "'coarse'", "'fine'", coarse_column="kind")
    refused(path, "no_such_column", label_sources={"a": "b"})
    refused(path, "no_such_column", id_column="b")
    refused(path, "no_such_column", vector_column="b")
    refused(write_npz(tmp_path, coarse=None), "no_such_column", "'coarse'")
    refused(write_npz(tmp_path, x=None), "no_such_column", "'x'")


class Canary:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return Path.touch, (CANARY,)  # type: ignore[return-value]


CANARY = Path("canary")


@pytest.mark.parametrize("name", ["x", "coarse", "ids", "coarse_names"])
def test_a_pickle_never_runs(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = write_npz(tmp_path, **{name: np.array([Canary()] * 6, dtype=object)})
    refused(path, "pickle_refused", "pickle")
    assert not CANARY.exists()
    pickle.loads(pickle.dumps(Canary()))
    assert CANARY.exists()


def test_a_header_that_claims_terabytes_takes_no_memory(tmp_path: Path) -> None:
    header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000000, 3), }\n"
    refused(npz_with_x(tmp_path, npy_bytes(header)), "truncated", "12,000,000,000,000")


BAD_HEADERS = {
    "no magic": b"not numpy at all",
    "empty": b"",
    "version 9": npy_bytes(b"{}", version=(9, 0)),
    "code": npy_bytes(b"__import__('os').system('true')\n"),
    "not closed": npy_bytes(b"{'descr': '<f4', 'fortran_order': False, 'shape': (1, \n"),
    "negative": npy_bytes(b"{'descr': '<f4', 'fortran_order': False, 'shape': (-1, 3), }\n"),
    "huge header": npy_bytes(b"{" + b" " * 60_000 + b"}\n"),
    "unknown type": npy_bytes(b"{'descr': 'zz', 'fortran_order': False, 'shape': (1, 3), }\n"),
    "deep": npy_bytes(b"(" * 9_000 + b"\n"),
}


@pytest.mark.parametrize("name", BAD_HEADERS)
def test_damaged_headers_are_refused(tmp_path: Path, name: str) -> None:
    refused(npz_with_x(tmp_path, BAD_HEADERS[name]), "unreadable")


def test_ragged_rows_cannot_hide_in_objects(tmp_path: Path) -> None:
    ragged = np.array([[1.0], [1.0, 2.0]] * 3, dtype=object)
    refused(write_npz(tmp_path, x=ragged), "pickle_refused")


def test_file_level_mistakes_are_named(tmp_path: Path) -> None:
    refused(tmp_path / "none.npz", "not_found")
    for name, content, code in [
        ("empty.npz", b"", "empty"),
        ("png.npz", image_bytes(), "wrong_format"),
        ("text.npz", b"hello there", "wrong_format"),
        ("data.xyz", b"hello there", "wrong_format"),
        ("npz.npy", write_npz(tmp_path).read_bytes(), "wrong_format"),
        ("cut.npz", write_npz(tmp_path).read_bytes()[:-30], "zip_damaged"),
    ]:
        path = tmp_path / name
        path.write_bytes(content)
        refused(path, code)


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("a.xlsx", "as CSV"), ("a.pkl", "pickles can run code"), ("a.JSON", "one object per line"),
        ("a.tar.gz", "as .zip"), ("a.rds", ".h5ad"), ("a.png", "folder of the images"),
    ],
)  # fmt: skip
def test_other_formats_are_refused_with_the_way_out(tmp_path: Path, name: str, remedy: str) -> None:
    (tmp_path / name).write_bytes(b"something")
    refused(tmp_path / name, "wrong_format", remedy)


def test_an_archive_of_other_things_is_not_npz(tmp_path: Path) -> None:
    refused(write_zip(tmp_path, {"a.txt": b"a"}, "a.npz"), "wrong_format", "'a.txt'")


def test_a_bomb_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "bomb.npz"
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("x.npy", "w") as member,
    ):
        for _ in range(100):
            member.write(bytes(2**20))
    assert path.stat().st_size < 200_000
    refused(path, "zip_bomb", "ratio")


def test_sizes_above_the_limits_are_refused(tmp_path: Path) -> None:
    path = write_npz(tmp_path)
    refused(path, "too_large", max_bytes=100)
    refused(path, "too_many_rows", max_rows=5)


def test_hostile_file_names_stay_on_one_line(tmp_path: Path) -> None:
    path = tmp_path / "a\r\n\x1b[31mb\u202e.npz"
    path.write_bytes(b"x")
    message = refused(path, "wrong_format")
    assert message.isprintable()
