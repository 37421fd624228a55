"""Idempotency keys: one resource for the same request, however often and however parallel."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from falcon_svc.service.idempotency import LONGEST_KEY, Once
from falcon_svc.service.refusals import RequestError

ASKED = ("job", "ds_1", {"seed": 1, "a": 2})


class Maker:
    """Makes resources and counts them."""

    def __init__(self) -> None:
        self.made: list[str] = []
        self.lock = threading.Lock()

    def __call__(self, _session) -> str:
        with self.lock:
            self.made.append(f"job_{len(self.made)}")
            return self.made[-1]


@pytest.fixture
def maker():
    return Maker()


def once(*asked, tenant="ann", key="k"):
    return Once.of(tenant, key, *asked)


def test_the_same_request_has_the_same_answer(context, maker):
    first = once(*ASKED).make(context.database, maker)
    again = once("job", "ds_1", {"a": 2, "seed": 1}).make(context.database, maker)
    assert (first, again) == (("job_0", True), ("job_0", False))
    assert len(maker.made) == 1


@pytest.mark.parametrize("other", [("job", "ds_2", {}), ("batch", *ASKED[1:]), (*ASKED, None), ()])
def test_another_request_with_the_key_is_refused(context, maker, other):
    once(*ASKED).make(context.database, maker)
    with pytest.raises(RequestError) as refused:
        once(*other).make(context.database, maker)
    assert refused.value.code == "idempotency_mismatch"
    assert len(maker.made) == 1


def test_without_a_key_every_request_is_new(context, maker):
    for number in range(3):
        assert once(*ASKED, key=None).make(context.database, maker) == (f"job_{number}", True)


def test_tenants_have_keys_of_their_own(context, maker):
    once(*ASKED).make(context.database, maker)
    assert once("other", tenant="bob").make(context.database, maker) == ("job_1", True)


def test_what_fails_leaves_the_key_free(context, maker):
    def fail(_session):
        raise RequestError("Expected room, found none.", code="quota_exceeded")

    with pytest.raises(RequestError, match="room"):
        once(*ASKED).make(context.database, fail)
    assert once(*ASKED).make(context.database, maker) == ("job_0", True)


def test_of_parallel_requests_one_makes_it(context, maker):
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: once(*ASKED).make(context.database, maker), range(24)))
    assert {identity for identity, _ in found} == {"job_0"}
    assert sum(new for _, new in found) == 1


@pytest.mark.parametrize("key", ["", "x" * (LONGEST_KEY + 1)])
def test_keys_have_a_length(key):
    with pytest.raises(RequestError) as refused:
        once(*ASKED, key=key)
    assert refused.value.code == "bad_idempotency_key"
