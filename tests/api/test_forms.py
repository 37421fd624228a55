"""Bodies and `Accept` without a service: strict JSON, and what a client likes best."""

from __future__ import annotations

import asyncio
import hashlib
import json
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect

from falcon_svc.api.forms import arrived, metadata_of, negotiate, read_form
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


MULTIPART = Headers({"content-type": "multipart/form-data; boundary=cut"})
CONTENT = bytes(range(256)) * 9_000


def form_of(**fields: bytes) -> bytes:
    """A form of files, but for `options`."""
    parts = [
        b'--cut\r\nContent-Disposition: form-data; name="%s"%s\r\n\r\n%s\r\n'
        % (name.encode(), b"" if name == "options" else b'; filename="a.npz"', content)
        for name, content in fields.items()
    ]
    return b"".join(parts) + b"--cut--\r\n"


def reading(folder, body, ends=None):
    """Read a form that comes in pieces, the last of which may be an error."""
    numbers = count()

    async def pieces():
        for start in range(0, len(body), 60_000):
            yield body[start : start + 60_000]
        if ends is not None:
            raise ends

    return read_form(
        MULTIPART, pieces(), {"file", "options"}, lambda: folder / f"file_{next(numbers)}"
    )


def test_a_file_of_a_form_is_written_once_where_it_is_looked_for(tmp_path):
    async def take():
        form = await reading(tmp_path, form_of(file=CONTENT, options=b"{}"))
        assert form["options"] == "{}"
        (written,) = tmp_path.iterdir()
        inode = written.stat().st_ino
        whole = arrived(form["file"])
        assert (whole.path, whole.path.stat().st_ino) == (written, inode)
        assert (whole.name, whole.size_bytes) == ("a.npz", len(CONTENT))
        assert whole.sha256 == hashlib.sha256(CONTENT).hexdigest()
        assert whole.path.read_bytes() == CONTENT
        await form.close()

    asyncio.run(take())
    assert list(tmp_path.iterdir()) == [], "what nobody moved goes with the form"


def test_a_file_that_was_moved_stays(tmp_path):
    async def take():
        form = await reading(tmp_path, form_of(file=CONTENT))
        arrived(form["file"]).path.rename(tmp_path / "kept")
        await form.close()

    asyncio.run(take())
    assert (tmp_path / "kept").read_bytes() == CONTENT


def test_an_empty_file_is_one(tmp_path):
    async def take():
        form = await reading(tmp_path, form_of(file=b""))
        whole = arrived(form["file"])
        assert (whole.size_bytes, whole.path.read_bytes()) == (0, b"")

    asyncio.run(take())


@pytest.mark.parametrize(
    ("body", "ends", "found"),
    [
        (form_of(file=CONTENT, other=b"x"), None, "'other'"),
        (form_of(file=CONTENT)[:-4_000], None, "closing boundary"),
        (form_of(file=CONTENT)[:1_000_000], ClientDisconnect(), None),
        (form_of(file=CONTENT, options=b"x" * 2**21), None, "1024KB"),
    ],
)  # fmt: skip
def test_a_form_that_is_not_taken_leaves_nothing(tmp_path, body, ends, found):
    with pytest.raises(ClientDisconnect if found is None else RequestError, match=found):
        asyncio.run(reading(tmp_path, body, ends))
    assert list(tmp_path.iterdir()) == []
