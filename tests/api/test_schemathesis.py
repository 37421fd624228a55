"""Generated requests against a running service, judged by its own OpenAPI document.

schemathesis (schemathesis.readthedocs.io) makes requests that fit the document and requests that
do not, follows what answers name, and checks each answer: no server error, documented status,
media type, headers and body, wrong data refused, right data taken, other methods 405, nothing
without a key, deleted things gone. All its checks are on.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from string import Template

import pytest

from tests.api.conftest import QUICK
from tests.api.running import Running, npz_bytes
from tests.api.test_access import make_key

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
CONFIG = Template(Path(__file__).with_name("schemathesis.toml").read_text())
ANY = {"keys_required": "true", "rate_per_s": 10_000, "wrong_keys": 100_000, "most_wait_s": 0.1}


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    """A service that asks for keys, and is seldom too busy to judge a request."""
    running = Running(tmp_path_factory.mktemp("fuzzed") / "data", worker_nice=5, **ANY)
    yield running
    running.stop()


@pytest.fixture(scope="module")
def config(guarded, tmp_path_factory):
    """The configuration, with a key and the ids of things that are there."""
    key = make_key(guarded, "ann", "--scopes", "admin")
    with guarded.client(key) as falcon:
        http = falcon._transport.http
        dataset = http.post("/v1/datasets", files={"file": ("a.npz", npz_bytes(60))}).json()["id"]
        job = falcon.wait(falcon.submit(dataset, QUICK)["id"])
        assert job["state"] == "succeeded"
        order = {"custom_id": "x", "dataset_id": dataset, "config": QUICK}
        batch = http.post("/v1/batches", json={"jobs": [order]}).json()["id"]
        upload = http.post("/v1/uploads", json={"name": "b.npz", "size_bytes": 9}).json()["id"]
        folder = tmp_path_factory.mktemp("schemathesis")
        document = with_events(http.get("/v1/openapi.json").json())
        (folder / "openapi.json").write_text(json.dumps(document))
    filled = CONFIG.substitute(
        URL=guarded.url, KEY=key, DATASET=dataset, JOB=job["id"], BATCH=batch, UPLOAD=upload
    )
    (folder / "schemathesis.toml").write_text(filled)
    return folder


JOB_EVENT = {
    "type": "object",
    "required": ["id", "event", "data"],
    "properties": {
        "id": {"type": "string", "pattern": "^[1-9][0-9]*$"},
        "event": {"enum": ["state", "progress"]},
        "data": {
            "type": "string",
            "contentMediaType": "application/json",
            "contentSchema": {"$ref": "#/components/schemas/JobEvent"},
        },
    },
}
REVIEW_EVENT = {
    "type": "object",
    "required": ["event", "data"],
    "properties": {
        "event": {"const": "state"},
        "data": {
            "type": "string",
            "contentMediaType": "application/json",
            "contentSchema": {"type": "object", "required": ["head", "resolve"]},
        },
    },
}


def with_events(document):
    """Say what one event is: schemathesis takes the schema of a stream for that."""
    operations = [o for path in document["paths"].values() for o in path.values()]
    for name, event in (("follow_job", JOB_EVENT), ("follow_review", REVIEW_EVENT)):
        [follow] = [o for o in operations if isinstance(o, dict) and o.get("operationId") == name]
        follow["responses"]["200"]["content"]["text/event-stream"]["schema"] = event
    return document


def schemathesis(folder, *flags):
    command = [sys.executable, "-m", "schemathesis.cli", "--config-file", "schemathesis.toml"]
    command += ["run", "openapi.json", "--checks", "all", *flags]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{done.stdout[-8000:]}\n{done.stderr[-2000:]}"
    return done.stdout


def test_generated_requests_are_answered_as_documented(config):
    """Deleting comes later, as it would delete what the others look at."""
    phases = "examples,coverage,fuzzing"
    found = schemathesis(config, "--phases", phases, "--exclude-method", "DELETE")
    assert "Tested: 55" in found


def test_chains_of_requests_are_answered_as_documented(config):
    schemathesis(config, "--phases", "examples,coverage,fuzzing", "--include-method", "DELETE")
    schemathesis(config, "--phases", "stateful")


def test_the_service_lives_on(guarded, config):
    assert guarded.http.get("/health/ready").status_code == 200
    log = guarded.log.read_text()
    assert "Traceback" not in log, log[-3000:]
