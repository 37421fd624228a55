"""Finding the files that a table or an annotation names, wherever below the folder they lie."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import PurePosixPath

from falcon_svc.data.formats.crops import IMAGE_SUFFIXES


class ImageFinder:
    """Image files of a store, found by path, by the end of the path, or by their name alone."""

    def __init__(self, names: Iterable[str]) -> None:
        self.names = [n for n in names if PurePosixPath(n).suffix.lower() in IMAGE_SUFFIXES]
        self._there = set(self.names)
        self._by_name: dict[str, list[str]] = {}
        for name in self.names:
            self._by_name.setdefault(name.rsplit("/", 1)[-1], []).append(name)

    def find(self, told: str, near: str = "") -> str | None:
        """Return the file that is called `told` in the file `near`; None if none or several are."""
        plain = told.replace("\\", "/")
        folder = near.rsplit("/", 1)[0] if "/" in near else ""
        for name in (f"{folder}/{plain}".lstrip("/"), plain):
            if name in self._there:
                return name
        same = self._by_name.get(plain.rsplit("/", 1)[-1], [])
        ends = [name for name in same if name.endswith("/" + plain.lstrip("/"))] or same
        return ends[0] if len(ends) == 1 else None
