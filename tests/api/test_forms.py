"""Bodies and `Accept` without a service: strict JSON, and what a client likes best."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from falcon_svc.api.forms import metadata_of, negotiate
from falcon_svc.api.strict_json import loads
from falcon_svc.service.refusals import RequestError

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(st.text("abc", max_size=3), inner, max_size=4),
)  # fmt: skip
OFFERS = ("application/json", "text/csv")


@given(JSON_VALUES, st.booleans())
def test_every_value_is_read_as_it_was_written(value, ascii_only):
    assert loads(json.dumps(value, ensure_ascii=ascii_only).encode()) == value


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"nul", b"NaN", b"[Infinity]", b"[-Infinity]", b'{"a": 1, "a": 1}', b"\xff",
        b'"\\ud800"', b'"\\u0000"', b'{"\\u0000": 1}', b"\xef\xbb\xbf1", b"1 2", b"[1,]", b"'a'",
        b"[" * 100_000, b'{"a":' * 50_000, b"1" * 5000, b"// note\n1", b"0x10",
    ],
)  # fmt: skip
def test_what_is_no_strict_json_is_refused(body):
    with pytest.raises(RequestError) as refused:
        loads(body)
    assert refused.value.code == "invalid_json"
    assert len(str(refused.value)) < 300


def test_pairs_of_surrogates_are_letters():
    assert loads(b'"\\ud83d\\ude00"') == "\U0001f600"


@pytest.mark.parametrize(
    ("accept", "best"),
    [
        (None, "application/json"),
        ("", "application/json"),
        ("*/*", "application/json"),
        ("text/csv", "text/csv"),
        ("text/*", "text/csv"),
        ("application/json;q=0.1, text/csv;q=0.2", "text/csv"),
        ("*/*;q=0.1, text/csv", "text/csv"),
        ("application/json;q=0, */*", "text/csv"),
        ("TEXT/CSV ; Q=1", "text/csv"),
        ("text/csv;q=x, application/json;q=0.01", "application/json"),
        ("text/csv;q=nan, application/json;q=0.01", "application/json"),
        ("text/csv;q=1e9, application/json;q=0.01", "application/json"),
    ],
)
def test_the_best_offer_is_taken(accept, best):
    assert negotiate(accept, OFFERS) == best


@pytest.mark.parametrize("accept", ["image/png", "text/csv;q=0", "nonsense", "*/*;q=0"])
def test_what_nobody_offers_is_refused(accept):
    with pytest.raises(RequestError) as refused:
        negotiate(accept, OFFERS)
    assert refused.value.code == "not_acceptable"


def test_metadata_are_texts():
    assert metadata_of('{"a": "1"}') == {"a": "1"}
    for wrong in (
        '{"a": 1}',
        '{"a": null}',
        "[]",
        json.dumps(dict.fromkeys(map(str, range(51)), "")),
    ):
        with pytest.raises(RequestError):
            metadata_of(wrong)
