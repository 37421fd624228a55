"""What the check of an upload says to its owner: the owner's name of the file, no advice for
others."""

from __future__ import annotations

import pytest

from falcon_svc.worker.check import for_client


def detail(text, name="my birds.zip"):
    return for_client({"error": {"code": "x", "detail": text}}, "data.zip", name)["error"]["detail"]


def test_the_file_is_called_as_its_owner_calls_it():
    assert (
        detail("found damage in 'data.zip'; mend it.") == "found damage in 'my birds.zip'; mend it."
    )
    assert detail("in 'data.zip'", "v\u00f6gel'.zip").isascii()


@pytest.mark.parametrize(
    ("advice", "told"),
    [
        ("scale the image down, or raise max_image_pixels.",
         "scale the image down (max_image_pixels is this service's limit)."),
        ("write it with less compression, or raise max_bytes or max_compression_ratio.",
         "write it with less compression (max_bytes or max_compression_ratio is this service's "
         "limit)."),
        ("split the folder or raise max_entries.",
         "split the folder (max_entries is this service's limit)."),
    ],
)  # fmt: skip
def test_limits_are_not_the_owners_to_raise(advice, told):
    assert detail(advice) == told


def test_what_is_right_is_left_as_it_is():
    assert for_client(None, "data.zip", "a") is None
    assert for_client({"summary": {"n": 1}}, "data.zip", "a") == {"summary": {"n": 1}}
