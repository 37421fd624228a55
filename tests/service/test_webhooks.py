"""Webhooks: signed as the standard says, to checked addresses only, tried again, recorded."""

from __future__ import annotations

import json
import re
import socket
import time
from datetime import datetime

import pytest
from sqlalchemy import update
from standardwebhooks import Webhook, WebhookVerificationError

from falcon_svc.service import webhooks
from falcon_svc.service.refusals import RequestError
from falcon_svc.service.webhooks import RETRY_S, check_url, deliver_due, secret_of
from falcon_svc.settings import Settings
from falcon_svc.storage.deliveries import DeliveryRepository
from falcon_svc.storage.tables import Delivery
from tests.architecture.sources import ROOT
from tests.service.receiver import Receiver
from tests.storage.records import KEEP_S, add_job, do

PUBLIC, PRIVATE = "93.184.215.14", "127.0.0.1"


@pytest.fixture
def receiver(request):
    made = Receiver(*getattr(request, "param", [200]))
    yield made
    made.close()


@pytest.fixture
def context(make_context):
    return make_context(private_webhooks=True)


def ended_job(context, url):
    """A job of tenant ann that was canceled, with a webhook."""
    job_id = add_job(context.database, "ann")
    with context.database.write() as session:
        DeliveryRepository(session).add(job_id, url)
    assert do(context.database, "cancel", job_id, keep_s=KEEP_S)
    return job_id


def deliver(context):
    return deliver_due(context.settings, context.database, context.keyring)


def delivery(context, job_id):
    with context.database.read() as session:
        return DeliveryRepository(session).get(job_id)


def make_due(context, job_id):
    with context.database.write() as session:
        session.execute(update(Delivery).where(Delivery.job_id == job_id).values(next_at=0.0))


def test_another_implementation_verifies_our_signature(context, receiver):
    job_id = ended_job(context, receiver.url)
    assert deliver(context) == 1
    (request,) = receiver.received
    secret = secret_of(context.keyring, "ann")
    event = Webhook(secret).verify(request.body, request.headers)
    assert event["type"] == "job.canceled"
    assert event["data"] == {"id": job_id, "state": "canceled", "summary": None, "error": None}
    assert request.headers["webhook-id"] == f"msg_{job_id}"
    for wrong in (secret_of(context.keyring, "bob"), secret_of(context.keyring, "ann2")):
        with pytest.raises(WebhookVerificationError):
            Webhook(wrong).verify(request.body, request.headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(request.body + b" ", request.headers)


def test_the_guide_verifies_it_in_ten_lines(context, receiver):
    ended_job(context, receiver.url)
    deliver(context)
    (request,) = receiver.received
    guide = (ROOT / "docs" / "api.md").read_text("utf-8")
    (code,) = [c for c in re.findall(r"```python\n(.*?)```", guide, re.S) if "is_genuine" in c]
    names: dict = {}
    exec(code, names)
    secret = secret_of(context.keyring, "ann")
    assert names["is_genuine"](request.headers, request.body, secret)
    assert not names["is_genuine"](request.headers, request.body + b" ", secret)
    old = {**request.headers, "webhook-timestamp": "1000000000"}
    assert not names["is_genuine"](old, request.body, secret)


def test_a_delivery_that_was_taken_is_not_sent_again(context, receiver):
    job_id = ended_job(context, receiver.url)
    assert (deliver(context), deliver(context)) == (1, 0)
    found = delivery(context, job_id)
    assert (found.tries, found.outcome) == (1, "HTTP 200")
    assert found.ended_at is not None


def test_a_job_that_has_not_ended_is_not_told(context, receiver):
    job_id = add_job(context.database, "ann")
    with context.database.write() as session:
        DeliveryRepository(session).add(job_id, receiver.url)
    assert (deliver(context), receiver.received) == (0, [])


@pytest.mark.parametrize("receiver", [[500, 410, 204]], indirect=True)
def test_what_was_not_taken_is_tried_again_later_and_later(context, receiver):
    job_id = ended_job(context, receiver.url)
    for tries, (outcome, pause) in enumerate(
        [("HTTP 500", RETRY_S[0]), ("HTTP 410", RETRY_S[1])], start=1
    ):
        before = time.time()
        assert deliver(context) == 1
        found = delivery(context, job_id)
        assert before + pause <= found.next_at <= time.time() + pause
        assert (found.tries, found.outcome, found.ended_at) == (tries, outcome, None)
        assert deliver(context) == 0
        make_due(context, job_id)
    assert deliver(context) == 1
    assert delivery(context, job_id).outcome == "HTTP 204"
    ids = {request.headers["webhook-id"] for request in receiver.received}
    assert len(receiver.received) == 3 and len(ids) == 1
    assert len({request.body for request in receiver.received}) == 1


@pytest.mark.parametrize("receiver", [[503]], indirect=True)
def test_trying_ends(context, receiver):
    job_id = ended_job(context, receiver.url)
    for _ in range(len(RETRY_S) + 1):
        assert delivery(context, job_id).ended_at is None
        make_due(context, job_id)
        assert deliver(context) == 1
    assert delivery(context, job_id).ended_at is not None
    assert len(receiver.received) == len(RETRY_S) + 1
    assert list(RETRY_S) == sorted(RETRY_S)


def test_redirects_are_not_followed(context):
    target = Receiver(200)
    source = Receiver(target.url)
    job_id = ended_job(context, source.url)
    deliver(context)
    target.close()
    source.close()
    assert (len(source.received), target.received) == (1, [])
    assert delivery(context, job_id).outcome == "HTTP 302"


@pytest.mark.parametrize("receiver", [[None]], indirect=True)
def test_slow_receivers_hold_up_nobody(context, receiver, monkeypatch):
    monkeypatch.setattr(webhooks, "TIMEOUT_S", 0.5)
    ids = [ended_job(context, receiver.url) for _ in range(3)]
    assert deliver(context) == 3  # each of them is given up
    assert all(delivery(context, one).ended_at is None for one in ids)


def names(monkeypatch, *answers):
    """Let the host rebind.example have another address each time it is looked up."""
    asked, left, real = [], list(answers), socket.getaddrinfo

    def look_up(host, port, *given, **named):
        if host != "rebind.example":
            return real(host, port, *given, **named)
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (left.pop(0), port))]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    return asked


def test_a_host_is_looked_up_once_and_that_address_is_connected_to(context, receiver, monkeypatch):
    asked = names(monkeypatch, PRIVATE, "127.0.0.99")
    ended_job(context, receiver.url.replace("127.0.0.1", "rebind.example"))
    deliver(context)
    (request,) = receiver.received
    assert request.headers["host"] == f"rebind.example:{receiver.port}"
    assert len(asked) == 1


def test_an_address_that_has_become_private_is_refused_when_it_is_sent(make_context, monkeypatch):
    names(monkeypatch, PUBLIC, PRIVATE)
    context = make_context()
    check_url("https://rebind.example/", context.settings)
    job_id = ended_job(context, "https://rebind.example/")
    assert deliver(context) == 1
    found = delivery(context, job_id)
    assert "not public" in found.outcome
    assert found.ended_at is not None


@pytest.mark.parametrize("addresses", [[PRIVATE], ["10.0.0.1"], ["100.64.0.1"], ["198.18.0.1"]])
def test_every_address_of_a_host_must_be_public(monkeypatch, addresses):
    names(monkeypatch, *addresses)
    with pytest.raises(RequestError) as refused:
        check_url("https://rebind.example/", Settings())
    assert refused.value.code == "url_refused"


@pytest.mark.parametrize(
    "address",
    [
        "::1", "::", "fe80::1%eth0", "fc00::1", "::ffff:127.0.0.1", "2002:7f00:1::", "0.0.0.0",
        "224.0.0.1", "255.255.255.255", "169.254.169.254", "192.168.1.1", "64:ff9b::7f00:1",
        "ff02::1", "2001:db8::1", "64:ff9b:1::1",
    ],
)  # fmt: skip
def test_private_addresses_in_every_disguise(address):
    assert not webhooks._is_public(address)


@pytest.mark.parametrize("address", [PUBLIC, "2606:2800:21f:cb07:6820:80da:af6b:8b2c"])
def test_public_addresses(address):
    assert webhooks._is_public(address)


@pytest.mark.parametrize(
    "url",
    ["https://example.org/a\nb", "https://example.org/\r", "https://exa\tmple.org/",
     "https://example.org:port/", "https://[::1/", "https://user@example.org/", "ftp://example.org",
     "https://", "https://example.org\x00/", "https://\udcff.org/", "//example.org", ""],
)  # fmt: skip
def test_what_the_sender_cannot_read_is_refused_when_it_is_given(url, monkeypatch):
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [(2, 1, 6, "", (PUBLIC, 443))])
    check_url("https://example.org/hook?of=falcon", Settings())
    with pytest.raises(RequestError) as refused:
        check_url(url, Settings())
    assert refused.value.code == "url_refused"


def test_a_host_beyond_ascii_is_asked_for_by_its_name_in_ascii(context, receiver, monkeypatch):
    asked, real = [], socket.getaddrinfo

    def look_up(host, port, *given, **named):
        asked.append(host)
        return real("127.0.0.1", port, *given, **named)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    ended_job(context, receiver.url.replace("127.0.0.1", "vögel.example"))
    deliver(context)
    (request,) = receiver.received
    assert asked == ["xn--vgel-5qa.example"]
    assert request.headers["host"] == f"xn--vgel-5qa.example:{receiver.port}"


def test_times_of_the_payload_are_rfc_3339(context, receiver):
    ended_job(context, receiver.url)
    deliver(context)
    (request,) = receiver.received
    told = json.loads(request.body)["timestamp"]
    assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", told)
    assert abs(datetime.fromisoformat(told).timestamp() - time.time()) < 60


def test_the_payload_is_json_and_names_the_host(context, receiver):
    ended_job(context, receiver.url)
    deliver(context)
    (request,) = receiver.received
    assert json.loads(request.body)["timestamp"]
    assert request.headers["content-type"] == "application/json"
    assert "authorization" not in request.headers
