"""What schemathesis needs: a configuration with things that are there, and the events' schemas.

Used by the tests of this folder, with keys, and by `make clients`, without.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from string import Template
from typing import Any

from falcon_svc.client import Falcon
from tests.api.conftest import QUICK
from tests.api.running import npz_bytes

EVERY_KIND, DISCOVERIES = "openapi.json", "discoveries.json"
"""The service's document, and what it says of jobs that are discoveries."""
CONFIG = Template(Path(__file__).with_name("schemathesis.toml").read_text())


def prepare(folder: Path, falcon: Falcon, headers: str = "") -> None:
    """Write the service's document and a configuration that names its data set, job, ...

    Parameters
    ----------
    folder
        Where schemathesis will run.
    falcon
        The service, as one who may do everything there.
    headers
        Of every request, as TOML.
    """
    http = falcon.http
    dataset = http.post("/v1/datasets", files={"file": ("a.npz", npz_bytes(60))}).json()["id"]
    job = falcon.wait(falcon.submit(dataset, QUICK)["id"])
    http.get(f"/v1/jobs/{job['id']}/review")  # the first look at one loads what reviews need
    order = {"custom_id": "x", "dataset_id": dataset, "config": QUICK}
    batch = http.post("/v1/batches", json={"jobs": [order]}).json()["id"]
    upload = http.post("/v1/uploads", json={"name": "b.npz", "size_bytes": 9}).json()["id"]
    document = with_events(http.get("/v1/openapi.json").json())
    for name, kinds in ((EVERY_KIND, None), (DISCOVERIES, ["discovery"])):
        (folder / name).write_text(json.dumps(with_kinds(document, kinds)))
    there = {"DATASET": dataset, "JOB": job["id"], "BATCH": batch, "UPLOAD": upload}
    filled = CONFIG.substitute(there, URL=str(http.base_url).rstrip("/"), HEADERS=headers)
    (folder / "schemathesis.toml").write_text(filled)


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


def with_events(document: dict[str, Any]) -> dict[str, Any]:
    """Say what one event is: schemathesis takes the schema of a stream for that."""
    operations = [o for path in document["paths"].values() for o in path.values()]
    for name, event in (("follow_job", JOB_EVENT), ("follow_review", REVIEW_EVENT)):
        [follow] = [o for o in operations if isinstance(o, dict) and o.get("operationId") == name]
        follow["responses"]["200"]["content"]["text/event-stream"]["schema"] = event
    return document


def with_kinds(document: dict[str, Any], kinds: list[str] | None = None) -> dict[str, Any]:
    """Give jobs of each kind the settings of that kind alone; of all kinds, or of these.

    The service's document says both apart, and then two of three settings are tried on jobs of
    another kind, which are refused for that.
    """
    schemas = document["components"]["schemas"]
    job = schemas["JobIn"]
    parts = job["properties"]
    each = dict(zip(parts["kind"]["enum"], parts["config"]["anyOf"], strict=True))
    jobs = [
        {
            **{name: value for name, value in job.items() if name != "examples"},
            "properties": {**parts, "kind": {"const": kind}, "config": each[kind]},
            "required": [*job["required"], "kind"],
        }
        for kind in kinds or each
    ]
    whole = {**schemas, "JobIn": {"anyOf": jobs, "examples": job["examples"]}}
    return {**document, "components": {**document["components"], "schemas": whole}}


def schemathesis(folder: Path, *flags: str, document: str = EVERY_KIND) -> str:
    """Run it with all its checks and return what it prints; it must find nothing."""
    command = [sys.executable, "-m", "schemathesis.cli", "--config-file", "schemathesis.toml"]
    command += ["run", document, "--checks", "all", *flags]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise AssertionError(f"{done.stdout[-8000:]}\n{done.stderr[-2000:]}")
    return done.stdout
