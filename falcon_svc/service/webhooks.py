"""Webhooks: a signed POST when a job has ended, to public addresses only.

Signatures follow Standard Webhooks 1.0 (standardwebhooks.com): `webhook-id`, `webhook-timestamp`
and `webhook-signature: v1,BASE64(HMAC-SHA256(secret, "id.timestamp.body"))`. A tenant's secret is
derived from the installation's; `falcon keys webhook-secret` shows it.

A host name is looked up once, every address it has must be public, and the connection goes to
the address that was checked, so that a name that changes its address in between (DNS rebinding)
gains nothing. Redirects are not followed; proxies of the environment are not used. One parser reads
a URL when it is given and when it is sent to (httpx's): what one of two lets pass, the other may
read as another place, or not at all. Whatever a delivery raises is that delivery's outcome.
"""

from __future__ import annotations

import asyncio
import base64
import hmac
import ipaddress
import json
import logging
import socket
import time
from collections.abc import Sequence
from hashlib import sha256
from typing import Any

import httpx

from falcon_svc.service.keys import Keyring
from falcon_svc.service.refusals import RequestError
from falcon_svc.service.times import rfc3339
from falcon_svc.settings import Settings
from falcon_svc.storage import Database
from falcon_svc.storage.deliveries import DeliveryRepository
from falcon_svc.storage.tables import Delivery, Job

TIMEOUT_S = 10.0
AT_ONCE = 10
RETRY_S = (5.0, 60.0, 600.0, 3_600.0, 6 * 3_600.0)
NAT64 = ipaddress.IPv6Network("64:ff9b::/96")  # RFC 6052
NAT64_LOCAL = ipaddress.IPv6Network("64:ff9b:1::/48")  # RFC 8215
Outcome = tuple[str, bool]
"""What came of a try, and whether that is final."""

_log = logging.getLogger(__name__)


def check_url(url: str, settings: Settings) -> None:
    """Refuse what is no public https URL.

    Raises
    ------
    RequestError
        Another scheme, a user name in it, a private address (code ``url_refused``).
    """
    _public_address(url, settings)


def _public_address(url: str, settings: Settings) -> tuple[str, httpx.URL]:
    """Return an address to connect to, with the URL as it will be asked for."""
    place = _parsed(url)
    schemes = ("https", "http") if settings.private_webhooks else ("https",)
    if place.scheme not in schemes or not place.raw_host or place.userinfo:
        raise _refused(url, "another kind of URL")
    try:
        found = socket.getaddrinfo(_host(place), _port(place), type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise _refused(url, "a host name without an address") from None
    addresses = [str(entry[4][0]) for entry in found]
    if not settings.private_webhooks and not all(map(_is_public, addresses)):
        raise _refused(url, "an address that is not public")
    return addresses[0], place


def _parsed(url: str) -> httpx.URL:
    try:
        return httpx.URL(url)
    except (httpx.InvalidURL, ValueError, TypeError):
        raise _refused(url, "not a URL") from None


def _host(place: httpx.URL) -> str:
    """Return the host in ASCII, as it is looked up and named in the request."""
    return place.raw_host.decode("ascii")


def _port(place: httpx.URL) -> int:
    return place.port or {"https": 443, "http": 80}[place.scheme]


def _is_public(address: str) -> bool:
    parsed = ipaddress.ip_address(address.partition("%")[0])
    inner = _embedded(parsed) if isinstance(parsed, ipaddress.IPv6Address) else parsed
    return inner.is_global and not inner.is_multicast and inner not in NAT64_LOCAL


def _embedded(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """Return the IPv4 address that an IPv6 address stands for, if it stands for one."""
    if address in NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address


def _refused(url: str, what: str) -> RequestError:
    return RequestError(
        f"Expected a webhook at a public https URL, found {what} ({url[:60]!r}); use another.",
        code="url_refused",
    )


def secret_of(keyring: Keyring, tenant: str) -> str:
    """Return a tenant's signing secret, `whsec_...`."""
    raw = bytes.fromhex(keyring.sign(f"webhook\n{tenant}"))
    return "whsec_" + base64.b64encode(raw).decode()


def signature(secret: str, identity: str, timestamp: int, body: bytes) -> str:
    """Return the value of `webhook-signature`."""
    raw = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{identity}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(raw, signed, sha256).digest()).decode()


def deliver_due(settings: Settings, database: Database, keyring: Keyring) -> int:
    """Send what is due, all at once, and return how many were tried; each try is recorded."""
    with database.read() as session:
        due = DeliveryRepository(session).due(most=AT_ONCE)
    if not due:
        return 0
    outcomes = asyncio.run(_send_all(due, settings, keyring))
    for (delivery, job), (outcome, done) in zip(due, outcomes, strict=True):
        left = RETRY_S[delivery.tries :]
        again = None if done or not left else left[0]
        with database.write() as session:
            DeliveryRepository(session).tried(job.id, _printable(outcome), again_in_s=again)
    return len(due)


def _printable(text: str) -> str:
    """Return a text that any database takes: a receiver's words may be in it."""
    return text.encode("ascii", "backslashreplace").decode().replace("\0", "\\0")


async def _send_all(
    due: Sequence[tuple[Delivery, Job]], settings: Settings, keyring: Keyring
) -> list[Outcome]:
    sent = [_try(delivery, job, settings, secret_of(keyring, job.tenant)) for delivery, job in due]
    return await asyncio.gather(*sent)


async def _try(delivery: Delivery, job: Job, settings: Settings, secret: str) -> Outcome:
    """Return what came of one try, whatever it was: nobody else's delivery depends on it."""
    try:
        return await _send(delivery, job, settings, secret)
    except RequestError as error:
        return str(error), True
    except (httpx.HTTPError, OSError) as error:
        _log.info("webhook of %s: %s", job.id, error)
        return f"{type(error).__name__}: {error}", False
    except Exception as error:
        _log.exception("webhook of %s", job.id)
        return f"{type(error).__name__}: {error}", False


async def _send(delivery: Delivery, job: Job, settings: Settings, secret: str) -> Outcome:
    """Send one; a receiver that answers slowly, byte by byte, has no more time than any other."""
    client = httpx.AsyncClient(timeout=TIMEOUT_S, follow_redirects=False, trust_env=False)
    async with asyncio.timeout(TIMEOUT_S), client:
        address, place = await asyncio.to_thread(_public_address, delivery.url, settings)
        answer = await client.send(_request(job, secret, address, place), stream=True)
        await answer.aclose()
    return f"HTTP {answer.status_code}", answer.is_success


def _request(job: Job, secret: str, address: str, place: httpx.URL) -> httpx.Request:
    """Return a request to the checked address that names the host."""
    body, now = json.dumps(_payload(job)).encode(), int(time.time())
    host = _host(place)
    named = f"[{host}]" if ":" in host else host
    headers = {
        "Host": named if place.port is None else f"{named}:{place.port}",
        "Content-Type": "application/json",
        "webhook-id": f"msg_{job.id}",
        "webhook-timestamp": str(now),
        "webhook-signature": signature(secret, f"msg_{job.id}", now, body),
    }
    target = place.copy_with(host=address)
    return httpx.Request(
        "POST", target, headers=headers, content=body, extensions={"sni_hostname": host}
    )


def _payload(job: Job) -> dict[str, Any]:
    ended = None if job.ended_at is None else rfc3339(job.ended_at)
    data = {"id": job.id, "state": job.state, "summary": job.summary, "error": job.error}
    return {"type": f"job.{job.state}", "timestamp": ended, "data": data}
