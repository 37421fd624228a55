"""A key that was found valid is known for half a second, and not a moment longer."""

from __future__ import annotations

import pytest

from falcon_svc.service.keys import KNOWN_S, MOST_KNOWN, Caller, Keyring
from falcon_svc.service.refusals import RequestError
from falcon_svc.storage import Database

READ = frozenset({"read"})


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def keyring(tmp_path, clock):
    database = Database(f"sqlite:///{tmp_path / 'keys.db'}")
    database.migrate()
    yield Keyring(database, b"pepper", clock=clock)
    database.close()


def test_a_key_is_known_once_it_was_found_valid_and_for_half_a_second(keyring, clock):
    key = keyring.make("ann", READ, name="")
    assert keyring.known(key) is None
    assert keyring.caller(key) == keyring.known(key) == Caller("ann", READ)
    clock.now += KNOWN_S
    assert keyring.known(key) is None
    assert KNOWN_S <= 1.0  # what a revocation is promised to take at most


def test_a_revoked_key_is_refused_once_it_is_not_known_any_more(keyring, clock):
    key = keyring.make("ann", READ, name="")
    keyring.caller(key)
    assert keyring.revoke(keyring.every()[0].id)
    with pytest.raises(RequestError):
        keyring.caller(key)
    clock.now += KNOWN_S
    assert keyring.known(key) is None


def test_wrong_keys_are_never_known(keyring):
    key = keyring.make("ann", READ, name="")
    for wrong in (key[:-1] + ("x" if key[-1] != "x" else "y"), "nonsense", ""):
        with pytest.raises(RequestError):
            keyring.caller(wrong)
        assert keyring.known(wrong) is None


def test_what_is_known_is_bounded_and_holds_no_key(keyring, clock, monkeypatch):
    monkeypatch.setattr("falcon_svc.service.keys.MOST_KNOWN", 2)
    keys = [keyring.make("ann", READ, name=str(i)) for i in range(5)]
    for key in keys:
        keyring.caller(key)
    assert keyring.known(keys[-1]) is not None
    assert len(keyring._known) <= 2 < MOST_KNOWN
    assert all(key.encode() not in name for key in keys for name in keyring._known)
