"""Archives from strangers: every attack is refused by its directory, before any image is read."""

from __future__ import annotations

import struct
import warnings
import zipfile
from pathlib import Path

import pytest

from falcon_svc.data import DataConfig, load_dataset
from falcon_svc.data.guards.zip_guard import open_member, read_directory, read_member
from falcon_svc.errors import InputError
from tests.data.builders import image_bytes, image_files, refused, write_zip

PNG = image_bytes(99)


def with_entry(folder: Path, entry: zipfile.ZipInfo, content: bytes = PNG) -> Path:
    path = write_zip(folder, image_files())
    with zipfile.ZipFile(path, "a") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the duplicate name
        archive.writestr(entry, content)
    return path


@pytest.mark.parametrize(
    "name", ["../x.png", "bird/../../x.png", "/etc/x.png", "C:\\x.png", "c:/x.png", "..\\x.png"]
)
def test_names_that_leave_the_folder_are_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / "slip.zip"
    with zipfile.ZipFile(path, "w") as archive:
        entry = zipfile.ZipInfo("bird/1.png")
        entry.filename = name
        archive.writestr(entry, PNG)
    refused(path, "zip_unsafe_name")


def test_links_and_devices_are_refused(tmp_path: Path) -> None:
    for kind in (0o120777, 0o060666, 0o010666):
        entry = zipfile.ZipInfo("bird/link.png")
        entry.external_attr = kind << 16
        refused(with_entry(tmp_path, entry, b"/etc/passwd"), "zip_link", "link.png")


@pytest.mark.parametrize("name", ["bird/0.png", "Bird/0.PNG", "BIRD/0.png"])
def test_names_that_differ_in_case_only_are_refused(tmp_path: Path, name: str) -> None:
    refused(with_entry(tmp_path, zipfile.ZipInfo(name)), "zip_duplicate_name")


def test_names_that_differ_in_unicode_form_only_are_refused(tmp_path: Path) -> None:
    files = {**image_files(), "bird/\u00e9.png": PNG, "bird/e\u0301.png": PNG}
    refused(write_zip(tmp_path, files), "zip_duplicate_name")


def test_nested_archives_are_refused(tmp_path: Path) -> None:
    inner = write_zip(tmp_path, image_files(), "inner.zip").read_bytes()
    refused(write_zip(tmp_path, {**image_files(), "bird/more.zip": inner}), "zip_nested")


def test_encrypted_files_are_refused(tmp_path: Path) -> None:
    path = write_zip(tmp_path, image_files())
    data = bytearray(path.read_bytes())
    flags = data.index(b"PK\x01\x02") + 8
    data[flags] |= 1
    path.write_bytes(data)
    refused(path, "zip_encrypted")


def test_other_compressions_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "lzma.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("bird/0.png", PNG)
    refused(path, "zip_compression")


def test_bombs_are_refused_by_ratio_and_by_size(tmp_path: Path) -> None:
    files = {f"bird/{i}.png": bytes(2**20) for i in range(80)}
    refused(write_zip(tmp_path, files), "zip_bomb", "ratio")
    refused(write_zip(tmp_path, {"bird/0.png": bytes(10_000)}), "zip_bomb", max_bytes=1000)


def test_too_many_files_are_refused(tmp_path: Path) -> None:
    refused(write_zip(tmp_path, image_files()), "zip_too_many_entries", max_entries=5)


def test_overlapping_files_are_refused(tmp_path: Path) -> None:
    path = write_zip(tmp_path, image_files())
    data = bytearray(path.read_bytes())
    first = data.index(b"PK\x01\x02")
    second = data.index(b"PK\x01\x02", first + 4)
    data[second + 42 : second + 46] = data[first + 42 : first + 46]  # its local header's offset
    path.write_bytes(data)
    refused(path, "zip_overlap")


def test_a_file_that_unpacks_to_more_than_it_claims_is_damaged(tmp_path: Path) -> None:
    path = write_zip(tmp_path, {"x.npy": bytes(5000)}, "lie.zip")
    data = bytearray(path.read_bytes())
    at = data.index(b"PK\x01\x02") + 24
    data[at : at + 4] = struct.pack("<I", 100)
    path.write_bytes(data)
    (member,) = read_directory(path, DataConfig())
    with pytest.raises(InputError, match="damage") as caught:
        read_member(path, member)
    assert caught.value.code == "zip_damaged"


def test_a_file_that_unpacks_to_less_or_fails_its_checksum_is_damaged(tmp_path: Path) -> None:
    for field, value in ((24, 6000), (16, 12345)):
        path = write_zip(tmp_path, {"x.npy": bytes(5000)}, "lie.zip")
        data = bytearray(path.read_bytes())
        at = data.index(b"PK\x01\x02") + field
        data[at : at + 4] = struct.pack("<I", value)
        path.write_bytes(data)
        (member,) = read_directory(path, DataConfig())
        with pytest.raises(InputError, match="damage"):
            read_member(path, member)


@pytest.mark.parametrize("keep", [0.3, 0.9, 0.99])
def test_archives_that_were_cut_off_are_refused(tmp_path: Path, keep: float) -> None:
    path = write_zip(tmp_path, image_files())
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * keep)])
    refused(path, "zip_damaged")


def test_archives_without_files_are_refused(tmp_path: Path) -> None:
    refused(write_zip(tmp_path, {}), "no_data")
    refused(write_zip(tmp_path, {"README.txt": b"nothing here"}), "no_data")


def test_members_read_in_pieces_as_zipfile_reads_them(tmp_path: Path) -> None:
    content = bytes(range(256)) * 1000
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        path = tmp_path / "a.zip"
        with zipfile.ZipFile(path, "w", method) as archive:
            archive.writestr("empty", b"")
            archive.writestr("full", content)
        empty, full = read_directory(path, DataConfig())
        assert read_member(path, empty) == b""
        with open_member(path, full) as stream:
            assert stream.read(1000) == content[:1000]
            assert stream.tell() == 1000
            assert stream.read() == content[1000:]


def test_an_ordinary_archive_with_junk_of_other_systems_is_read(tmp_path: Path) -> None:
    junk = {"__MACOSX/bird/._0.png": b"x", "bird/.DS_Store": b"x", "README.txt": b"x"}
    files = {f"pictures/{name}": content for name, content in image_files().items()}
    data = load_dataset(write_zip(tmp_path, {**junk, **files}))
    assert data.coarse.names == ("bird", "fish")
    assert data.ids[0] == "pictures/bird/0.png"
