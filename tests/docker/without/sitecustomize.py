"""On PYTHONPATH: lets this interpreter find only packages that are not in WITHOUT_PACKAGES."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence


class Without:
    """A finder that is asked first, and says that there is no such module."""

    def __init__(self, names: frozenset[str]) -> None:
        self.names = names

    def find_spec(self, name: str, path: Sequence[str] | None = None, target: object = None):
        if name.partition(".")[0] in self.names:
            raise ModuleNotFoundError(f"{name} is not installed in this image", name=name)


sys.meta_path.insert(0, Without(frozenset(os.environ["WITHOUT_PACKAGES"].split())))
