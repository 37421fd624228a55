"""On PYTHONPATH: lets this interpreter find only packages that are not in WITHOUT_PACKAGES."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Any


class Without:
    """A finder that overlooks some packages.

    Parameters
    ----------
    finder
        Asked for all others, and for everything else that finders do.
    names
        Top-level packages that are not to be found.
    """

    def __init__(self, finder: Any, names: frozenset[str]) -> None:
        self.finder, self.names = finder, names

    def find_spec(self, name: str, path: Sequence[str] | None = None, target: object = None):
        if name.partition(".")[0] in self.names:
            return None
        return self.finder.find_spec(name, path, target)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.finder, name)


LACKING = frozenset(os.environ["WITHOUT_PACKAGES"].split())
sys.meta_path[:] = [Without(finder, LACKING) for finder in sys.meta_path]
