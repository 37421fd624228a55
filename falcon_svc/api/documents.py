"""What the OpenAPI document says beyond the routes' types: problems, keys, settings, examples.

Place: routes name their refusals by `refused`; `Application` completes the document once, from
the same tables and models that the service itself works with.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from falcon_svc.api import problems
from falcon_svc.api.classifier_schemas import ClassifyIn
from falcon_svc.api.examples import EXAMPLES, problem_example
from falcon_svc.api.result_schemas import PredictIn
from falcon_svc.api.schemas import JobEvent, Problem
from falcon_svc.config import DiscoveryConfig
from falcon_svc.data.config import ReadingOptions
from falcon_svc.supervised.config import AdviceConfig, ClassifierConfig
from falcon_svc.supervised.measure_config import MetricsConfig

Document = dict[str, Any]
Responses = dict[int | str, dict[str, Any]]
SCHEMAS = "#/components/schemas/{model}"
OPEN = ("/health/live", "/health/ready")
"""Operations that need no key."""
PAGES = ("/", "/docs", "/review", "/v1/openapi.json")
FOLDERS = ("/docs/", "/review/")
"""What describes the service, and holds nothing of anybody's."""
TAGS = {
    "data sets": "Files with coarse labels, sent whole or in parts, checked once.",
    "jobs": "Discoveries, classifiers, advice, metrics: queue, follow, cancel, delete.",
    "results": "What a discovery that has succeeded found.",
    "classifiers": "Classifiers of paths, advice on finer labels, hierarchical figures.",
    "review": "Look at a result, correct it, solve it again: revisions that nobody overwrites.",
    "batches": "Jobs that are queued together.",
    "models": "Classes of new vectors.",
    "system": "Health, figures, and what this service can do.",
}
SERVERS = [
    {
        "url": "http://{address}",
        "description": "A service on this machine, or the address that it is published under.",
        "variables": {"address": {"default": "127.0.0.1:8000"}},
    }
]
JSON_FIELDS = {"options": "ReadingOptions", "config": "DiscoveryConfig", "metadata": "Metadata"}
"""Form fields that hold JSON objects, and what these are."""

FORMS = ("Body_create_dataset", "Body_discover", "Body_predict_file", "Body_classify_file")
SETTINGS = ("DiscoveryConfig", "ClassifierConfig", "AdviceConfig", "MetricsConfig")
"""What a job's `config` may be, by its kind."""

MEANING = {
    400: "Broken: no JSON, no form, a page token of another listing.",
    401: "No valid key.",
    403: "Not with this key, or not from this page.",
    404: "Not there, or another tenant's.",
    406: "None of the media types in `Accept` is offered.",
    408: "The body did not arrive in time.",
    409: "Not in the state that things are in.",
    410: "It was there, and is no longer.",
    412: "Somebody has corrected the review since; `errors` says what.",
    413: "Too large, or more than the tenant may keep.",
    415: "Another media type, encoding or file format.",
    416: "No such range of bytes.",
    422: "Understood, but it cannot be done; data sets and settings have codes of their own.",
    428: "Without `If-Match`: the revision that you saw.",
    429: "Too often, or too many; send it again after `Retry-After`.",
    500: "A mistake of the service; its log has the `request_id`.",
    503: "Not now; send it again after `Retry-After`.",
    507: "Files cannot be written, or are damaged.",
}


def _header(name: str, text: str, kind: str = "string") -> Document:
    return {name: {"schema": {"type": kind}, "required": True, "description": text}}


RETRY = _header("Retry-After", "Seconds.", "integer")
ETAG = _header("ETag", "Its version.")
LOCATION = _header("Location", "Its path.")


def refused(*statuses: int) -> Responses:
    """Return the problem documents of some statuses, for a route's `responses`."""
    return {status: _refusal(status) for status in statuses}


def _refusal(status: int) -> dict[str, Any]:
    codes = sorted(code for code, known in problems.STATUS.items() if known == status)
    named = f" Codes: {', '.join(f'`{code}`' for code in codes)}." if codes else ""
    body = {"schema": {"$ref": SCHEMAS.format(model="Problem")}, "example": problem_example(status)}
    found: dict[str, Any] = {
        "description": MEANING[status] + named,
        "content": {problems.MEDIA_TYPE: body},
    }
    return {**found, "headers": RETRY} if status in (429, 503) else found


GATED = refused(400, 401, 403, 408, 413, 415, 422, 429, 500, 503)
"""What any request may meet before a route sees it."""


def is_open(path: str) -> bool:
    """Return whether a path needs no key."""
    return path in OPEN or path in PAGES or path.startswith(FOLDERS)


class Application(FastAPI):
    """FastAPI with a completed OpenAPI document.

    Parameters
    ----------
    keys_required
        Whether operations need a key, as the document then says.
    given
        Arguments of `FastAPI`.
    """

    def __init__(self, *, keys_required: bool, **given: Any) -> None:
        tags = [{"name": name, "description": text} for name, text in TAGS.items()]
        super().__init__(openapi_tags=tags, servers=SERVERS, **given)
        self.keys_required = keys_required

    def openapi(self) -> Document:
        """Return the document, made at first use."""
        return self.openapi_schema or _completed(super().openapi(), keys=self.keys_required)

    def methods_of(self, path: str) -> list[str]:
        """Return the methods that a path has; none where there is no such path."""
        found: set[str] = {"GET"} if path in PAGES or path.startswith(FOLDERS) else set()
        for template, operations in self.openapi()["paths"].items():
            if re.fullmatch(re.sub(r"\{\w+\}", "[^/:]+", template), path):
                found |= {method.upper() for method in operations}
        more = {"OPTIONS"} | ({"HEAD"} if "GET" in found else set())
        return sorted(found | more) if found else []


def _completed(document: Document, *, keys: bool) -> Document:
    schemas: Document = document["components"]["schemas"]
    schemas |= _models()
    for name, example in EXAMPLES.items():
        schemas[name]["examples"] = [example]
    for name in ("JobIn", "BatchJobIn"):
        schemas[name]["properties"]["config"] |= {"anyOf": [_reference(one) for one in SETTINGS]}
        schemas[name]["properties"]["config"].pop("additionalProperties", None)  # pydantic 2.11 on
        del schemas[name]["properties"]["config"]["type"]
    schemas["CompleteIn"]["properties"]["options"]["$ref"] = SCHEMAS.format(model="ReadingOptions")
    for name in FORMS:
        _type_form(schemas[name])
    if keys:
        scheme = {"type": "http", "scheme": "bearer", "description": "`fk_...`"}
        document["components"]["securitySchemes"] = {"key": scheme}
    shared: Document = document["components"].setdefault("responses", {})
    for path, operation in _operations(document):
        operation["security"] = [{"key": []}] if keys and path not in OPEN else []
        for status in filter(_is_error, operation["responses"]):
            shared[f"problem_{status}"] = operation["responses"][status]
            operation["responses"][status] = {"$ref": f"#/components/responses/problem_{status}"}
        form = operation.get("requestBody", {}).get("content", {}).get("multipart/form-data")
        if form is not None:
            json = {"contentType": "application/json"}
            form["encoding"] = dict.fromkeys(JSON_FIELDS, json)
    return document


def _reference(model: str) -> Document:
    return {"$ref": SCHEMAS.format(model=model)}


def _is_error(status: str) -> bool:
    return int(status) >= 400


def _operations(document: Document) -> Iterable[tuple[str, Document]]:
    for path, methods in document["paths"].items():
        for operation in methods.values():
            yield path, operation


def _models() -> Document:
    """Return what routes name without its type, and settings as the configuration has them."""
    made: Document = {}
    bodies = (Problem, PredictIn, ClassifyIn, JobEvent, ReadingOptions)
    for model in (*bodies, DiscoveryConfig, ClassifierConfig, AdviceConfig, MetricsConfig):
        schema = _schema_of(model)
        made |= schema.pop("$defs", {})
        made[model.__name__] = schema
    del made["DataConfig"]  # its limits are the operator's
    made["DiscoveryConfig"]["properties"]["data"] = {"$ref": SCHEMAS.format(model="ReadingOptions")}
    made["Metadata"] = {
        "type": "object",
        "additionalProperties": {"type": "string"},
        "maxProperties": 50,
        "description": "Yours.",
    }
    return made


class _Tuples(GenerateJsonSchema):
    """Says of tuples what any of their items is, too: many generators know `items` only."""

    def tuple_schema(self, schema: core_schema.TupleSchema) -> JsonSchemaValue:
        """Return the schema of a tuple; one of equal items is an array of some length."""
        made = super().tuple_schema(schema)
        parts = made.get("prefixItems", [])
        different = [part for number, part in enumerate(parts) if part not in parts[:number]]
        if len(different) == 1:
            del made["prefixItems"]
        if different and "items" not in made:
            made["items"] = different[0] if len(different) == 1 else {"anyOf": different}
        return made


def _schema_of(model: type[BaseModel]) -> Document:
    return model.model_json_schema(ref_template=SCHEMAS, schema_generator=_Tuples)


def _type_form(form: Document) -> None:
    form["additionalProperties"] = False
    for field, model in JSON_FIELDS.items():
        if field in form["properties"]:
            form["properties"][field] = {"$ref": SCHEMAS.format(model=model)}
