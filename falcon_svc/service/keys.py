"""API keys: `fk_<id>_<secret>`, 256 random bits, of which only a keyed digest is stored.

The digest is HMAC-SHA256 of the secret under a pepper that lies in a file beside the database,
made at first use: a copy of the database alone gives no key away, and cannot be searched for one.
The same pepper signs page tokens. A key that was found valid is known for half a second without
another look, so a revoked one is refused by every process within that time.
"""

from __future__ import annotations

import hmac
import os
import re
import secrets
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from falcon_svc.durable.files import sync_file
from falcon_svc.errors import ConfigError
from falcon_svc.service.refusals import RequestError
from falcon_svc.storage import Database
from falcon_svc.storage.keys import KeyRepository
from falcon_svc.storage.tables import ApiKey

SCOPES = ("read", "review", "write", "admin")
INCLUDED_IN = {"review": ("write",)}
"""Scope -> the scopes that allow it too; `admin` allows all."""

DAY_S = 86_400.0
ANONYMOUS = "default"
KNOWN_S = 0.5
MOST_KNOWN = 1_000
PEPPER = "pepper"
_TENANT = re.compile(r"[A-Za-z0-9_-]{1,64}")
_KEY = re.compile(r"fk_([0-9a-z]{26})_([A-Za-z0-9_-]{43})")


@dataclass(frozen=True)
class Caller:
    """Who asks: a tenant, with what the key allows, and the key's id and name if there is one."""

    tenant: str
    scopes: frozenset[str]
    key_id: str | None = None
    key_name: str = ""

    @property
    def author(self) -> str:
        """Who is said to have made a correction: the key's name, else its id, else the tenant."""
        return self.key_name or self.key_id or self.tenant

    def require(self, scope: str) -> None:
        """Raise RequestError unless the key allows it."""
        if not self.scopes & {scope, *INCLUDED_IN.get(scope, ()), "admin"}:
            raise RequestError(
                f"Expected a key with scope {scope!r}, found one with "
                f"{', '.join(sorted(self.scopes))}; use another key.",
                code="forbidden",
            )


@dataclass(frozen=True)
class KeyRow:
    """What may be shown of a key."""

    id: str
    tenant: str
    scopes: tuple[str, ...]
    state: str
    name: str


class Keyring:
    """Makes and checks keys.

    Parameters
    ----------
    database
        Where digests are.
    pepper
        Secret of this installation.
    clock
        Monotonic seconds.
    """

    def __init__(
        self, database: Database, pepper: bytes, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.database, self._pepper, self.clock = database, pepper, clock
        self._known: dict[bytes, tuple[Caller, float]] = {}

    def make(
        self, tenant: str, scopes: frozenset[str], *, name: str, valid_s: float | None = None
    ) -> str:
        """Return a new key; it is shown this once.

        Raises
        ------
        ConfigError
            Unknown scopes, or a tenant's name that is no plain word.
        """
        _check(tenant, scopes)
        secret, now = secrets.token_urlsafe(32), time.time()
        expires_at = None if valid_s is None else now + valid_s
        with self.database.write() as session:
            row = KeyRepository(session).add(
                tenant, name, self.sign(secret), sorted(scopes), expires_at
            )
        return f"fk_{row.id.removeprefix('key_')}_{secret}"

    def rotate(self, key_id: str, *, overlap_s: float) -> str | None:
        """Return a new key in place of a valid one, which expires after `overlap_s`.

        The new one has its tenant, scopes, name, and time to live; None if there is no such key.
        """
        now = time.time()
        with self.database.read() as session:
            old = KeyRepository(session).get(key_id)
        if old is None or _state(old) != "valid":
            return None
        valid_s = None if old.expires_at is None else old.expires_at - old.created_at
        fresh = self.make(old.tenant, frozenset(old.scopes), name=old.name, valid_s=valid_s)
        with self.database.write() as session:
            KeyRepository(session).expire(key_id, now + overlap_s)
        return fresh

    def known(self, key: str) -> Caller | None:
        """Return who a key belongs to if `caller` has just said so; asks no database."""
        caller, until = self._known.get(_name(key), (None, 0.0))
        return caller if self.clock() < until else None

    def caller(self, key: str) -> Caller:
        """Return who a key belongs to.

        Raises
        ------
        RequestError
            It is no key, revoked or expired (code ``unauthenticated``).
        """
        parts, until = _KEY.fullmatch(key), self.clock() + KNOWN_S
        if parts is None:
            raise _refused("one that is no key of this kind: some of it is missing or changed")
        with self.database.read() as session:
            row = KeyRepository(session).get(f"key_{parts[1]}")
        if row is None or not hmac.compare_digest(row.digest, self.sign(parts[2])):
            raise _refused(f"one that is not known here (fk_{parts[1]}_...)")
        if _state(row) != "valid":
            raise _refused(f"one that is {_state(row)} (fk_{parts[1]}_...)")
        caller = Caller(row.tenant, frozenset(row.scopes), row.id, row.name)
        return self._remember(key, caller, until)

    def _remember(self, key: str, caller: Caller, until: float) -> Caller:
        if len(self._known) >= MOST_KNOWN:
            self._known.clear()
        self._known[_name(key)] = (caller, until)
        return caller

    def every(self) -> list[KeyRow]:
        """Return all keys, oldest first, without their secrets."""
        with self.database.read() as session:
            rows = KeyRepository(session).every()
        return [KeyRow(r.id, r.tenant, tuple(r.scopes), _state(r), r.name) for r in rows]

    def revoke(self, key_id: str) -> bool:
        """Revoke a key; every process refuses it within `KNOWN_S`. False if there is none."""
        with self.database.write() as session:
            return KeyRepository(session).revoke(key_id)

    def sign(self, text: str) -> str:
        """Return hex HMAC-SHA256 under the pepper."""
        return hmac.new(self._pepper, text.encode(), sha256).hexdigest()


def no_key() -> RequestError:
    """Return the refusal of a request that carries no key."""
    return _refused("none")


def _refused(found: str) -> RequestError:
    return RequestError(
        f"Expected 'Authorization: Bearer fk_...' with a valid key, found {found}; make one with "
        "`falcon keys create` in the folder of this service.",
        code="unauthenticated",
    )


def _name(key: str) -> bytes:
    """What a key is remembered by; its text is not kept."""
    return sha256(key.encode()).digest()


def _state(row: ApiKey) -> str:
    if row.revoked_at is not None:
        return "revoked"
    return "expired" if row.expires_at is not None and row.expires_at <= time.time() else "valid"


def _check(tenant: str, scopes: frozenset[str]) -> None:
    if not _TENANT.fullmatch(tenant):
        raise ConfigError(
            f"Expected a tenant of letters, digits, - and _, found {tenant[:70]!r}; rename it."
        )
    if not scopes or scopes - set(SCOPES):
        raise ConfigError(
            f"Expected scopes among {', '.join(SCOPES)}, found {','.join(sorted(scopes))!r}."
        )


def has_pepper(data_dir: Path) -> bool:
    """Return whether an installation's secret lies in a folder."""
    return (data_dir / PEPPER).is_file()


def read_pepper(data_dir: Path) -> bytes:
    """Return the installation's secret, made at first use and readable by its owner only.

    It gets its name once it is whole and on the disk; of processes that make one at the same time,
    the first wins.
    """
    path = data_dir / PEPPER
    if not path.exists():
        data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        fresh = data_dir / f".{PEPPER}.{secrets.token_hex(8)}"
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(32))
            sync_file(file)
        with suppress(FileExistsError):
            os.link(fresh, path)
        fresh.unlink()
    return path.read_bytes()
