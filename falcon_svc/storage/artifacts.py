"""Files that last: uploaded data sets and result directories, under keys that we make.

Place: beside the database, which says what a key means; a file that no row names is swept. Keys
hold ids of ours only, never a client's text. The store is any fsspec file system by URL; the
default is a folder. A file appears under its key whole or not at all on a local disk; an object
store promises the same for each object, and a directory's marker is put last.
"""

from __future__ import annotations

import errno
import hashlib
import re
import shutil
import tempfile
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from threading import Lock
from typing import Any

import fsspec

from falcon_svc.durable.files import storage_errors, sync
from falcon_svc.errors import StorageError

APART = "@"  # in place of / in names of local copies; no key holds it
KEY = re.compile(r"^[a-z0-9_]+(/[A-Za-z0-9_.-]+)*$")


class ArtifactStore:
    """Files by key.

    Parameters
    ----------
    url
        URL of fsspec, or the path of a folder.
    cache
        Folder for local copies of what lies elsewhere.

    Examples
    --------
    >>> from pathlib import Path
    >>> from falcon_svc.storage import ArtifactStore
    >>> store = ArtifactStore("store", Path("cache"))
    >>> _ = Path("birds.csv").write_text("a,coarse")
    >>> store.put_file(Path("birds.csv"), "datasets/ds_01/data.csv")
    >>> Path("birds.csv").exists(), Path("store/datasets/ds_01/data.csv").exists()
    (False, True)
    """

    def __init__(self, url: str, cache: Path) -> None:
        self.files, self.root = fsspec.core.url_to_fs(url)
        self.cache = cache
        self.is_local = "file" in _protocols(self.files)
        # Readers of one key wait for its copy; those of others seldom do.
        self._fetching = tuple(Lock() for _ in range(16))
        if self.is_local:
            Path(self.root).mkdir(parents=True, exist_ok=True)

    def put_file(self, source: Path, key: str) -> None:
        """Take over a local file: it is moved where possible, durable afterwards.

        Parameters
        ----------
        source
            The file; it is gone afterwards.
        key
            Parts of letters, digits and plain signs, joined by "/".

        Raises
        ------
        StorageError
            The store does not take it (code ``storage_full`` where it has no room).
        """
        with _stored(key):
            self._put(source, self._place(key))

    def put_again(self, key: str, there: str, sha256: str) -> bool:
        """Let a file that is there already have a second key, if its bytes are those expected.

        It must be put anew where the bytes differ, or where the store cannot do so.

        Parameters
        ----------
        key
            The second key.
        there
            The key that it has.
        sha256
            Hex digest of the bytes that are expected.

        Returns
        -------
        bool
            False where it has no second key now.
        """
        if not self.is_local or self.sha256_of(there) != sha256:
            return False
        target = Path(self._place(key))
        made = _make_folder(target.parent)
        try:
            target.hardlink_to(self._place(there))
        except OSError:
            return False
        for folder in {target.parent, *made}:
            sync(folder)
        return True

    def put_directory(self, source: Path, key: str, *, last: str) -> None:
        """Take a directory's files in and leave them there; on one disk, no byte is copied.

        None of the files may be changed afterwards.

        Parameters
        ----------
        source
            The directory.
        key
            Parts of letters, digits and plain signs, joined by "/".
        last
            Name of the file that says that all are there; it is put last.
        """
        names = sorted(path.name for path in source.iterdir() if path.name != last)
        for name in [*names, last]:
            copy = source.with_name(f"{source.name}.{name}.copy")
            with _stored(key):
                _second_name(source / name, copy)
                self._put(copy, self._place(f"{key}/{name}"))

    def _put(self, source: Path, target: str) -> None:
        if self.is_local:
            _move(source, Path(target))
        else:
            self.files.put_file(str(source), target)
            source.unlink()

    def local_path(self, key: str) -> Path:
        """Return a path to read the file or directory at.

        Parameters
        ----------
        key
            As it was put.

        Returns
        -------
        Path
            On this machine: the file itself, or a copy in the cache.

        Raises
        ------
        StorageError
            Nothing is there (code ``artifact_missing``).
        """
        place = self._place(key)
        if not self.files.exists(place):
            raise missing()
        if self.is_local:
            return Path(place)
        copy = self._copy(key)
        with self._fetching[hash(key) % len(self._fetching)]:
            if not copy.exists():
                self._fetch(place, copy)
        return copy

    def _fetch(self, place: str, copy: Path) -> None:
        """Let a local copy appear whole; of several readers at once, the first one's stays."""
        self.cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self.cache) as folder:
            fresh = Path(folder) / copy.name
            self.files.get(place, str(fresh), recursive=self.files.isdir(place))
            try:
                fresh.rename(copy)
            except OSError:
                if not copy.exists():
                    raise

    def make_folder(self, key: str) -> Path:
        """Make the folder of a key in a local store, durably, and return it.

        Parameters
        ----------
        key
            Parts of letters, digits and plain signs, joined by "/".

        Returns
        -------
        Path
            The folder.
        """
        folder = Path(self._place(key))
        for parent in _make_folder(folder):
            sync(parent)
        return folder

    def has(self, key: str) -> bool:
        """Return whether something lies under a key.

        Parameters
        ----------
        key
            As it was put.

        Returns
        -------
        bool
            True for files and directories.
        """
        return bool(self.files.exists(self._place(key)))

    def sha256_of(self, key: str) -> str | None:
        """Return the sha256 hex of a file, read where it lies; None = it is not there.

        Parameters
        ----------
        key
            As it was put.

        Returns
        -------
        str or None
            64 hex digits.
        """
        try:
            with self.files.open(self._place(key), "rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest()
        except FileNotFoundError:
            return None

    def text(self, key: str) -> str | None:
        """Return a text file's content; None = it is not there.

        Parameters
        ----------
        key
            As it was put.

        Returns
        -------
        str or None
            The file in UTF-8.
        """
        try:
            return str(self.files.cat_file(self._place(key)).decode())
        except FileNotFoundError:
            return None

    def names(self, key: str) -> list[str]:
        """Return what lies under a key, by name.

        Parameters
        ----------
        key
            That of a directory.

        Returns
        -------
        list of str
            Names of files and folders, ascending; empty where nothing is there.
        """
        place = self._place(key)
        if not self.files.exists(place):
            return []
        found = self.files.ls(place, detail=False)
        return sorted(name.rstrip("/").rpartition("/")[2] for name in found)

    def remove(self, key: str) -> None:
        """Delete a file or directory, if it is there.

        Parameters
        ----------
        key
            As it was put.
        """
        place = self._place(key)
        while self.files.exists(place):
            with suppress(FileNotFoundError):  # another process removes it at the same time
                self.files.rm(place, recursive=True)
        self._forget(self._copy(key))
        for copy in self.cache.glob(f"{self._copy(key).name}{APART}*"):
            self._forget(copy)

    def _copy(self, key: str) -> Path:
        """Return the place of a local copy; no copy lies in another one."""
        return self.cache / key.replace("/", APART)

    def _forget(self, copy: Path) -> None:
        if copy.is_dir():
            shutil.rmtree(copy, ignore_errors=True)
        else:
            copy.unlink(missing_ok=True)

    def _place(self, key: str) -> str:
        assert KEY.match(key), f"not a key of ours: {key!r}"
        assert ".." not in key.split("/")
        return f"{self.root}/{key}"


def _stored(key: str) -> AbstractContextManager[None]:
    what = f"{key.partition('/')[0].capitalize()} could not be stored"
    remedy = "mend the artifact store (FALCON_ARTIFACTS_URL), then try again"
    return storage_errors(what, remedy=remedy)


def missing() -> StorageError:
    """Return the error of files that are gone, or are not what was stored."""
    return StorageError(
        "Expected stored files as they were written, found some missing or changed behind the "
        "service's back; send the data set or run the job again.",
        code="artifact_missing",
    )


def _protocols(files: Any) -> tuple[str, ...]:
    return (files.protocol,) if isinstance(files.protocol, str) else tuple(files.protocol)


def _move(source: Path, target: Path) -> None:
    """Let a file appear at its place whole and durable, from another disk too."""
    made = _make_folder(target.parent)
    sync(source)
    try:
        source.rename(target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        beside = target.with_name(f".{target.name}.tmp")
        shutil.copyfile(source, beside)
        sync(beside)
        beside.rename(target)
        source.unlink()
    for folder in {target.parent, *made}:
        sync(folder)


def _second_name(source: Path, fresh: Path) -> None:
    """Let a file have a second name, or a copy where the file system has no such thing."""
    fresh.unlink(missing_ok=True)
    try:
        fresh.hardlink_to(source)
    except OSError:
        shutil.copyfile(source, fresh)


def _make_folder(folder: Path) -> list[Path]:
    """Make a folder; return those that now name another one."""
    lacking = [one for one in (folder, *folder.parents) if not one.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    return [one.parent for one in lacking]
