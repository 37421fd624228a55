"""Names of a package that are imported when they are first asked for.

Place: in the `__init__` of packages whose modules load torch, numpy or a database, so that
importing the package itself loads none of them.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def late(package: str, homes: Mapping[str, str]) -> Callable[[str], Any]:
    """Return the `__getattr__` of a package; what it has found it keeps there.

    Parameters
    ----------
    package
        Its `__name__`.
    homes
        Name -> the module of the package that holds it.
    """

    def found(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = getattr(import_module(f"{package}.{homes[name]}"), name)
        setattr(sys.modules[package], name, value)
        return value

    return found
