"""API keys: what is stored of them, when they work, how one follows another."""

from __future__ import annotations

import json
import re

import pytest

from falcon_svc.errors import ConfigError
from falcon_svc.service import keys
from falcon_svc.service.keys import KNOWN_S, SCOPES, Keyring
from falcon_svc.service.refusals import RequestError

READ, BOTH = frozenset({"read"}), frozenset({"read", "write"})


@pytest.fixture
def ring(context):
    return context.keyring


@pytest.fixture
def clock(monkeypatch):
    """The time of day, which tests may set."""
    now = [1_000_000.0]
    monkeypatch.setattr(keys.time, "time", lambda: now[0])
    return now


def identity(key):
    return f"key_{key.split('_')[1]}"


def works(ring, key):
    try:
        return ring.caller(key) is not None
    except RequestError as refused:
        return refused.code != "unauthenticated" or (len(key) > 10 and key in str(refused))


def test_a_key_is_256_random_bits_and_belongs_to_its_tenant(ring):
    key = ring.make("ann", READ, name="laptop")
    assert re.fullmatch(r"fk_[0-9a-z]{26}_[A-Za-z0-9_-]{43}", key)
    assert key != ring.make("ann", READ, name="laptop")
    caller = ring.caller(key)
    assert (caller.tenant, caller.scopes, caller.key_id) == ("ann", READ, identity(key))


def test_scopes_allow_what_they_say(ring):
    reader = ring.caller(ring.make("ann", READ, name=""))
    reader.require("read")
    for scope in ("write", "admin"):
        with pytest.raises(RequestError, match=scope):
            reader.require(scope)
    ring.caller(ring.make("ann", frozenset({"admin"}), name="")).require("write")
    for scope, allows in (("review", {"review"}), ("write", {"review", "write"})):
        caller = ring.caller(ring.make("ann", frozenset({scope}), name="Ada"))
        assert {one for one in SCOPES if _allows(caller, one)} == allows
        assert caller.author == "Ada"


def _allows(caller, scope):
    try:
        caller.require(scope)
    except RequestError:
        return False
    return True


def test_a_secret_opens_nothing_with_another_id_or_pepper(ring):
    first, second = (ring.make("ann", READ, name="").split("_", 2) for _ in range(2))
    assert not works(ring, f"fk_{first[1]}_{second[2]}")
    assert not works(Keyring(ring.database, b"another"), "_".join(first))
    for wrong in ("", "fk_", "_".join(first) + "\n", "_".join(first).upper(), "x" * 10**6, "\x00"):
        assert not works(ring, wrong)


def test_a_key_ends_when_it_was_to(ring, clock):
    key = ring.make("ann", READ, name="", valid_s=60)
    clock[0] += 59
    assert works(ring, key)
    clock[0] += 1
    assert not works(ring, key)


def test_a_revoked_key_is_refused_and_forgotten_in_time(context):
    now = [0.0]
    ring = Keyring(context.database, b"pepper", clock=lambda: now[0])
    key = ring.make("ann", READ, name="")
    assert ring.known(key) is None
    assert works(ring, key) and ring.known(key) is not None
    assert ring.revoke(identity(key)) and not ring.revoke("key_none")
    assert not works(ring, key)
    now[0] += KNOWN_S
    assert ring.known(key) is None
    assert KNOWN_S <= 1


@pytest.mark.parametrize("valid_s", [None, 7 * 86_400.0])
def test_after_a_rotation_both_keys_work_for_a_while(ring, clock, valid_s):
    old = ring.make("ann", BOTH, name="robot", valid_s=valid_s)
    clock[0] += 86_400
    fresh = ring.rotate(identity(old), overlap_s=3600)
    assert works(ring, old) and works(ring, fresh)
    assert ring.caller(fresh).scopes == BOTH and ring.caller(fresh).tenant == "ann"
    clock[0] += 3600
    assert not works(ring, old) and works(ring, fresh)
    clock[0] += 7 * 86_400
    assert works(ring, fresh) == (valid_s is None)


def test_a_rotation_prolongs_nothing(ring, clock):
    old = ring.make("ann", READ, name="", valid_s=60)
    assert ring.rotate(identity(old), overlap_s=86_400)
    clock[0] += 60
    assert not works(ring, old)


def test_what_does_not_work_is_not_rotated(ring, clock):
    late, gone = (ring.make("ann", READ, name="", valid_s=60) for _ in range(2))
    ring.revoke(identity(gone))
    clock[0] += 60
    before = len(ring.every())
    for key_id in (identity(late), identity(gone), "key_none"):
        assert ring.rotate(key_id, overlap_s=1) is None
    assert len(ring.every()) == before


@pytest.mark.parametrize(
    ("tenant", "scopes"),
    [("a/b", READ), ("", READ), ("a" * 65, READ), ("ann\n", READ), ("ann", frozenset()),
     ("ann", frozenset({"root"}))],
)  # fmt: skip
def test_tenants_and_scopes_are_plain_words(ring, tenant, scopes):
    with pytest.raises(ConfigError):
        ring.make(tenant, scopes, name="")


def test_nothing_that_is_stored_holds_a_secret(context, ring):
    secrets = [ring.make("ann", READ, name="").split("_", 2)[2] for _ in range(3)]
    secrets.append(ring.rotate(ring.every()[0].id, overlap_s=1).split("_", 2)[2])
    context.database.close()
    stored = b"".join(p.read_bytes() for p in context.settings.data_dir.rglob("*") if p.is_file())
    assert not any(secret.encode() in stored for secret in secrets)


def test_the_audit_log_is_its_owners_and_takes_whole_lines(context):
    context.audit.write(tenant="ann", path="/v1/jobs\n{forged}", status=200)
    context.audit.write(path="x" * 10_000)
    first, second = map(json.loads, context.audit.path.read_text().splitlines())
    assert first["tenant"] == "ann" and first["path"] == "/v1/jobs\n{forged}" and first["at"]
    assert len(second["path"]) == 300
    assert context.audit.path.stat().st_mode & 0o777 == 0o600


def test_an_audit_log_that_cannot_be_written_stops_nobody(context, caplog):
    context.audit.path.mkdir()
    context.audit.write(tenant="ann")
    assert "ann" in caplog.text


@pytest.mark.parametrize("change", ["unknown", "malformed", "revoked", "expired"])
def test_a_key_that_is_refused_was_found_and_is_called_what_it_is(ring, clock, change):
    key = ring.make("ann", READ, name="", valid_s=60)
    if change == "unknown":
        key = f"fk_{'0' * 26}_{'x' * 43}"
    elif change == "malformed":
        key = key[:-1]
    elif change == "revoked":
        ring.revoke(identity(key))
    else:
        clock[0] += 60
    with pytest.raises(RequestError) as refused:
        ring.caller(key)
    words = {"unknown": "not known here", "malformed": "no key of this kind"}
    assert words.get(change, change) in str(refused.value)
    assert "found none" not in str(refused.value)
    assert key.split("_", 2)[2] not in str(refused.value)
    assert "found none" in str(keys.no_key())


def test_what_a_wrong_secret_is_wrong_for_is_not_told(ring):
    """Whoever guesses must not learn which ids there are."""
    first, second = (ring.make("ann", READ, name="").split("_", 2) for _ in range(2))
    ring.revoke(f"key_{first[1]}")
    texts = set()
    for identity_, secret in ((first[1], second[2]), ("0" * 26, second[2])):
        with pytest.raises(RequestError) as refused:
            ring.caller(f"fk_{identity_}_{secret}")
        texts.add(str(refused.value).replace(identity_, "..."))
    assert len(texts) == 1
