"""Zip archives from strangers: check the whole directory first, then inflate with a counter.

Used for `.npz` and for zipped images. Nothing is ever extracted to a path. Members are read by
their offset, without a shared file handle, so readers can be used by threads and processes.
Attacks considered: names that leave the folder, links, bombs, overlapping members (Fifield,
"A better zip bomb", 2019), nested archives, duplicate names, lying sizes.
"""

from __future__ import annotations

import io
import stat
import struct
import unicodedata
import zipfile
import zlib
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from falcon_svc.data.config import DataConfig
from falcon_svc.data.refusal import quoted, reading, refusal

LOCAL_HEADER = struct.Struct("<4s22xHH")  # magic, name length, extra length
ENCRYPTED = 0x1
NESTED_SUFFIXES = (".zip", ".jar", ".tar", ".tgz", ".gz", ".bz2", ".xz", ".7z", ".rar", ".zst")
PIECE = 1 << 16
ZIP_ERRORS = (zipfile.BadZipFile, NotImplementedError, ValueError, OSError, RuntimeError)
ZIP_ERRORS += (struct.error, EOFError, zlib.error, IndexError)  # type: ignore[assignment]


@dataclass(frozen=True)
class ZipMember:
    """Where one file lies inside the archive; `offset` points at its packed bytes."""

    name: str
    offset: int
    packed_size: int
    size: int
    deflated: bool
    crc: int


def read_directory(path: Path, config: DataConfig) -> tuple[ZipMember, ...]:
    """Return the archive's files and folders (names with a closing "/"), in directory order.

    Raises
    ------
    InputError
        With a code ``zip_*`` if anything about the directory is unsafe.
    """
    where = quoted(path.name)
    with path.open("rb") as file:
        with _damage(where):
            archive = zipfile.ZipFile(file)
        entries = archive.infolist()
        _check_entries(entries, where, config)
        with _damage(where):
            located = [(entry, _data_offset(file, entry)) for entry in entries]
        _check_overlaps(located, archive.start_dir, where)
    return tuple(
        ZipMember(
            plain_name(entry),
            offset,
            entry.compress_size,
            entry.file_size,
            entry.compress_type == zipfile.ZIP_DEFLATED,
            entry.CRC,
        )
        for entry, offset in located
    )


def plain_name(entry: zipfile.ZipInfo) -> str:
    """Return the name with / between folders; some Windows programs write a backslash."""
    return entry.filename.replace("\\", "/")


def _damage(where: str) -> AbstractContextManager[None]:
    return reading("a complete zip archive", where=where, errors=ZIP_ERRORS, code="zip_damaged")


def _check_entries(entries: list[zipfile.ZipInfo], where: str, config: DataConfig) -> None:
    if len(entries) > config.max_entries:
        raise refusal(
            f"at most {config.max_entries:,} files",
            f"{len(entries):,}",
            where=where,
            remedy="split the archive or raise max_entries",
            code="zip_too_many_entries",
        )
    for entry in entries:
        _check_name(entry, where)
        _check_kind(entry, where)
    _check_duplicates(entries, where)
    _check_sizes(entries, where, config)


def _check_name(entry: zipfile.ZipInfo, where: str) -> None:
    name = entry.orig_filename.replace("\\", "/")
    parts = name.split("/")
    drive = len(parts[0]) > 1 and parts[0][1] == ":"
    if name.startswith("/") or drive or ".." in parts or "\0" in name or not name:
        raise refusal(
            "names inside the archive's own folders",
            f"the name {quoted(entry.orig_filename)}",
            where=where,
            remedy="write the archive again with plain relative names",
            code="zip_unsafe_name",
        )


def _check_kind(entry: zipfile.ZipInfo, where: str) -> None:
    kind = stat.S_IFMT(entry.external_attr >> 16)
    found, code = "", ""
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        found, code = "a link or device", "zip_link"
    elif entry.flag_bits & ENCRYPTED:
        found, code = "an encrypted file", "zip_encrypted"
    elif entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        found, code = f"compression method {entry.compress_type}", "zip_compression"
    elif entry.filename.lower().endswith(NESTED_SUFFIXES):
        found, code = "an archive inside the archive", "zip_nested"
    if code:
        raise refusal(
            "plain files, stored or deflated, without password",
            f"{found} ({quoted(entry.filename)})",
            where=where,
            remedy="write the archive again without it",
            code=code,
        )


def _check_duplicates(entries: list[zipfile.ZipInfo], where: str) -> None:
    seen: dict[str, str] = {}
    for entry in entries:
        folded = unicodedata.normalize("NFC", plain_name(entry)).casefold().rstrip("/")
        if folded in seen:
            raise refusal(
                "every name once, also without regard to case",
                f"{quoted(seen[folded])} and {quoted(entry.filename)}",
                where=where,
                remedy="rename one of them",
                code="zip_duplicate_name",
            )
        seen[folded] = entry.filename


def _check_sizes(entries: list[zipfile.ZipInfo], where: str, config: DataConfig) -> None:
    total = sum(entry.file_size for entry in entries)
    packed = sum(entry.compress_size for entry in entries)
    big = [e for e in entries if e.file_size > config.ratio_free_bytes]
    worst = max((e.file_size / max(e.compress_size, 1) for e in big), default=0.0)
    if total > config.ratio_free_bytes:
        worst = max(worst, total / max(packed, 1))
    if total > config.max_bytes or worst > config.max_compression_ratio:
        raise refusal(
            f"at most {config.max_bytes:,} bytes unpacked and a ratio of at most "
            f"{config.max_compression_ratio:g}",
            f"{total:,} bytes and a ratio of {worst:,.0f}",
            where=where,
            remedy="write it with less compression, or raise max_bytes or max_compression_ratio",
            code="zip_bomb",
        )


def _data_offset(file: BinaryIO, entry: zipfile.ZipInfo) -> int:
    file.seek(entry.header_offset)
    magic, name_length, extra_length = LOCAL_HEADER.unpack(file.read(LOCAL_HEADER.size))
    if magic != b"PK\x03\x04":
        raise zipfile.BadZipFile(f"no file at the offset of {entry.filename!r}")
    return entry.header_offset + LOCAL_HEADER.size + int(name_length) + int(extra_length)


def _check_overlaps(located: list[tuple[zipfile.ZipInfo, int]], directory: int, where: str) -> None:
    spans = sorted((e.header_offset, offset + e.compress_size) for e, offset in located)
    starts = [start for start, _ in spans] + [directory]
    for (_, end), following in zip(spans, starts[1:], strict=True):
        if end > following:
            raise refusal(
                "files that lie one after another",
                "files that share bytes",
                where=where,
                remedy="write the archive again with an ordinary zip program",
                code="zip_overlap",
            )


class MemberStream(io.RawIOBase):
    """The bytes of one member: never more than its directory entry claims, checked at the end."""

    def __init__(self, path: Path, member: ZipMember) -> None:
        super().__init__()
        self._member = member
        self._where = f"{quoted(member.name)} of {quoted(path.name)}"
        self._file = path.open("rb")
        self._file.seek(member.offset)
        self._packed_left = member.packed_size
        self._left = member.size
        self._crc = 0
        self._inflater = zlib.decompressobj(-zlib.MAX_WBITS) if member.deflated else None

    def readable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._member.size - self._left

    def close(self) -> None:
        self._file.close()
        super().close()

    def readinto(self, buffer: memoryview | bytearray) -> int:  # type: ignore[override]
        """Fill the start of `buffer`; 0 at the end."""
        wanted = min(len(buffer), self._left)
        data = self._inflate(wanted) if wanted else b""
        if wanted and not data:
            raise self._damaged("ends too early")
        buffer[: len(data)] = data
        self._left -= len(data)
        self._crc = zlib.crc32(data, self._crc)
        if not self._left:
            self._check_end()
        return len(data)

    def _packed(self, size: int) -> bytes:
        data = self._file.read(min(size, self._packed_left))
        self._packed_left -= len(data)
        return data

    def _inflate(self, wanted: int) -> bytes:
        if self._inflater is None:
            return self._packed(wanted)
        data = b""
        while not data and not self._inflater.eof:
            packed = self._inflater.unconsumed_tail or self._packed(PIECE)
            try:
                data = self._inflater.decompress(packed, wanted)
            except zlib.error as error:
                raise self._damaged(str(error)) from error
            if not packed and not data:
                break
        return data

    def _check_end(self) -> None:
        if self._crc != self._member.crc:
            raise self._damaged("its checksum does not fit")
        if self._inflate(1):
            raise self._damaged("it unpacks to more than its claimed size")

    def _damaged(self, reason: str) -> Exception:
        return refusal(
            "an undamaged file",
            f"damage ({reason})",
            where=self._where,
            remedy="write or fetch the archive again",
            code="zip_damaged",
        )


def open_member(path: Path, member: ZipMember) -> BinaryIO:
    """Open one member for reading from its start."""
    return io.BufferedReader(MemberStream(path, member), PIECE)


def read_member(path: Path, member: ZipMember) -> bytes:
    """Return the bytes of one member; its size was checked by `read_directory`."""
    with open_member(path, member) as stream:
        return stream.read()
