"""Keys, scopes, tenants: every route with every kind of caller; nothing tells a secret."""

from __future__ import annotations

import re
import subprocess
import sys

import httpx
import pytest

from falcon_svc.client import Falcon, ServiceError
from tests.api.running import Running, npz_bytes

OPEN = ("/health/live", "/health/ready")


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    settings = {"keys_required": "true", "wrong_keys": 1000}
    running = Running(tmp_path_factory.mktemp("guarded") / "data", "--no-worker", **settings)
    yield running
    running.stop()


def falcon_command(*words):
    command = [sys.executable, "-m", "falcon_svc.cli.main", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def make_key(running, tenant, *flags):
    done = falcon_command("keys", "create", tenant, "--data-dir", str(running.folder), *flags)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture(scope="module")
def keys(guarded):
    return {
        "ann": make_key(guarded, "ann"),
        "bob": make_key(guarded, "bob"),
        "reader": make_key(guarded, "ann", "--scopes", "read"),
        "admin": make_key(guarded, "ann", "--scopes", "admin"),
        "late": make_key(guarded, "ann", "--days", "0"),
    }


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
    }


@pytest.fixture(scope="module")
def operations(guarded, keys):
    document = ask(guarded, "GET", "/v1/openapi.json", keys["ann"]).json()
    return [
        (method.upper(), path)
        for path, methods in document["paths"].items()
        for method in methods
        if path not in OPEN
    ]


def ask(running, method, path, key=None, **given):
    headers = {} if key is None else {"Authorization": f"Bearer {key}"}
    return httpx.request(method, running.url + path, headers=headers, timeout=30, **given)


@pytest.mark.parametrize("key", [None, "fk_nonsense", "late"])
def test_nothing_opens_without_a_valid_key(guarded, keys, operations, owned, key):
    for method, path in operations:
        answer = ask(guarded, method, path.format(**owned), keys.get(key, key))
        assert answer.status_code == 401, (method, path)
        assert answer.json()["code"] == "unauthenticated"
        assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_who_tries_many_keys_has_to_wait(tmp_path):
    flags = {"keys_required": "true", "wrong_keys": 3}
    running = Running(tmp_path / "data", "--no-worker", **flags)
    try:
        found = [ask(running, "GET", "/v1/jobs", "fk_guess").status_code for _ in range(5)]
        key = make_key(running, "ann")
        assert found == [401, 401, 401, 429, 429]
        late = ask(running, "GET", "/v1/jobs", key)
        assert late.status_code == 429 and late.headers["Retry-After"]
    finally:
        running.stop()


def test_what_others_have_is_not_there(guarded, keys, operations, owned):
    for method, path in operations:
        if "{" not in path:
            continue
        body = {"vectors": [[0.0]], "sha256": "0" * 64}
        sent = {"json": {k: body[k] for k in _body_of(path)}} if method in ("POST",) else {}
        if method == "PUT":
            sent = {"content": b"x", "headers": {}}
        headers = {"Authorization": f"Bearer {keys['bob']}"}
        if method == "PUT":
            headers["Content-Type"] = "application/octet-stream"
        sent.pop("headers", None)
        answer = httpx.request(
            method, guarded.url + path.format(**owned), headers=headers, timeout=30, **sent
        )
        assert answer.status_code == 404, (method, path, answer.text)
    with Falcon(guarded.url, keys["bob"]) as bob:
        assert list(bob.jobs()) == []
        assert list(bob.jobs(dataset_id=owned["dataset_id"])) == []
        with pytest.raises(ServiceError) as refused:
            bob.submit(owned["dataset_id"])
        assert refused.value.status == 404


def _body_of(path):
    if path.endswith(":predict"):
        return ["vectors"]
    return ["sha256"] if path.endswith(":complete") else []


def test_a_reader_changes_nothing(guarded, keys, operations, owned):
    for method, path in operations:
        if method == "GET" or path.endswith(":predict"):
            continue
        answer = ask(guarded, method, path.format(**owned), keys["reader"], json={})
        assert answer.status_code in (403, 422), (method, path)
    assert ask(guarded, "DELETE", f"/v1/jobs/{owned['job_id']}", keys["reader"]).status_code == 403
    assert ask(guarded, "GET", f"/v1/jobs/{owned['job_id']}", keys["reader"]).status_code == 200


def test_figures_of_all_tenants_need_an_admin(guarded, keys):
    assert ask(guarded, "GET", "/metrics", keys["ann"]).status_code == 403
    assert ask(guarded, "GET", "/metrics", keys["admin"]).status_code == 200


def test_one_idempotency_key_of_two_tenants_is_two(guarded, keys, owned):
    jobs = set()
    for tenant in ("ann", "bob"):
        with Falcon(guarded.url, keys[tenant]) as falcon:
            http = falcon._transport.http
            made = http.post("/v1/datasets", files={"file": ("a.npz", npz_bytes(60))}).json()
            jobs.add(falcon.submit(made["id"], key="same")["id"])
    assert len(jobs) == 2


def test_a_revoked_key_is_refused_at_once(guarded):
    key = make_key(guarded, "carol")
    assert ask(guarded, "GET", "/v1/jobs", key).status_code == 200
    identity = f"key_{key.split('_')[1]}"
    listed = falcon_command("keys", "list", "--data-dir", str(guarded.folder)).stdout
    assert re.search(rf"{identity}  carol  read,write  valid", listed)
    done = falcon_command("keys", "revoke", identity, "--data-dir", str(guarded.folder))
    assert done.returncode == 0
    assert ask(guarded, "GET", "/v1/jobs", key).status_code == 401


def test_secrets_are_nowhere(guarded, keys, owned):
    """Not in the database, its log, the service's log."""
    secrets = [key.split("_", 2)[2].encode() for key in keys.values()]
    files = [path for path in guarded.folder.rglob("*") if path.is_file()]
    files += [guarded.log]
    assert any(path.name == "falcon.db" for path in files)
    for path in files:
        content = path.read_bytes()
        assert not any(secret in content for secret in secrets), path


def test_the_pepper_is_its_owners(guarded):
    assert (guarded.folder / "pepper").stat().st_mode & 0o777 == 0o600
    assert (guarded.folder / "staging").stat().st_mode & 0o777 == 0o700


def test_listening_beyond_this_machine_needs_keys(tmp_path):
    done = falcon_command("serve", "--host", "0.0.0.0", "--data-dir", str(tmp_path / "d"))
    assert done.returncode == 2
    assert "FALCON_KEYS_REQUIRED" in done.stderr
    assert not (tmp_path / "d").exists()


def test_wrong_scopes_make_no_key(guarded):
    flags = ("--scopes", "read,root", "--data-dir", str(guarded.folder))
    done = falcon_command("keys", "create", "ann", *flags)
    assert (done.returncode, done.stdout) == (2, "")
    assert "root" in done.stderr
