"""Keys, scopes, tenants: every operation with every kind of caller; nothing tells a secret."""

from __future__ import annotations

import json
import re
import ssl
import subprocess
import sys

import httpx
import pytest

from falcon_svc.api.documents import OPEN
from falcon_svc.client import Falcon
from falcon_svc.service.context import Context
from falcon_svc.settings import Settings
from tests.api.running import Running, npz_bytes, wait_until

STRANGERS = ("nobody", "guess", "late", "revoked")
NO_WRITES = {
    *("predict", "predict_texts", "predict_file", "measure"),
    *("classify", "classify_texts", "classify_file"),
    *("propose_split", "show_samples", "lasso_samples"),
}
"""POSTs that change nothing."""
TLS = ssl.create_default_context()
"""Made once: a client of its own for each request would read all certificates again."""
CORRECTS = {
    *("create_corrections", "create_answer", "create_import", "resolve_review", "cancel_resolve"),
    "continue_review",
}


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    settings = {"keys_required": "true", "wrong_keys": 1000}
    running = Running(tmp_path_factory.mktemp("guarded") / "data", "--no-worker", **settings)
    yield running
    running.stop()


@pytest.fixture(scope="module")
def ring(guarded):
    """The keys of the service, beside it on the same database."""
    context = Context.make(Settings(data_dir=guarded.folder))
    yield context.keyring
    context.close()


def falcon_command(*words):
    command = [sys.executable, "-m", "falcon_svc.cli.main", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def make_key(running, tenant, *flags):
    done = falcon_command("keys", "create", tenant, "--data-dir", str(running.folder), *flags)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def id_of(key):
    return f"key_{key.split('_')[1]}"


@pytest.fixture(scope="module")
def keys(ring):
    both = frozenset({"read", "write"})
    made = {
        "ann": ring.make("ann", both, name=""),
        "bob": ring.make("bob", both, name=""),
        "reader": ring.make("ann", frozenset({"read"}), name=""),
        "reviewer": ring.make("ann", frozenset({"read", "review"}), name="Ada"),
        "admin": ring.make("ann", frozenset({"admin"}), name=""),
        "late": ring.make("ann", both, name="", valid_s=0),
        "revoked": ring.make("ann", both, name=""),
        "guess": f"fk_{'0' * 26}_{'x' * 43}",
        "nobody": None,
    }
    assert ring.revoke(id_of(made["revoked"]))
    return made


@pytest.fixture(scope="module")
def owned(guarded, keys):
    """What ann has: a data set, a job, a batch, an upload."""
    with Falcon(guarded.url, keys["ann"]) as ann:
        http = ann._transport.http
        made = http.post("/v1/datasets", files={"file": ("a.npz", npz_bytes(60))}).json()
        job = ann.submit(made["id"])
        batch = ann.submit_batch([{"custom_id": "x", "dataset_id": made["id"]}])
        upload = http.post("/v1/uploads", json={"name": "b.npz", "size_bytes": 9}).json()
    return {
        "dataset_id": made["id"],
        "job_id": job["id"],
        "batch_id": batch["id"],
        "upload_id": upload["id"],
        "class_id": "0",
        "number": "1",
        "row": "0",
        "revision": "0" * 64,
    }


@pytest.fixture(scope="module")
def operations(guarded, keys):
    """(method, path, operation id) of all that needs a key; what deletes comes last."""
    document = guarded.http.get("/v1/openapi.json", headers=bearer(keys["ann"])).json()
    found = [
        (method.upper(), path, operation["operationId"])
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        if path not in OPEN
    ]
    assert len(found) >= 33
    return sorted(found, key=lambda one: one[0] == "DELETE")


def bearer(key):
    return {} if key is None else {"Authorization": f"Bearer {key}"}


HEAD = {"If-Match": "0" * 64}


def body_of(operation, owned):
    """A good body of an operation."""
    form = {"files": {"file": ("a.npz", npz_bytes(60))}}
    octets = {"content": b"x", "headers": {"Content-Type": "application/octet-stream"}}
    order = {"dataset_id": owned["dataset_id"]}
    return {
        "create_dataset": form,
        "discover": form,
        "put_part": octets,
        "begin_upload": {"json": {"name": "c.npz", "size_bytes": 9}},
        "complete_upload": {"json": {"sha256": "0" * 64}},
        "create_job": {"json": order},
        "create_batch": {"json": {"jobs": [{**order, "custom_id": "y"}]}},
        "predict": {"json": {"vectors": [[0.0]]}},
        "predict_texts": {"json": {"texts": ["a"]}},
        "predict_file": form,
        "classify": {"json": {"vectors": [[0.0]]}},
        "classify_texts": {"json": {"texts": ["a"]}},
        "classify_file": form,
        "measure": {"json": {"tree": [["a"]], "truth": [["a"]], "predictions": [["a"]]}},
        "create_corrections": {"json": {"corrections": [{"kind": "undo"}]}, "headers": HEAD},
        "create_answer": {"json": {"question": {}, "reply": {}}, "headers": HEAD},
        "create_import": {"json": {"format": "csv", "content": "id,class_id\n"}, "headers": HEAD},
        "resolve_review": {"json": {}},
        "continue_review": {"json": {"job_id": owned["job_id"]}, "headers": HEAD},
        "propose_split": {"json": {}},
        "show_samples": {"json": {"ids": []}},
        "lasso_samples": {"json": {"polygon": [[0, 0], [1, 0], [1, 1]]}},
        "get_diff": {"params": {"before": "0" * 64, "after": "0" * 64}},
    }.get(operation, {})


def ask(running, method, path, key=None, **given):
    """The answer, read if it is an error: streams would not end."""
    given["headers"] = {**given.get("headers", {}), **bearer(key)}
    with httpx.stream(method, running.url + path, timeout=30, verify=TLS, **given) as answer:
        if answer.status_code >= 400 or not path.endswith("/events"):
            answer.read()
    return answer


def ask_all(running, operations, owned, key):
    """(operation id, answer) of every operation with its own good body."""
    for method, path, operation in operations:
        body = body_of(operation, owned)
        yield method, operation, ask(running, method, path.format(**owned), key, **body)


@pytest.mark.parametrize("who", STRANGERS)
def test_nothing_opens_without_a_valid_key(guarded, keys, operations, owned, who):
    for _, operation, answer in ask_all(guarded, operations, owned, keys[who]):
        assert answer.status_code == 401, operation
        assert answer.json()["code"] == "unauthenticated"
        assert answer.headers["WWW-Authenticate"] == "Bearer"
        assert keys[who] is None or keys[who].split("_", 2)[2] not in answer.text


def test_what_others_have_is_not_there(guarded, keys, operations, owned):
    """404 and never 403, by path and by body; not in any list."""
    theirs = [
        one for one in operations if "{" in one[1] or one[2] in ("create_job", "create_batch")
    ]
    for _, operation, answer in ask_all(guarded, theirs, owned, keys["bob"]):
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found"), operation
    with Falcon(guarded.url, keys["bob"]) as bob:
        http = bob._transport.http
        for name in ("jobs", "datasets", "batches"):
            found = http.get(f"/v1/{name}").json()["items"]
            assert not {one["id"] for one in found} & set(owned.values())
        for name in ("dataset_id", "batch_id"):
            assert http.get("/v1/jobs", params={name: owned[name]}).json()["items"] == []


def test_a_page_token_of_one_tenant_is_no_token_of_another(guarded, keys, owned):
    first = ask(guarded, "GET", "/v1/jobs?page_size=1", keys["ann"]).json()
    page = f"/v1/jobs?page_token={first['next_page_token']}"
    assert ask(guarded, "GET", page, keys["ann"]).status_code == 200
    refused = ask(guarded, "GET", page, keys["bob"])
    assert (refused.status_code, refused.json()["code"]) == (400, "bad_page_token")


def test_a_reader_reads_and_changes_nothing(guarded, keys, operations, owned):
    for method, operation, answer in ask_all(guarded, operations, owned, keys["reader"]):
        reads = (method == "GET" and operation != "metrics") or operation in NO_WRITES
        assert (answer.status_code == 403) != reads, operation
        assert answer.status_code != 401, operation
    job = ask(guarded, "GET", f"/v1/jobs/{owned['job_id']}", keys["reader"])
    assert job.json()["state"] == "queued"


def test_a_reviewer_corrects_results_and_changes_nothing_else(guarded, keys, operations, owned):
    for method, operation, answer in ask_all(guarded, operations, owned, keys["reviewer"]):
        reads = (method == "GET" and operation != "metrics") or operation in NO_WRITES
        assert (answer.status_code == 403) != (reads or operation in CORRECTS), operation


def test_one_idempotency_key_of_two_tenants_is_two(guarded, keys, owned):
    jobs = set()
    for tenant in ("ann", "bob"):
        with Falcon(guarded.url, keys[tenant]) as falcon:
            http = falcon._transport.http
            made = http.post("/v1/datasets", files={"file": ("a.npz", npz_bytes(60))}).json()
            jobs.add(falcon.submit(made["id"], key="same")["id"])
    assert len(jobs) == 2


def test_figures_of_all_tenants_need_an_admin(guarded, keys):
    assert ask(guarded, "GET", "/metrics", keys["ann"]).status_code == 403
    assert ask(guarded, "GET", "/metrics", keys["admin"]).status_code == 200


def test_an_admin_may_do_everything_to_its_own(guarded, keys, operations, owned):
    for _, operation, answer in ask_all(guarded, operations, owned, keys["admin"]):
        assert answer.status_code not in (401, 403), operation


def test_who_tries_many_keys_has_to_wait(tmp_path):
    """Whatever addresses it says to come from; who shares its address and has a key has not."""
    flags = {"keys_required": "true", "wrong_keys": 3}
    running = Running(tmp_path / "data", "--no-worker", **flags)
    try:
        found = [
            ask(
                running, "GET", "/v1/jobs", "fk_guess", headers={"X-Forwarded-For": f"9.9.9.{i}"}
            ).status_code
            for i in range(5)
        ]
        assert found == [401, 401, 401, 429, 429]
        late = ask(running, "GET", "/v1/jobs", "fk_guess")
        assert late.status_code == 429 and late.headers["Retry-After"]
        assert "wrong keys" in late.json()["detail"]
        assert ask(running, "GET", "/v1/jobs", make_key(running, "ann")).status_code == 200
        for _ in range(5):  # no key is no wrong key
            without = ask(running, "GET", "/v1/jobs")
            assert (without.status_code, "found none" in without.text) == (401, True)
    finally:
        running.stop()


def test_keys_are_made_rotated_and_revoked_by_command_and_audited(guarded):
    """A9: who, what, when, from where."""
    place = ("--data-dir", str(guarded.folder))
    first = make_key(guarded, "carol")
    rotated = falcon_command("keys", "rotate", id_of(first), "--overlap-days", "1", *place)
    second = rotated.stdout.strip()
    assert rotated.returncode == 0 and second != first
    for key in (first, second):
        assert ask(guarded, "GET", "/v1/jobs", key).status_code == 200
    listed = falcon_command("keys", "list", *place).stdout
    assert re.search(rf"{id_of(second)}  carol  read,write  valid", listed)
    assert falcon_command("keys", "revoke", id_of(first), *place).returncode == 0
    assert falcon_command("keys", "revoke", "key_none", *place).returncode == 2
    begun = ask(guarded, "POST", "/v1/uploads", second, json={"name": "a.npz", "size_bytes": 1})
    late = ask(guarded, "GET", "/v1/jobs", first)
    assert late.status_code == 401
    late_id = late.headers["X-Request-Id"]
    audit = guarded.folder / "audit.jsonl"
    wait_until(lambda: late_id in audit.read_text())  # written once the answer is away
    lines = [json.loads(one) for one in audit.read_text().splitlines()]
    commands = [(one["command"], one["key"], one["outcome"]) for one in lines if "command" in one]
    assert commands[-4:] == [
        ("falcon keys create", id_of(first), "done"),
        ("falcon keys rotate", id_of(first), "done"),
        ("falcon keys revoke", id_of(first), "done"),
        ("falcon keys revoke", "key_none", "no such key"),
    ]
    made = next(o for o in lines if o.get("request_id") == begun.headers["X-Request-Id"])
    assert {made[name] for name in ("tenant", "key", "address", "method", "path", "status")} == {
        "carol", id_of(second), "127.0.0.1", "POST", "/v1/uploads", 201,
    }  # fmt: skip
    assert lines[-1]["status"] == 401 and lines[-1]["tenant"] is None


def test_secrets_are_nowhere(guarded, keys, owned):
    """Not in the database, its log, the audit log, the service's log."""
    ask(guarded, "GET", f"/v1/jobs?key={keys['ann']}", keys["ann"])
    ask(guarded, "GET", "/v1/nothing", keys["ann"])
    secrets = [key.split("_", 2)[2].encode() for key in keys.values() if key]
    files = [path for path in guarded.folder.rglob("*") if path.is_file()] + [guarded.log]
    assert {"falcon.db", "audit.jsonl"} <= {path.name for path in files}
    for path in files:
        content = path.read_bytes()
        assert not any(secret in content for secret in secrets), path


def test_secret_files_are_their_owners(guarded):
    for name, mode in (("pepper", 0o600), ("audit.jsonl", 0o600), ("staging", 0o700)):
        assert (guarded.folder / name).stat().st_mode & 0o777 == mode, name
    assert guarded.folder.stat().st_mode & 0o777 == 0o700


def test_every_answer_has_the_security_headers(guarded, keys):
    for path, key in (("/v1/jobs", "ann"), ("/v1/jobs", "guess"), ("/v1/nothing", "ann")):
        answer = ask(guarded, "GET", path, keys[key], headers={"Origin": "https://evil.example"})
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
        assert answer.headers["X-Frame-Options"] == "DENY"
        assert answer.headers["Cache-Control"] == "no-store"
        assert not [name for name in answer.headers if name.startswith("access-control")]
        assert "server" not in answer.headers


def test_listening_beyond_this_machine_needs_keys(tmp_path):
    for host in ("0.0.0.0", "::", "192.0.2.1"):
        done = falcon_command("serve", "--host", host, "--data-dir", str(tmp_path / "d"))
        assert done.returncode == 2
        assert "FALCON_KEYS_REQUIRED" in done.stderr
        assert not (tmp_path / "d").exists()


@pytest.mark.parametrize("words", [("create", "ann"), ("list",), ("webhook-secret", "ann")])
def test_keys_are_not_made_where_no_service_is(tmp_path, words):
    place = tmp_path / "elsewhere"
    done = falcon_command("keys", *words, "--data-dir", str(place))
    assert (done.returncode, done.stdout) == (2, "")
    assert str(place) in done.stderr and "--data-dir" in done.stderr
    assert not place.exists()


def test_keys_can_be_made_before_the_first_start(tmp_path):
    place = tmp_path / "to be"
    done = falcon_command("keys", "create", "ann", "--new", "--data-dir", str(place))
    assert done.returncode == 0 and str(place) in done.stderr
    context = Context.make(Settings(data_dir=place))
    assert context.keyring.caller(done.stdout.strip()).tenant == "ann"
    context.close()


def test_wrong_scopes_make_no_key(guarded):
    flags = ("--scopes", "read,root", "--data-dir", str(guarded.folder))
    done = falcon_command("keys", "create", "ann", *flags)
    assert (done.returncode, done.stdout) == (2, "")
    assert "root" in done.stderr
