"""Files that must not become data sets, one or more of each family, and what each is called.

The readers' own tests (tests/data) have many more of each; these go through the service. A number
`B..` is that of the list in docs/security.md.
"""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tests.data import test_h5ad as h5ad
from tests.data.builders import COARSE, image_bytes, image_files, vectors, write_npz, write_zip
from tests.data.test_images import huge_png
from tests.data.test_npz import Canary, npy_bytes, npz_with_x
from tests.data.test_tables import write_parquet

PNG = image_bytes(99)
Build = Callable[[Path], Path]


def named(name: str, content: bytes) -> Build:
    def build(folder: Path) -> Path:
        path = folder / name
        path.write_bytes(content)
        return path

    return build


def npz(**arrays: np.ndarray) -> Build:
    return lambda folder: write_npz(folder, **arrays)


def images(**more: bytes) -> Build:
    """Good images and others; `__` in a name stands for a slash, `_dot_` for a point."""
    files = {k.replace("__", "/").replace("_dot_", "."): v for k, v in more.items()}
    return lambda folder: write_zip(folder, {**image_files(), **files})


def entry(name: str, *, attributes: int = 0, content: bytes = PNG) -> Build:
    """A zip with an entry of any name and kind."""

    def build(folder: Path) -> Path:
        path = write_zip(folder, image_files())
        with zipfile.ZipFile(path, "a") as archive:
            info = zipfile.ZipInfo("x")
            info.filename, info.external_attr = name, attributes << 16
            archive.writestr(info, content)
        return path

    return build


def patched(at: bytes, offset: int, value: bytes) -> Build:
    """A zip with some bytes of its directory exchanged."""

    def build(folder: Path) -> Path:
        path = write_zip(folder, image_files())
        data = bytearray(path.read_bytes())
        place = data.index(at) + offset
        data[place : place + len(value)] = value
        path.write_bytes(data)
        return path

    return build


def overlapping(folder: Path) -> Path:
    path = write_zip(folder, image_files())
    data = bytearray(path.read_bytes())
    first = data.index(b"PK\x01\x02")
    second = data.index(b"PK\x01\x02", first + 4)
    data[second + 42 : second + 46] = data[first + 42 : first + 46]
    path.write_bytes(data)
    return path


def crowded(folder: Path) -> Path:
    """More entries than a zip may have."""
    path = folder / "crowded.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(200_001):
            archive.writestr(zipfile.ZipInfo(f"a/{number}"), b"")
    return path


def lying_zip64(folder: Path) -> Path:
    """An entry whose zip64 field claims an exabyte."""
    path = folder / "lies.zip"
    with zipfile.ZipFile(path, "w") as archive:
        info = zipfile.ZipInfo("bird/0.png")
        archive.writestr(info, PNG)
        listed = archive.filelist[0]
        listed.extra = struct.pack("<HHQ", 1, 8, 2**60)
    data = bytearray(path.read_bytes())
    at = data.index(b"PK\x01\x02") + 24
    data[at : at + 4] = b"\xff\xff\xff\xff"
    path.write_bytes(data)
    return path


def bomb(folder: Path) -> Path:
    path = folder / "bomb.npz"
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("x.npy", "w") as member,
    ):
        for _ in range(100):
            member.write(bytes(2**20))
    return path


def cells(name: str, table: dict = h5ad.HOSTILE) -> Build:
    return lambda folder: h5ad.write_h5ad(folder, table[name][0])


def cut(build: Build, keep: float) -> Build:
    def shortened(folder: Path) -> Path:
        path = build(folder)
        path.write_bytes(path.read_bytes()[: int(path.stat().st_size * keep)])
        return path

    return shortened


def parquet_bomb(folder: Path) -> Path:
    zeros = pa.array(np.zeros(10_000_000))
    path = folder / "bomb.parquet"
    table = pa.table({"x": zeros, "coarse": zeros})
    pq.write_table(table, path, use_dictionary=False, compression="zstd")
    return path


def many_classes(folder: Path) -> Path:
    x = np.ones((10_001, 2), np.float32)
    return write_npz(folder, x=x, coarse=np.arange(10_001), fine=None)


def labels(value: object) -> Build:
    return npz(coarse=np.array([value, *COARSE[1:]]))


TERABYTES = npy_bytes(b"{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000000, 3), }\n")
X = vectors()
NAN = np.where(X > X.max() - 1e-6, np.nan, X)
SPARSE_CELLS = h5ad.SPARSE

HOSTILE: dict[str, tuple[Build, str]] = {
    "B9 a PNG called npz": (named("a.npz", PNG), "wrong_format"),
    "B9 a pickle called csv": (named("a.csv", b"\x80\x04K."), "wrong_format"),
    "B15 leaves its folder": (entry("../../x.png"), "zip_unsafe_name"),
    "B16 absolute": (entry("/etc/x.png"), "zip_unsafe_name"),
    "B16 a drive": (entry("C:\\x.png"), "zip_unsafe_name"),
    "B17 a link": (entry("bird/l.png", attributes=0o120777), "zip_link"),
    "B17 a device": (entry("bird/d.png", attributes=0o060666), "zip_link"),
    "B18 a bomb": (images(**{f"bird__{i}_dot_bmp": bytes(2**20) for i in range(80)}), "zip_bomb"),
    "B19 nested": (images(bird__more_dot_zip=b"PK\x05\x06"), "zip_nested"),
    "B20 overlapping": (overlapping, "zip_overlap"),
    "B21 names that differ in case": (entry("BIRD/0.png"), "zip_duplicate_name"),
    "B22 encrypted": (patched(b"PK\x01\x02", 8, b"\x01"), "zip_encrypted"),
    "B23 too many entries": (crowded, "zip_too_many_entries"),
    "B24 cut off": (cut(images(), 0.6), "zip_damaged"),
    "B24 wrong checksum": (patched(b"PK\x01\x02", 16, b"\x01\x02\x03\x04"), "unreadable_images"),
    "B25 zip64 lies": (lying_zip64, "zip_bomb"),
    "B26 no images": (lambda f: write_zip(f, {"README.txt": b"x"}), "no_data"),
    "B26 an empty class": (images(whale__=b""), "empty_class"),
    "B27 400 megapixels": (images(bird__b_dot_png=huge_png(20_000, 20_000)), "image_too_large"),
    "B28 cut images": (images(bird__c_dot_png=PNG[:60]), "unreadable_images"),
    "B29 SVG": (images(bird__s_dot_svg=b"<svg/>"), "unreadable_images"),
    "B31 no pixels": (images(bird__z_dot_png=huge_png(0, 5)), "unreadable_images"),
    "B33 a pickle": (npz(x=np.array([Canary()] * 6, dtype=object)), "pickle_refused"),
    "B34 claims terabytes": (lambda folder: npz_with_x(folder, TERABYTES), "truncated"),
    "B35 an npz bomb": (bomb, "zip_bomb"),
    "B36 version 9": (
        lambda folder: npz_with_x(folder, npy_bytes(b"{}", version=(9, 0))),
        "unreadable",
    ),
    "B37 complex": (npz(x=np.ones((6, 3), complex)), "bad_dtype"),
    "B37 structured": (npz(x=np.zeros(6, [("a", "f4")])), "bad_dtype"),
    "B38 not a number": (npz(x=NAN), "non_finite"),
    "B38 beyond float32": (npz(x=X.astype(np.float64) * 1e300), "non_finite"),
    "B39 other lengths": (npz(coarse=np.array(COARSE[:5])), "length_mismatch"),
    "B40 no rows": (npz(x=np.ones((0, 3), np.float32)), "no_data"),
    "B40 one column": (npz(x=np.ones((6, 1), np.float32)), "bad_shape"),
    "B40 too wide": (npz(x=np.ones((6, 70_000), np.float16)), "bad_shape"),
    "B41 external storage": (cells("external storage"), "hdf5_link"),
    "B42 external link": (cells("external link"), "hdf5_link"),
    "B42 a loop": (cells("loop"), "hdf5_link"),
    "B43 virtual": (cells("virtual"), "hdf5_link"),
    "B44 claims gigabytes": (cells("unwritten chunks"), "too_large"),
    "B44 a gzip bomb": (cells("gzip bomb"), "too_large"),
    "B45 a foreign filter": (cells("foreign filter"), "hdf5_filter"),
    "B46 indices beyond": (cells("index beyond", SPARSE_CELLS), "bad_sparse"),
    "B46 rows that fall": (cells("indptr falls", SPARSE_CELLS), "bad_sparse"),
    "B47 codes beyond": (cells("codes beyond categories"), "unreadable"),
    "B47 other lengths": (cells("rows"), "length_mismatch"),
    "B47 no labels": (cells("no coarse"), "no_such_column"),
    "B48 cut off": (cut(h5ad.write_h5ad, 0.5), "unreadable"),
    "B49 a bomb": (parquet_bomb, "too_large"),
    "B49 unequal lists": (
        lambda folder: write_parquet(folder, x=[[1.0, 2.0]] * 5 + [[1.0]]),
        "ragged",
    ),
    "B49 cut off": (cut(write_parquet, 0.9), "unreadable"),
    "B50 no class": (npz(coarse=np.full(6, -1)), "no_labels"),
    "B50 control letters": (labels("a\x07"), "bad_label"),
    "B50 a long label": (labels("a" * 100_000), "bad_label"),
    "B50 too many classes": (many_classes, "too_many_classes"),
}
"""What it is -> how to write it into a folder, and the code of its refusal."""

SETTINGS = {name: {"obsm_key": "X"} for name in HOSTILE if name.startswith("B46")}
"""Reading options that some need."""


def bytes_of(build: Build, folder: Path) -> tuple[str, bytes]:
    path = build(folder)
    return path.name, path.read_bytes()


def png_of_html() -> bytes:
    """B32: an image that begins as one, and goes on as a page."""
    page = io.BytesIO(PNG)
    page.seek(0, io.SEEK_END)
    page.write(b"<script>alert(1)</script>")
    return page.getvalue()
