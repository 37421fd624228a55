"""Docstrings of all that is public: numpydoc's validator, and what it does not see.

Types stand in signatures, where mypy checks them; docstrings add shapes, units and ranges.
"""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from collections.abc import Iterator

import pytest
from numpydoc.docscrape import FunctionDoc
from numpydoc.validate import ERROR_MSGS, validate
from pydantic import BaseModel

from tests.architecture.public import Public, everything, is_protocol

NOT_CHECKED = {
    "ES01": "a second paragraph stands where there is more to say, not everywhere",
    "SA01": "the site's search and links lead to what is near",
    "PR04": "types stand in the signature: mypy checks them there, a copy would age",
}
EXCEPTIONS: dict[str, set[str]] = {}
"""Name -> checks that it fails. It stays empty."""

ARRAYS = re.compile(r"NDArray|ArrayLike|Array\b|Tensor|Floats|Ints\b")
SHAPE = re.compile(r"\([^()]*,[^()]*\)|\([A-Z]\)")
NUMBER = re.compile(r"(int|float)( \| None)?")
RANGE = re.compile(r"\d|[<>]|units of")
OF_PYTHON = {"AttributeError", "NotImplementedError", "StopIteration"}

ROOMS = sorted({one.room for one in everything()})
every_room = pytest.mark.parametrize("room", ROOMS)


def public_of(room: str) -> list[Public]:
    return [one for one in everything() if one.room == room]


def example_is_due(public: Public) -> bool:
    """Of names of doors; not of errors, protocols and settings."""
    if public.owner:
        return False
    kinds = (BaseException, BaseModel)
    plain = not inspect.isclass(public.object) or not issubclass(public.object, kinds)
    return plain and not is_protocol(public.object)


def not_due(public: Public) -> set[str]:
    skipped = set(NOT_CHECKED)
    if not example_is_due(public):
        skipped.add("EX01")
    if not public.says_its_own_parameters:
        skipped |= {"PR01", "PR02"}
    return skipped


def described(public: Public) -> dict[str, str]:
    """Parameter -> what the docstring says of it."""
    sections = FunctionDoc(None, doc=inspect.getdoc(public.object) or "")
    return {
        name.strip("* "): " ".join(part.desc) + part.type
        for part in sections["Parameters"]
        for name in part.name.split(",")
    }


@every_room
def test_numpydoc_finds_nothing_wrong(room):
    wrong = {one.name: found for one in public_of(room) if (found := numpydoc_finds(one))}
    assert wrong == {}


def numpydoc_finds(public: Public) -> dict[str, str]:
    found = dict(validate(public.name)["errors"])
    skipped = not_due(public) | EXCEPTIONS.get(public.name, set())
    return {code: text for code, text in found.items() if code not in skipped}


def parameters(public: Public) -> Iterator[tuple[str, inspect.Parameter]]:
    if public.says_its_own_parameters:
        taken = inspect.signature(public.function or public.object).parameters
        yield from ((name, one) for name, one in taken.items() if name not in ("self", "cls"))


@every_room
def test_parameters_have_types_and_arrays_have_shapes(room):
    for public in public_of(room):
        known = described(public)
        for name, parameter in parameters(public):
            assert parameter.annotation is not parameter.empty, f"{public.name}: {name}"
            if name in known and ARRAYS.search(str(parameter.annotation)):
                assert SHAPE.search(known[name]), f"{public.name}: {name}: {known[name]}"


@every_room
def test_numbers_have_ranges_or_units(room):
    """``>= 0``, ``in [0, 1]``, ``in units of the affinity``: said in words or by the default."""
    for public in (one for one in public_of(room) if not is_protocol(one.object)):
        known = described(public)
        for name, parameter in parameters(public):
            annotation = parameter.annotation
            annotation = str(getattr(annotation, "__forward_arg__", annotation))
            if name in known and NUMBER.fullmatch(annotation):
                assert RANGE.search(known[name]), f"{public.name}: {name}: {known[name]}"


@every_room
def test_what_raises_says_so(room):
    for public in (one for one in public_of(room) if one.function):
        tree = ast.parse(textwrap.dedent(inspect.getsource(public.function)))
        raised = {_name(node.exc) for node in ast.walk(tree) if isinstance(node, ast.Raise)}
        if raised - OF_PYTHON - {""}:
            assert FunctionDoc(public.function)["Raises"], (public.name, raised)


@every_room
def test_settings_describe_themselves(room):
    for public in public_of(room):
        if inspect.isclass(public.object) and issubclass(public.object, BaseModel):
            for name, field in public.object.model_fields.items():
                kind = field.annotation
                section = isinstance(kind, type) and issubclass(kind, BaseModel)
                assert field.description or section, f"{public.name}: {name}"


def test_exceptions_are_none_and_checks_exist():
    assert not EXCEPTIONS
    assert set(NOT_CHECKED) <= set(ERROR_MSGS)


def _name(raised: ast.expr | None) -> str:
    called = raised.func if isinstance(raised, ast.Call) else raised
    return ast.unparse(called) if called is not None else ""
