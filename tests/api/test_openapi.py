"""The OpenAPI document: complete, true to the models, and the same that routes obey."""

from __future__ import annotations

import re

import pytest
from fastapi.testclient import TestClient
from pydantic import TypeAdapter

from falcon_svc.api import problems, schemas
from falcon_svc.api.app import create_app
from falcon_svc.api.documents import OPEN
from falcon_svc.api.examples import EXAMPLES, problem_example
from falcon_svc.config import DiscoveryConfig
from falcon_svc.service.datasets import OPTIONS
from falcon_svc.settings import Settings

FORMS = {"Body_create_dataset", "Body_discover"}


@pytest.fixture(scope="module")
def app():
    return create_app(Settings())


@pytest.fixture(scope="module")
def document(app):
    return app.openapi()


@pytest.fixture(scope="module")
def operations(document):
    return {
        f"{method} {path}": operation
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }


def follow(document, node):
    """What a reference points to."""
    while "$ref" in node:
        found = document
        for name in node["$ref"].removeprefix("#/").split("/"):
            found = found[name]
        node = found
    return node


def has_example(document, media):
    schema = follow(document, media.get("schema", {}))
    items = follow(document, schema.get("items", {}))
    return "example" in media or "examples" in schema or "examples" in items


def test_every_operation_says_what_it_is(document, operations):
    assert document["openapi"].startswith("3.1")
    names = [operation["operationId"] for operation in operations.values()]
    assert len(names) == len(set(names)) >= 35
    for where, operation in operations.items():
        assert operation["summary"] and operation["description"].endswith("."), where
        assert operation["tags"], where


def test_every_operation_has_examples(document, operations):
    for where, operation in operations.items():
        for parameter in operation.get("parameters", []):
            assert parameter["schema"].get("examples"), (where, parameter["name"])
        bodies = [operation.get("requestBody", {})]
        bodies += [follow(document, answer) for answer in operation["responses"].values()]
        for body in bodies:
            for kind, media in body.get("content", {}).items():
                assert has_example(document, media), (where, kind)


def test_every_refusal_is_a_problem_document(document, operations):
    for where, operation in operations.items():
        for status, answer in operation["responses"].items():
            content = follow(document, answer).get("content", {})
            if int(status) >= 400:
                assert list(content) == [problems.MEDIA_TYPE], (where, status)
                schemas.Problem.model_validate(content[problems.MEDIA_TYPE]["example"])


def test_every_operation_but_health_asks_for_a_key(operations):
    for where, operation in operations.items():
        is_open = where.split()[1] in OPEN
        assert operation["security"] == ([] if is_open else [{"key": []}]), where
        assert is_open or {"401", "403", "429"} <= set(operation["responses"]), where


@pytest.mark.parametrize("name", sorted(set(EXAMPLES) - FORMS))
def test_examples_are_what_their_models_take(name):
    generic = re.fullmatch(r"Page_(\w+)_", name)
    model = schemas.Page[getattr(schemas, generic[1])] if generic else getattr(schemas, name)
    adapter = TypeAdapter(model)
    assert adapter.validate_json(adapter.dump_json(adapter.validate_python(EXAMPLES[name])))


def test_settings_are_those_of_the_configuration(document):
    known = document["components"]["schemas"]
    assert set(known["ReadingOptions"]["properties"]) == OPTIONS
    assert set(known["DiscoveryConfig"]["properties"]) == set(DiscoveryConfig.model_fields)
    for form in FORMS:
        assert known[form]["properties"]["options"] == {
            "$ref": "#/components/schemas/ReadingOptions"
        }


def test_every_code_has_its_status_documented_with_an_example(document):
    shared = document["components"]["responses"]
    for code, status in problems.STATUS.items():
        if status != 405:  # of methods that no operation has
            assert f"`{code}`" in shared[f"problem_{status}"]["description"]
            assert problem_example(status)["status"] == status


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    settings = Settings(data_dir=tmp_path_factory.mktemp("open"), private_webhooks=False)
    with TestClient(create_app(settings), "http://127.0.0.1") as client:
        yield client


def test_other_methods_are_answered_with_those_there_are(browser, operations):
    for where in operations:
        _, path = where.split()
        allowed = {m.upper() for m, p in map(str.split, operations) if p == path}
        place = re.sub(r"\{\w+\}", "1", path)
        for method in {"GET", "POST", "PUT", "PATCH", "DELETE", "TRACE", "OPTIONS"} - allowed:
            answer = browser.request(method, place)
            assert answer.status_code == 405, (method, path)
            assert answer.headers["Content-Type"] == problems.MEDIA_TYPE
            assert set(answer.headers["Allow"].split(", ")) == allowed, (method, path)


@pytest.mark.parametrize("path", ["/", "/docs", "/redoc", "/v1", "/v1/jobs/", "/openapi.json"])
def test_nothing_else_is_there(browser, path):
    answer = browser.get(path, follow_redirects=False)
    assert (answer.status_code, answer.headers["Content-Type"]) == (404, problems.MEDIA_TYPE)
