"""Docstrings of all that is public: numpydoc's validator, and what it does not see.

Types stand in signatures, where mypy checks them; docstrings add shapes, units and ranges.
"""

from __future__ import annotations

import ast
import inspect
import re
import textwrap

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
NO_EXAMPLE = {
    "client": "needs a service; docs/client.md has examples, which a test runs",
    "encoder": "needs files of images or texts; docs/encoders.md has commands",
    "engines": "starts processes or a cluster",
    "joint": "trains a network on images",
    "report": "takes a whole discovery; `falcon discover` writes it",
    "storage": "needs a database",
    "triage": "needs a result under review; docs/exports.md has commands",
}
"""Room -> why the examples of its names are not in docstrings."""

ONE_REQUEST = {"PR01", "RT01", "YD01"}
"""Not checked in methods of the client: each is one request of docs/api.md, and what goes in and
comes back is typed; what is more than an id or a document is explained all the same."""

EXCEPTIONS: dict[str, set[str]] = {}
"""Name -> checks that it fails. It stays empty."""

ARRAYS = re.compile(r"NDArray|ArrayLike|Array\b|Tensor|Floats|Ints\b")
SHAPE = re.compile(r"\([^()]*,[^()]*\)|\([A-Z]\)")
NUMBER = re.compile(r"(int|float)( \| None)?")
RANGE = re.compile(r"\d|[<>]|units of")
OF_PYTHON = {"AttributeError", "NotImplementedError", "StopIteration"}

every_public = pytest.mark.parametrize("public", everything(), ids=lambda one: one.name)


def example_is_due(public: Public) -> bool:
    """Of names of doors; not of errors, protocols and settings."""
    room = public.name.split(".")[1]
    if public.owner or room in NO_EXAMPLE:
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
    if public.owner and public.name.startswith("falcon_svc.client."):
        skipped |= ONE_REQUEST
    return skipped


def described(public: Public) -> dict[str, str]:
    """Parameter -> what the docstring says of it."""
    sections = FunctionDoc(None, doc=inspect.getdoc(public.object) or "")
    return {
        name.strip("* "): " ".join(part.desc) + part.type
        for part in sections["Parameters"]
        for name in part.name.split(",")
    }


@every_public
def test_numpydoc_finds_nothing_wrong(public):
    found = dict(validate(public.name)["errors"])
    skipped = not_due(public) | EXCEPTIONS.get(public.name, set())
    assert {code: text for code, text in found.items() if code not in skipped} == {}


@every_public
def test_parameters_have_types_and_arrays_have_shapes(public):
    if not public.says_its_own_parameters:
        return
    known = described(public)
    for name, parameter in inspect.signature(public.function or public.object).parameters.items():
        if name in ("self", "cls"):
            continue
        assert parameter.annotation is not parameter.empty, name
        if name in known and ARRAYS.search(str(parameter.annotation)):
            assert SHAPE.search(known[name]), f"{name}: {known[name]}"


@every_public
def test_numbers_have_ranges_or_units(public):
    """``>= 0``, ``in [0, 1]``, ``in units of the affinity``: said in words or by the default."""
    if not public.says_its_own_parameters or is_protocol(public.object):
        return
    known = described(public)
    for name, parameter in inspect.signature(public.function or public.object).parameters.items():
        annotation = str(getattr(parameter.annotation, "__forward_arg__", parameter.annotation))
        if name in known and NUMBER.fullmatch(annotation):
            assert RANGE.search(known[name]), f"{name}: {known[name]}"


@every_public
def test_what_raises_says_so(public):
    if public.function:
        tree = ast.parse(textwrap.dedent(inspect.getsource(public.function)))
        raised = {_name(node.exc) for node in ast.walk(tree) if isinstance(node, ast.Raise)}
        if raised - OF_PYTHON - {""}:
            assert FunctionDoc(public.function)["Raises"], raised


@every_public
def test_settings_describe_themselves(public):
    if inspect.isclass(public.object) and issubclass(public.object, BaseModel):
        for name, field in public.object.model_fields.items():
            section = isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)
            assert field.description or section, name


def test_exceptions_are_none_and_checks_exist():
    assert not EXCEPTIONS
    assert set(NOT_CHECKED) <= set(ERROR_MSGS)


def _name(raised: ast.expr | None) -> str:
    called = raised.func if isinstance(raised, ast.Call) else raised
    return ast.unparse(called) if called is not None else ""
