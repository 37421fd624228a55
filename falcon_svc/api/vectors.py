"""Bodies that hold vectors: JSON with what else is said about them, or the bytes of a npy file.

And the answers to them, and to files and texts: a record per sample, written without a model.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from fastapi import Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError
from pydantic_core import from_json, to_json

from falcon_svc.api.strict_route import JSON

NPY = "application/octet-stream"
Asked = TypeVar("Asked", bound=BaseModel)


def body_of(model: str) -> dict[str, Any]:
    """Document a body that is a model in JSON, or a npy file."""
    vectors = {"type": "string", "format": "binary", "description": "npy (N, D)"}
    content = {
        JSON: {"schema": {"$ref": f"#/components/schemas/{model}"}},
        NPY: {"schema": vectors, "example": "bytes of a npy file"},
    }
    return {"requestBody": {"required": True, "content": content}}


def as_json(found: Mapping[str, Any]) -> Response:
    """Return a document as it is: one record per sample is too much to check again."""
    return Response(to_json(found), media_type=JSON)


def read_json(model: type[Asked], body: bytes) -> Asked:
    """Return the document in a body.

    Raises
    ------
    RequestValidationError
        It is no JSON, or not of the model.
    """
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        wrong = error.errors(include_url=False)
        places = [{**one, "loc": ("body", *one["loc"])} for one in wrong]
        is_json = all(one["type"] != "json_invalid" for one in wrong)
        given = from_json(body) if is_json else None
        raise RequestValidationError(places, body=given) from error
