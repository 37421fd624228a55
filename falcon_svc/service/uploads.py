"""Files on their way in: whole in one request, or in numbered parts over hours.

Everything is written into the staging folder, once, and moved into the store when it is whole.
Parts are files `NNNNN`, written beside and renamed, so that a part is there whole or not at all;
what lies in staging without a row, or a process, is swept.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager, suppress
from hashlib import sha256
from pathlib import Path
from typing import Any, BinaryIO

from falcon_svc.durable.files import storage_errors, sync_file
from falcon_svc.service import datasets
from falcon_svc.service.context import Context
from falcon_svc.service.keys import Caller
from falcon_svc.service.refusals import RequestError, not_found
from falcon_svc.storage.ids import new_id
from falcon_svc.storage.tables import Dataset, Upload
from falcon_svc.storage.uploads import UploadRepository

CHUNK_BYTES = 2**20
MOST_PARTS = 10_000
KEEP_S = 24 * 3600.0


class Arrival:
    """A file on its way in: written once, where it is looked for, its digest taken on the way.

    Parameters
    ----------
    path
        Where it is to be, in staging; nothing is there yet.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: BinaryIO | None = None
        self._digest, self._size_bytes = sha256(), 0

    def write(self, piece: bytes) -> int:
        """Add bytes."""
        with _storing():
            written = self._opened().write(piece)
        self._digest.update(piece)
        self._size_bytes += written
        return written

    def seek(self, offset: int) -> int:
        """Stay where it ends: a parser of forms goes back to the start of what it has written."""
        return offset

    def whole(self, name: str) -> datasets.Upload:
        """Return the file, durable, under the client's name for it."""
        with _storing(), self._opened() as file:
            sync_file(file)
        return datasets.Upload(self._path, name, self._size_bytes, self._digest.hexdigest())

    def close(self) -> None:
        """Delete what was written, if it was not moved."""
        if self._file is not None:
            with suppress(OSError):  # what the disk has no room for is not wanted any more
                self._file.close()
        self._path.unlink(missing_ok=True)

    def _opened(self) -> BinaryIO:
        if self._file is None:
            self._file = self._path.open("xb")
        return self._file


def begin(context: Context, caller: Caller, name: str, size_bytes: int) -> Upload:
    """Open an upload in parts.

    Raises
    ------
    RequestError
        Unclean name, unknown suffix, more than the quota.
    """
    datasets.check_upload(datasets.Upload(Path(), name, size_bytes, ""))
    with context.database.write() as session:
        uploads = UploadRepository(session)
        datasets.check_quota(context, session, caller.tenant, size_bytes)
        return uploads.add(caller.tenant, name, size_bytes, keep_s=KEEP_S)


def get(context: Context, caller: Caller, upload_id: str) -> tuple[Upload, list[int]]:
    """Return an upload of the caller's and the numbers of the parts that are here."""
    with context.database.read() as session:
        found = UploadRepository(session).get(upload_id, caller.tenant)
    if found is None:
        raise not_found("upload", upload_id)
    return found, _parts(_folder(context, upload_id))


class Part:
    """A part on its way. Once it is whole it replaces the one of its number, if there is one.

    Parameters
    ----------
    upload
        What it is of.
    folder
        Folder of the upload's parts.
    number
        From 1 on.
    """

    def __init__(self, upload: Upload, folder: Path, number: int) -> None:
        self._upload = upload
        self._place = folder / f"{number:05d}"
        others = [_size(folder, n) for n in _parts(folder) if n != number]
        self._room = upload.size_bytes - sum(others)
        self._fresh = folder / f"{new_id('part')}.tmp"
        self._file = self._fresh.open("xb")

    def write(self, piece: bytes) -> None:
        """Add bytes.

        Raises
        ------
        RequestError
            More than announced (code ``too_large``).
        """
        self._room -= len(piece)
        if self._room < 0:
            raise _too_long(self._upload)
        with _storing():
            self._file.write(piece)

    def finish(self) -> None:
        """Make it durable and put it in its place."""
        with _storing():
            sync_file(self._file)
            self._fresh.rename(self._place)

    def discard(self) -> None:
        """Delete what was written, if it is not finished."""
        with suppress(OSError):  # what the disk has no room for is not wanted any more
            self._file.close()
        self._fresh.unlink(missing_ok=True)


def open_part(context: Context, caller: Caller, upload_id: str, number: int) -> Part:
    """Begin to take in a part; sent again, it replaces the one before.

    Raises
    ------
    RequestError
        No such upload, or already complete.
    """
    upload = _open(context, caller, upload_id)
    folder = _folder(context, upload_id)
    with _storing():
        folder.mkdir(exist_ok=True, mode=0o700)
        return Part(upload, folder, number)


def complete(
    context: Context,
    caller: Caller,
    upload_id: str,
    expected_sha256: str,
    options: dict[str, Any],
    metadata: dict[str, Any],
) -> Dataset:
    """Make a data set of an upload whose parts are all here; asking again returns the same.

    Raises
    ------
    RequestError
        Parts are missing, or the bytes are not those that were announced.
    """
    upload, _ = get(context, caller, upload_id)
    if upload.dataset_id is not None:
        return datasets.get(context, caller, upload.dataset_id)
    folder = _folder(context, upload_id)
    arrival = Arrival(context.staging.new_file())
    try:
        for piece in _joined(folder):
            arrival.write(piece)
        whole = arrival.whole(upload.name)
        _check_whole(whole, upload, _parts(folder), expected_sha256)
        made, _ = datasets.add(
            context,
            caller,
            whole,
            options,
            metadata,
            key=f"upload {upload_id}",
            announced=upload_id,
        )
    finally:
        arrival.close()
    shutil.rmtree(folder, ignore_errors=True)
    return made


def abort(context: Context, caller: Caller, upload_id: str) -> None:
    """Forget an upload and its parts."""
    get(context, caller, upload_id)
    with context.database.write() as session:
        UploadRepository(session).delete(upload_id)
    shutil.rmtree(_folder(context, upload_id), ignore_errors=True)


def _open(context: Context, caller: Caller, upload_id: str) -> Upload:
    upload, _ = get(context, caller, upload_id)
    if upload.dataset_id is not None:
        raise RequestError(
            f"Expected an upload that is open, found {upload_id} complete; begin a new one.",
            code="already_finished",
        )
    return upload


def _storing() -> AbstractContextManager[None]:
    return storage_errors("The upload could not be stored", remedy="send it again later")


def _too_long(upload: Upload) -> RequestError:
    return RequestError(
        f"Expected {upload.size_bytes:,} bytes in all, as announced, found more; begin again with "
        "the right size.",
        code="too_large",
    )


def _check_whole(
    whole: datasets.Upload, upload: Upload, parts: list[int], expected_sha256: str
) -> None:
    if parts != list(range(1, len(parts) + 1)) or whole.size_bytes != upload.size_bytes:
        raise RequestError(
            f"Expected parts 1, 2, ... of {upload.size_bytes:,} bytes in all, found {len(parts)} "
            f"part(s) of {whole.size_bytes:,}; send those that are missing.",
            code="incomplete_upload",
        )
    check_sha256(whole, expected_sha256)


def check_sha256(upload: datasets.Upload, expected: str | None) -> None:
    """Raise RequestError unless the bytes are those that the client meant."""
    if expected is not None and expected != upload.sha256:
        raise RequestError(
            f"Expected content with sha256 {expected[:64]}, found {upload.sha256}; send it again.",
            code="checksum_mismatch",
        )


def _folder(context: Context, upload_id: str) -> Path:
    return context.staging.parts(upload_id)


def _parts(folder: Path) -> list[int]:
    names = [path.name for path in folder.iterdir()] if folder.is_dir() else []
    return sorted(int(name) for name in names if name.isdigit())


def _size(folder: Path, number: int) -> int:
    return (folder / f"{number:05d}").stat().st_size


def _joined(folder: Path) -> Iterator[bytes]:
    for number in _parts(folder):
        with (folder / f"{number:05d}").open("rb") as file:
            yield from iter(lambda: file.read(CHUNK_BYTES), b"")


def sweep(context: Context) -> None:
    """Forget uploads whose time is over; remove what no row and no living process owns."""
    with context.database.write() as session:
        UploadRepository(session).expire()
    with context.database.read() as session:
        known = UploadRepository(session).ids()
    for upload_id in set(context.staging.uploads()) - known:
        shutil.rmtree(_folder(context, upload_id), ignore_errors=True)
    context.staging.sweep()
