"""Corrections are typed, frozen and plain text."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from falcon_svc.triage.corrections import (
    CorrectionError,
    Merge,
    Rename,
    clean_name,
    read_corrections,
)


def test_a_document_becomes_its_kind():
    (read,) = read_corrections([{"kind": "merge", "class_ids": ["c1", "c4"]}])
    assert read == Merge(class_ids=("c1", "c4"))
    assert read_corrections([read.model_dump(mode="json")]) == [read]


@pytest.mark.parametrize(
    ("document", "told"),
    [
        ({"kind": "smash"}, "smash"),
        ({"kind": "rename", "class_id": "c1", "name": "x" * 1000}, "1,000; shorten it"),
        ({"kind": "rename", "class_id": "c1", "name": " \t "}, "1 to 120 characters"),
        ({"kind": "rename", "class_id": "c1", "name": "a\nb"}, "U+000A"),
        ({"kind": "rename", "class_id": "c1", "name": "jay\u202egnp"}, "U+202E"),
        ({"kind": "rename", "class_id": "../x", "name": "jay"}, "class_id"),
        ({"kind": "move", "class_id": "c1", "samples": []}, "samples"),
        ({"kind": "accept", "class_id": "c1", "more": 1}, "more"),
        ({"kind": "accept"}, "(accept) is wrong at class_id: it is required"),
        ({"kind": "accept", "class_id": "c1", "looked": 1, "wrong": 3}, "the 1 that were"),
        ({"kind": "move", "class_id": "c1", "samples": "a"}, "samples: expected a list, found 'a'"),
        ({"kind": "merge", "class_ids": ["c1"]}, "class_ids: list should have at least 2 items"),
        ({"kind": "resolved", "solution": "0" * 64, "summary": ""}, "of the kind 'resolved'"),
        ({"class_id": "c1"}, "names no kind"),
        ({"kind": ["merge"]}, "names no kind"),
        ("merge", "names no kind"),
    ],
)
def test_what_is_no_correction_is_told_in_a_sentence(document, told):
    with pytest.raises(CorrectionError, match=r"\.$") as refused:
        read_corrections([{"kind": "undo"}, document])
    assert told in str(refused.value)
    assert str(refused.value).startswith("Correction 2 ")
    assert all(one["pointer"].startswith("/corrections/1") for one in refused.value.errors)


def test_names_of_every_script_are_kept_as_text():
    for name in ("زرزور", "שָׁלוֹם", "Z̷͝a̸l̶g̵o", "<script>alert(1)</script>", "🐦‍⬛"):
        assert Rename(class_id="c0", name=name).name == clean_name(name)
    assert clean_name("e\u0301") == "é"


def test_corrections_are_frozen():
    with pytest.raises(ValidationError):
        Rename(class_id="c1", name="jay").name = "wren"
