"""Which reader opens which file: by suffix, confirmed by the first bytes."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from falcon_svc.data.config import DataConfig
from falcon_svc.data.refusal import quoted, reading, refusal
from falcon_svc.data.source import Source
from falcon_svc.errors import InputError

FORMATS_ROOM = "falcon_svc.data.formats"
GZIP_MAGIC = b"\x1f\x8b"
ZIP_MAGIC = (b"PK\x03\x04", b"PK\x05\x06")  # the second is an archive without files


@dataclass(frozen=True)
class Format:
    """One file format.

    Parameters
    ----------
    magic
        What the file may begin with; empty for text.
    reader
        ``module:function`` in the room of the formats, imported when the format is met (pyarrow and
        h5py are heavy).
    package
        What reads it besides what is always there; None = nothing.
    """

    name: str
    magic: tuple[bytes, ...]
    reader: str
    package: str | None = None

    @property
    def is_there(self) -> bool:
        """Whether this installation can read the format."""
        try:
            return self.package is None or find_spec(self.package) is not None
        except ImportError:  # of a package around it
            return False

    def open(self, path: Path, config: DataConfig) -> Source:
        """Open a file of this format."""
        module, _, function = self.reader.partition(":")
        source: Source = getattr(import_module(f"{FORMATS_ROOM}.{module}"), function)(path, config)
        return source


UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")  # Excel's "Unicode text"
FORMATS = {
    ".npz": Format("a numpy .npz archive", ZIP_MAGIC, "npz:open_npz"),
    ".npy": Format("a numpy .npy array", (b"\x93NUMPY",), "npy:open_npy"),
    ".csv": Format("a CSV table (text)", (), "manifest:open_table_csv"),
    ".tsv": Format("a table of tabs (text)", (), "manifest:open_table_csv"),
    ".txt": Format("a table (text)", (), "manifest:open_table_csv"),
    ".csv.gz": Format("a packed CSV table", (GZIP_MAGIC,), "manifest:open_table_csv"),
    ".tsv.gz": Format("a packed table of tabs", (GZIP_MAGIC,), "manifest:open_table_csv"),
    ".jsonl": Format("a JSONL table (text)", (), "manifest:open_table_jsonl"),
    ".parquet": Format("a Parquet file", (b"PAR1",), "manifest:open_table_parquet"),
    ".feather": Format("a Feather file", (b"ARROW1",), "manifest:open_table_feather"),
    ".h5ad": Format("an AnnData (HDF5) file", (b"\x89HDF\r\n\x1a\n",), "h5ad:open_h5ad", "h5py"),
    ".zip": Format("a zip archive of images", ZIP_MAGIC, "folder:open_zip"),
}
REMEDIES = {
    **dict.fromkeys((".xlsx", ".xls", ".ods"), "save the sheet as CSV"),
    **dict.fromkeys((".pkl", ".pickle"), "save it as .npz or .parquet; pickles can run code"),
    **dict.fromkeys((".pt", ".pth"), "save the tensors with numpy.savez"),
    **dict.fromkeys((".mat", ".h5", ".hdf5"), "save the arrays with numpy.savez"),
    **dict.fromkeys((".rds", ".rdata", ".loom"), "convert it to .h5ad, or to .csv"),
    **dict.fromkeys((".json", ".ndjson"), "write one object per line and name the file .jsonl"),
    **dict.fromkeys((".arrow", ".ipc"), "name it .feather if it is an Arrow file, not a stream"),
    **dict.fromkeys((".tar", ".tgz", ".tar.gz", ".7z", ".rar"), "unpack it, or pack it as .zip"),
    **dict.fromkeys((".png", ".jpg", ".jpeg"), "give the folder of the images"),
}
OTHER_REMEDY = "convert the data set, see docs/input-formats.md"
FOLDER = Format("a folder", (), "folder:open_folder")
STAND_INS = LFS_POINTER, WEB_PAGE = (
    "a Git LFS pointer, which git lfs pull replaces by the file",
    "a web page, as where a download needs a login",
)
OTHER_MAGIC = {
    b"\x89PNG": "a PNG image",
    b"\xff\xd8\xff": "a JPEG image",
    b"PK\x03\x04": "a zip archive",
    b"\x93NUMPY": "a numpy .npy array",
    b"PAR1": "a Parquet file",
    b"FEA1": "a Feather file of version 1, which pyarrow no longer writes",
    b"\x89HDF": "an HDF5 file",
    b"%PDF": "a PDF document",
    b"version https://git-lfs": LFS_POINTER,
    b"<!DOCTYPE": WEB_PAGE,
    b"<!doctype": WEB_PAGE,
    b"<html": WEB_PAGE,
    b"\x80\x04": "a Python pickle",
    b"\x80\x02": "a Python pickle",
    GZIP_MAGIC: "a gzip file",
}


def open_source(path: Path, config: DataConfig) -> Source:
    """Open a data set of any supported format.

    Raises
    ------
    InputError
        No such file, empty, unknown suffix, or content that is not what the suffix says.
    """
    where = quoted(path.name)
    with reading("a readable file", where=where, errors=(OSError,)):
        _check_exists(path)
        if path.is_dir():
            return FOLDER.open(path, config)
        found = _format(path, where, config)
    return found.open(path, config)


def suffix_of(name: str) -> str:
    """Return a file's suffix in lower case, both parts of one such as ``.csv.gz``."""
    parts = [suffix.lower() for suffix in Path(name).suffixes]
    double = "".join(parts[-2:])
    return double if double in {*FORMATS, *REMEDIES} else "".join(parts[-1:])


def _check_exists(path: Path) -> None:
    if not path.exists():
        raise refusal(
            "an existing file or folder",
            "nothing",
            where=quoted(path),
            remedy="check the path",
            code="not_found",
        )


def _format(path: Path, where: str, config: DataConfig) -> Format:
    if not path.is_file():
        raise refusal(
            "a regular file",
            "something else",
            where=where,
            remedy="give a file of a supported format",
            code="wrong_format",
        )
    suffix = suffix_of(path.name)
    found = FORMATS.get(suffix)
    if found is None:
        raise refusal(
            f"one of the formats {', '.join(FORMATS)}",
            f"the suffix {quoted(suffix)}",
            where=where,
            remedy=REMEDIES.get(suffix, OTHER_REMEDY),
            code="wrong_format",
        )
    _check_start(path, found, where, config)
    return found


def _check_start(path: Path, found: Format, where: str, config: DataConfig) -> None:
    size = path.stat().st_size
    if not size:
        raise refusal(
            found.name, "an empty file", where=where, remedy="write the file again", code="empty"
        )
    if size > config.max_bytes:
        raise refusal(
            f"at most {config.max_bytes:,} bytes",
            f"{size:,}",
            where=where,
            remedy="split the data set or raise max_bytes",
            code="too_large",
        )
    with path.open("rb") as file:
        start = file.read(4096)
    if not _fits(start, found):
        raise _wrong_format(start, found, where)


def _fits(start: bytes, found: Format) -> bool:
    if found.magic:
        return start.startswith(found.magic)
    if start.startswith(UTF16_MARKS):
        return True
    return b"\0" not in start and not start.startswith(tuple(OTHER_MAGIC))


def _wrong_format(start: bytes, found: Format, where: str) -> InputError:
    actual = next((name for magic, name in OTHER_MAGIC.items() if start.startswith(magic)), None)
    return refusal(
        found.name,
        actual or f"a file that begins with {quoted(start[:8])}",
        where=where,
        remedy="get the file itself"
        if actual in STAND_INS
        else "give the file the suffix of its format",
        code="wrong_format",
    )
