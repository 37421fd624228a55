"""Where image files lie: a folder, a zip that is never unpacked, or a table's cells."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Protocol

from falcon_svc.data.config import DataConfig
from falcon_svc.data.guards.zip_guard import ZipMember, read_directory, read_member
from falcon_svc.data.refusal import quoted, refusal


class FileStore(Protocol):
    """Files under one root."""

    @property
    def where(self) -> str:
        """Name of the folder or archive, for messages."""
        ...

    def names(self) -> tuple[str, ...]:
        """Return files and, with a closing "/", folders: relative, posix, sorted."""
        ...

    def size(self, name: str) -> int | None:
        """Return the file's bytes, None when there is no such file."""
        ...

    def read(self, name: str) -> bytes:
        """Return the content of a file."""
        ...


@dataclass(frozen=True)
class ZipStore:
    """The files of an archive whose directory has been checked."""

    path: Path
    members: dict[str, ZipMember]

    @classmethod
    def open(cls, path: Path, config: DataConfig) -> ZipStore:
        """Check the archive."""
        return cls(path, {member.name: member for member in read_directory(path, config)})

    @property
    def where(self) -> str:
        """Name of the archive."""
        return quoted(self.path.name)

    def names(self) -> tuple[str, ...]:
        """Return the members' names, sorted."""
        return tuple(sorted(self.members))

    def size(self, name: str) -> int | None:
        """Return the unpacked size."""
        return self.members[name].size if name in self.members else None

    def read(self, name: str) -> bytes:
        """Inflate one member."""
        return read_member(self.path, self.members[name])


@dataclass(frozen=True)
class FolderStore:
    """The files of a folder; links may not leave it."""

    root: Path
    max_entries: int
    follow_links: bool = False

    @classmethod
    def of(cls, root: Path, config: DataConfig) -> FolderStore:
        """Open a folder under the settings' limits."""
        return cls(root, config.max_entries, config.follow_links)

    @property
    def where(self) -> str:
        """Name of the folder."""
        return quoted(self.root.name)

    def names(self) -> tuple[str, ...]:
        """Return files and folders below the root, sorted."""
        return self._names

    @cached_property
    def _names(self) -> tuple[str, ...]:
        found: list[str] = []
        waiting = [self.root]
        seen: set[str] = set()
        while waiting:
            folder = waiting.pop()
            if (real := os.path.realpath(folder)) in seen:
                continue  # a loop of links
            seen.add(real)
            for entry in folder.iterdir():
                name = entry.relative_to(self.root).as_posix()
                if self._is_folder(entry, name):
                    waiting.append(entry)
                    name += "/"
                found.append(name)
                self._check_count(len(found))
        return tuple(sorted(found))

    def _check_count(self, count: int) -> None:
        if count > self.max_entries:
            raise refusal(
                f"at most {self.max_entries:,} files",
                "more",
                where=self.where,
                remedy="split the folder or raise max_entries",
                code="too_many_entries",
            )

    def _is_folder(self, entry: Path, name: str) -> bool:
        """Return True for a folder, False for a file; refuse devices and links that leave."""
        mode = entry.lstat().st_mode
        if stat.S_ISLNK(mode) and self.follow_links and entry.exists():
            mode = entry.stat().st_mode
        elif stat.S_ISLNK(mode) and self._inside(entry):
            mode = stat.S_IFREG if entry.is_file() else 0
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
            raise refusal(
                "plain files and folders",
                f"a link that leaves the folder, a linked folder or a device ({quoted(name)})",
                where=self.where,
                remedy="copy the files into the folder, or set follow_links = true if you trust it",
                code="unsafe_link",
            )
        return stat.S_ISDIR(mode)

    def _inside(self, entry: Path) -> bool:
        # realpath, since Path.resolve raises on loops of links
        return Path(os.path.realpath(entry)).is_relative_to(os.path.realpath(self.root))

    def size(self, name: str) -> int | None:
        """Return the file's size; None for names that leave the folder too."""
        path = self.root / name
        reachable = self.follow_links or self._inside(path)
        return path.stat().st_size if reachable and path.is_file() else None

    def read(self, name: str) -> bytes:
        """Read one file."""
        return (self.root / name).read_bytes()


@dataclass(frozen=True)
class CellStore:
    """Bytes of images by row number, as a table holds them."""

    where: str
    cells: list[bytes]

    def names(self) -> tuple[str, ...]:
        """Return the row numbers."""
        return tuple(map(str, range(len(self.cells))))

    def size(self, name: str) -> int | None:
        """Return the bytes of one cell."""
        return len(self.cells[int(name)])

    def read(self, name: str) -> bytes:
        """Return one cell."""
        return self.cells[int(name)]
