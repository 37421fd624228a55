"""The OpenAPI document: complete, true to the models, and the same that routes obey."""

from __future__ import annotations

import re

import pytest
from fastapi.testclient import TestClient
from pydantic import TypeAdapter

from falcon_svc.api import (
    ancestry_schemas,
    classifier_schemas,
    problems,
    result_schemas,
    review_schemas,
    schemas,
)
from falcon_svc.api.app import create_app
from falcon_svc.api.documents import OPEN, SETTINGS
from falcon_svc.api.examples import EXAMPLES, problem_example
from falcon_svc.api.routes import pages
from falcon_svc.config import DiscoveryConfig
from falcon_svc.data.config import DataConfig
from falcon_svc.service.datasets import OPTIONS
from falcon_svc.settings import Settings
from falcon_svc.supervised.config import AdviceConfig, ClassifierConfig
from falcon_svc.supervised.measure_config import MetricsConfig
from tests.api.refusing import refusal

OPERATORS = {"probe_hdf5", "ratio_free_bytes", "follow_links"}
FORMS = {*("Body_create_dataset", "Body_discover"), *("Body_predict_file", "Body_classify_file")}


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


@pytest.mark.parametrize("keys_required", [True, False])
def test_every_operation_but_health_asks_for_a_key_where_the_service_does(keys_required):
    document = create_app(Settings(keys_required=keys_required)).openapi()
    assert ("securitySchemes" in document["components"]) == keys_required
    for path, methods in document["paths"].items():
        for operation in methods.values():
            needs = keys_required and path not in OPEN
            assert operation["security"] == ([{"key": []}] if needs else []), path
            assert path in OPEN or {"401", "403", "429"} <= set(operation["responses"]), path


def test_servers_and_tags_are_declared(document, operations):
    (server,) = document["servers"]
    assert server["url"].format(address=server["variables"]["address"]["default"]) == (
        f"http://127.0.0.1:{Settings().port}"
    )
    declared = {tag["name"] for tag in document["tags"]}
    assert {tag for one in operations.values() for tag in one["tags"]} == declared
    assert all(tag["description"].endswith(".") for tag in document["tags"])


def nodes(value):
    """Every object inside a JSON value."""
    if isinstance(value, dict):
        yield value
        value = list(value.values())
    for inner in value if isinstance(value, list) else ():
        yield from nodes(inner)


def test_schemas_have_the_keywords_of_json_schema_only(document):
    """Bounds written on a union come out as pydantic's own words."""

    def schemas(node):
        if isinstance(node, dict):
            yield node
        for below in node.values() if isinstance(node, dict) else node:
            if isinstance(below, dict | list):
                yield from schemas(below)

    own = {"gt", "ge", "lt", "le", "max_length", "min_length"}
    assert [node for node in schemas(document) if "description" in node and own & node.keys()] == []


def test_files_and_lists_are_described_as_generators_know_them(document):
    """OpenAPI 3.1 has other words for both, which most of them pass over."""
    for form in FORMS:
        properties = document["components"]["schemas"][form]["properties"]
        for name in ("file", "labels"):
            assert (properties[name]["type"], properties[name]["format"]) == ("string", "binary")
    arrays = [node for node in nodes(document) if node.get("type") == "array"]
    assert arrays and all("items" in node for node in arrays)
    media = [node for node in nodes(document) if "text/event-stream" in node]
    assert [one["text/event-stream"]["schema"] for one in media] == 2 * [{"type": "string"}]
    for node in nodes(document):  # text is no file
        for kind, body in node.items():
            if kind.startswith("text/") and isinstance(body, dict):
                assert "format" not in body["schema"], kind


@pytest.mark.parametrize("name", sorted(set(EXAMPLES) - FORMS))
def test_examples_are_what_their_models_take(name):
    generic = re.fullmatch(r"Page_(\w+)_", name)
    homes = (ancestry_schemas, classifier_schemas, result_schemas, review_schemas, schemas)
    home = next(one for one in homes if hasattr(one, name) or one is schemas)
    model = schemas.Page[getattr(schemas, generic[1])] if generic else getattr(home, name)
    adapter = TypeAdapter(model)
    assert adapter.validate_json(adapter.dump_json(adapter.validate_python(EXAMPLES[name])))


def test_settings_are_those_of_the_configuration(document):
    known = document["components"]["schemas"]
    assert set(known["ReadingOptions"]["properties"]) == OPTIONS
    limits = {name for name in DataConfig.model_fields if name.startswith(("max_", "hdf5_"))}
    assert len(limits) >= 8 and OPTIONS >= set(DataConfig.model_fields) - limits - OPERATORS
    assert "count_features" in OPTIONS and not OPTIONS & (limits | OPERATORS)
    assert set(known["DiscoveryConfig"]["properties"]) == set(DiscoveryConfig.model_fields)
    for model in (ClassifierConfig, AdviceConfig, MetricsConfig):
        assert set(known[model.__name__]["properties"]) == set(model.model_fields)
    for name in ("JobIn", "BatchJobIn"):
        (config,) = [known[name]["properties"]["config"]["anyOf"]]
        assert [one["$ref"].rpartition("/")[2] for one in config] == list(SETTINGS)
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


def test_a_mistake_of_ours_has_the_id_that_the_log_has(browser, monkeypatch, caplog):
    def fail(*_, **__):
        raise RecursionError("too deep")

    monkeypatch.setattr("falcon_svc.service.jobs.page", fail)
    answer = browser.get("/v1/jobs")
    assert refusal(answer) == (500, "internal")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.json()["request_id"] in caplog.text
    assert "too deep" in caplog.text


def test_other_methods_are_answered_with_those_there_are(browser, operations):
    for where in operations:
        _, path = where.split()
        allowed = {m.upper() for m, p in map(str.split, operations) if p == path} | {"OPTIONS"}
        allowed |= {"HEAD"} if "GET" in allowed else set()
        place = re.sub(r"\{\w+\}", "1", path)
        for method in {"GET", "POST", "PUT", "PATCH", "DELETE", "TRACE", "HEAD"} - allowed:
            answer = browser.request(method, place)
            assert answer.status_code == 405, (method, path)
            assert method == "HEAD" or answer.headers["Content-Type"] == problems.MEDIA_TYPE
            assert set(answer.headers["Allow"].split(", ")) == allowed, (method, path)

        asked = browser.options(place)
        assert (asked.status_code, asked.content) == (204, b""), path
        assert set(asked.headers["Allow"].split(", ")) == allowed, path
        assert not [name for name in asked.headers if name.startswith("access-control")]


@pytest.mark.parametrize(
    "path", ["/health/live", "/v1/capabilities", "/v1/jobs", "/v1/openapi.json", "/docs", "/none"]
)
def test_head_is_get_without_its_body(browser, path):
    head, get = browser.head(path), browser.get(path)
    assert (head.status_code, head.content) == (get.status_code, b"")
    for name in ("content-type", "content-length", "content-security-policy"):
        assert head.headers.get(name) == get.headers.get(name), name


def test_the_page_at_docs_is_of_this_package_alone(browser):
    """No other host is named in it, and none would be asked."""
    assert str(browser.get("/").url).endswith("/docs")
    page = browser.get("/docs")
    assert page.headers["Content-Type"].startswith("text/html")
    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "http" not in policy
    links = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert len(links) >= 4 and not any("//" in link for link in links)
    for link in links:
        assert browser.get(f"/{link}").status_code == 200, link
    assert browser.get("/docs/LICENSE").status_code == 404
    folder = pages.FOLDER
    assert "Apache License" in (folder / "LICENSE").read_text()
    assert "swagger-ui-dist" in (folder / "README.md").read_text()


def test_a_guarded_service_shows_its_document_and_nothing_else(tmp_path):
    settings = Settings(data_dir=tmp_path / "data", keys_required=True)
    with TestClient(create_app(settings), "http://127.0.0.1") as http:
        for path, status in (("/docs", 200), ("/v1/openapi.json", 200), ("/v1/jobs", 401)):
            assert http.get(path).status_code == status, path
        assert http.head("/v1/jobs").status_code == http.options("/v1/jobs").status_code == 401


@pytest.mark.parametrize(
    ("path", "pointer"),
    [("/v1/jobs?pagesize=1", "/query/pagesize"), ("/v1/capabilities?x=1", "/query/x"),
     ("/v1/jobs?state=succeeded&State=failed", "/query/State"), ("/health/live?a", None)],
)  # fmt: skip
def test_unknown_query_names_are_refused(browser, path, pointer):
    answer = browser.get(path)
    if pointer is None:  # an empty one is none
        assert answer.status_code in (200, 422)
        return
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    assert answer.json()["errors"] == [
        {"pointer": pointer, "detail": "there is no such parameter here"}
    ]


@pytest.mark.parametrize(
    ("path", "pointer"),
    [("/v1/jobs?state=done", "/query/state"), ("/v1/jobs?page_size=x", "/query/page_size")],
)
def test_wrong_query_values_are_pointed_to_as_they_were_written(browser, path, pointer):
    answer = browser.get(path).json()
    assert [one["pointer"] for one in answer["errors"]] == [pointer]
    assert "Input should" not in answer["detail"] and "literal[" not in answer["detail"]


def test_every_wrong_setting_of_a_job_is_listed(browser):
    config = {"counts": {"n_fine": 0, "n": 1}, "train": {"epochs": "x"}, "sed": 3}
    body = {"dataset_id": "ds_x", "config": config}
    answer = browser.post("/v1/jobs", json=body).json()
    assert answer["code"] == "bad_config"
    assert {one["pointer"] for one in answer["errors"]} == {
        f"/body/config/{name}" for name in ("counts/n_fine", "counts/n", "train/epochs", "sed")
    }
    wrong = browser.post("/v1/jobs", json={**body, "priority": 1, "metadata": {"n": 1}}).json()
    pointers = {one["pointer"] for one in wrong["errors"]}
    assert pointers == {"/body/priority", "/body/metadata/n"}


def test_settings_of_a_prediction_are_pointed_to(browser):
    for body, pointer in (([None], "/body"), ({"vectors": [["x"]]}, "/body/vectors/0/0")):
        answer = browser.post("/v1/models/job_01k8xgm1c2d3e4f5g6h7j8k9m0:predict", json=body)
        assert answer.json()["errors"][0]["pointer"] == pointer


@pytest.mark.parametrize("path", ["/redoc", "/v1", "/v1/jobs/", "/openapi.json", "/docs/x.js"])
def test_nothing_else_is_there(browser, path):
    answer = browser.get(path, follow_redirects=False)
    assert (answer.status_code, answer.headers["Content-Type"]) == (404, problems.MEDIA_TYPE)
