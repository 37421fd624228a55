"""Finding the files that a table or an annotation names, wherever below the folder they lie."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from pathlib import PurePosixPath
from urllib.parse import unquote

from falcon_svc.data.formats.crops import IMAGE_SUFFIXES


def composed(name: str) -> str:
    """Return a name composed (NFC): macOS writes letters with marks in two parts."""
    return name if name.isascii() else unicodedata.normalize("NFC", name)


class ImageFinder:
    """Image files of a store, found by path, by the end of the path, or by their name alone.

    Names that are written for the web (``a%20b.png``) or in another case are found where no others
    are.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self.names = [n for n in names if PurePosixPath(n).suffix.lower() in IMAGE_SUFFIXES]
        self.there = {composed(name): name for name in self.names}
        self._by_fold: dict[str, list[str]] = {}
        for name in self.names:
            self._by_fold.setdefault(composed(name).casefold(), []).append(name)
        self._by_name: dict[str, list[str]] = {}
        for name in self.names:
            self._by_name.setdefault(composed(name.rsplit("/", 1)[-1]), []).append(name)

    def by_stem(self, told: Iterable[str]) -> dict[str, str]:
        """Return the files that are called as `told` but for folder and suffix, each once."""
        stems: dict[str, list[str]] = {}
        for name in self.names:
            stems.setdefault(composed(PurePosixPath(name).stem), []).append(name)
        found = {one: stems.get(composed(one), []) for one in told}
        return {one: files[0] for one, files in found.items() if len(files) == 1}

    def find(self, told: str, near: str = "") -> str | None:
        """Return the file that is called `told` in the file `near`; None if none or several are."""
        found = self._find(told, near)
        if found is None and "%" in told:
            found = self._find(unquote(told), near)
        if found is None:
            alike = self._by_fold.get(composed(unquote(told).replace("\\", "/")).casefold(), [])
            found = alike[0] if len(alike) == 1 else None
        return found

    def _find(self, told: str, near: str) -> str | None:
        plain = composed(told.replace("\\", "/"))
        folder = near.rsplit("/", 1)[0] if "/" in near else ""
        for name in (composed(f"{folder}/{plain}".lstrip("/")), plain):
            if name in self.there:
                return self.there[name]
        same = self._by_name.get(plain.rsplit("/", 1)[-1], [])
        ends = [n for n in same if composed(n).endswith("/" + plain.lstrip("/"))] or same
        return ends[0] if len(ends) == 1 else None
