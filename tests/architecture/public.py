"""Everything public: the names in ``__all__`` of packages, and public methods of classes there."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any

from pydantic import BaseModel

from falcon_svc.encoder import Encoder
from falcon_svc.engines import Engine
from tests.architecture.sources import modules

PROTOCOLS = (Encoder, Engine)
"""Classes that keep them need not say again what their methods do."""


@dataclass(frozen=True)
class Public:
    """One public class or function; `name` is where users find it."""

    name: str
    object: Any
    owner: type | None = None

    @property
    def room(self) -> str:
        """The package below the top one, such as ``data``; of the top one's own names the name."""
        return self.name.split(".")[1]

    @property
    def function(self) -> Callable[..., Any] | None:
        """What is called: the function, method or property; None of a class."""
        return None if inspect.isclass(self.object) else _function(self.object)

    @property
    def says_its_own_parameters(self) -> bool:
        """Whether the docstring is the place for them.

        Settings describe themselves, field by field; protocols have none; an error that adds no
        parameter has those of its base.
        """
        if not inspect.isclass(self.object):
            return True
        settings = issubclass(self.object, BaseModel)
        return "__init__" in vars(self.object) and not settings and not is_protocol(self.object)


@cache
def doors() -> tuple[str, ...]:
    """Packages with an ``__all__``."""
    packages = [module for module in modules() if module.path.name == "__init__.py"]
    return tuple(module.name for module in packages if "__all__ = [" in module.text)


@cache
def everything() -> tuple[Public, ...]:
    """All that is public, each once, at the first door that has it."""
    found: dict[Any, Public] = {}
    for door in doors():
        package = import_module(door)
        for name in package.__all__:
            thing = getattr(package, name)
            if _is_ours(thing) and thing not in found:
                found[thing] = Public(f"{door}.{name}", thing)
    return tuple(part for one in found.values() for part in (one, *_methods(one, set(found))))


def is_protocol(thing: Any) -> bool:
    return bool(getattr(thing, "_is_protocol", False))


def _is_ours(thing: Any) -> bool:
    callable_ = inspect.isclass(thing) or inspect.isfunction(thing)
    return callable_ and thing.__module__.split(".")[0] in ("falcon_svc", "solver")


def _methods(public: Public, doors: set[Any]) -> Iterator[Public]:
    """Yield public methods, less those that keep what a base class or a protocol promises.

    Those of bases that are at no door are found here alone.
    """
    for name, thing in _own(public.object, doors).items() if inspect.isclass(public.object) else ():
        is_method = not name.startswith("_") and inspect.isfunction(_function(thing))
        if is_method and not _is_promised(public.object, name, thing):
            yield Public(f"{public.name}.{name}", thing, public.object)


def _own(owner: type, doors: set[Any]) -> dict[str, Any]:
    hidden = [base for base in owner.__mro__[1:] if _is_ours(base) and base not in doors]
    return {name: thing for one in (*reversed(hidden), owner) for name, thing in vars(one).items()}


def _is_promised(owner: type, name: str, own: Any) -> bool:
    kept = [one for one in PROTOCOLS if one is not owner and _keeps(owner, one)]
    above = [vars(base).get(name) for base in (*owner.__mro__[1:], *kept)]
    return any(thing.__doc__ for thing in above if thing is not None and thing is not own)


def _keeps(owner: type, protocol: type) -> bool:
    return all(hasattr(owner, name) for name in vars(protocol) if not name.startswith("_"))


def _function(thing: Any) -> Any:
    if isinstance(thing, classmethod | staticmethod):
        return thing.__func__
    return thing.fget if isinstance(thing, property) else inspect.unwrap(thing)
