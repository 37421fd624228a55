"""Constraints as plain documents, and back: what a file, a form or a reviewer's tool can hold.

A document is a mapping with ``kind`` (the class in snake case, such as ``"pin"``), ``id``, and the
constraint's own fields; arrays are lists.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import MISSING, fields
from typing import Any

import numpy as np

from .constraints import KINDS, Constraint, Constraints
from .errors import ProblemError

Document = dict[str, Any]


def to_documents(constraints: Iterable[Constraint]) -> list[Document]:
    """Return one document per constraint.

    Parameters
    ----------
    constraints : iterable of Constraint
        What to write down.

    Returns
    -------
    list of dict
        JSON-ready; `from_documents` reads them.

    Examples
    --------
    >>> from solver import Pin
    >>> to_documents([Pin("reviewer-7", 4, 1)])
    [{'kind': 'pin', 'id': 'reviewer-7', 'fine': 4, 'coarse': 1}]
    """
    return [
        {"kind": item.kind, **{f.name: _listed(getattr(item, f.name)) for f in fields(item)}}
        for item in constraints
    ]


def from_documents(documents: Iterable[Mapping[str, Any]]) -> Constraints:
    """Return the constraints of documents.

    Parameters
    ----------
    documents : iterable of mapping
        One per constraint: its `kind`, its `id` and its fields, as `to_documents` gives them.

    Returns
    -------
    Constraints
        All of them, in the order given.

    Raises
    ------
    ProblemError
        An unknown kind or field, a missing field, or a value that the constraint refuses.

    Examples
    --------
    >>> from solver import from_documents
    >>> from_documents([{"kind": "pin", "id": "reviewer-7", "fine": 4, "coarse": 1}]).items
    (Pin(id='reviewer-7', fine=4, coarse=1),)
    """
    return Constraints(tuple(_constraint(document) for document in documents))


def _constraint(document: Mapping[str, Any]) -> Constraint:
    given = dict(document)
    kind = KINDS.get(given.pop("kind", ""))
    if kind is None:
        raise ProblemError(
            f"constraint: expected a kind among {', '.join(KINDS)}, found "
            f"{document.get('kind')!r}; name one of them."
        )
    known = {f.name: f for f in fields(kind)}
    needed = {name for name, f in known.items() if f.default is MISSING}
    if wrong := sorted({*given} - {*known}) or sorted(needed - {*given}):
        raise ProblemError(
            f"{document['kind']}: expected the fields {', '.join(known)}, found {sorted(given)}; "
            f"mend {wrong[0]!r}."
        )
    try:
        return kind(**{name: _tupled(known[name].type, value) for name, value in given.items()})
    except ProblemError:
        raise
    except (TypeError, ValueError, OverflowError) as error:
        raise ProblemError(
            f"{document['kind']} {given.get('id')!r}: expected values of the fields' types, "
            f"found {given}; mend it ({error})."
        ) from error


def _tupled(kind: Any, value: Any) -> Any:
    return tuple(value) if str(kind).startswith("tuple") and isinstance(value, list) else value


def _listed(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return value.tolist()
    return list(value) if isinstance(value, tuple) else value
