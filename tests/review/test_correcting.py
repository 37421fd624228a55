"""`falcon review` as HTTP: what corrections do, what is refused and how."""

from __future__ import annotations

import json

import numpy as np
import pytest

from falcon_svc.review.selection import packed
from falcon_svc.triage.revisions import ROOT
from tests.review.local import BASE, HOSTILE, classes, correct, head, ids_of


def test_rename_accept_merge_move_undo_redo(http):
    assert correct(http, {"kind": "rename", "class_id": "c0", "name": "jay"}).status_code == 201
    assert classes(http)["c0"]["name"] == "jay"
    moved = ids_of(http, "c3")[:4]
    made = correct(
        http,
        {"kind": "move", "samples": moved, "class_id": "c0"},
        {"kind": "accept", "class_id": "c0"},
        reason="both",
    ).json()
    assert len(made["revisions"]) == 2 and head(http) == made["head"]
    assert (classes(http)["c0"]["size"], classes(http)["c0"]["status"]) == (24, "accepted")
    assert correct(http, {"kind": "merge", "class_ids": ["c0", "c3"]}).status_code == 201
    assert classes(http)["c0"]["size"] == 40 and "c3" not in classes(http)
    correct(http, {"kind": "undo"})
    assert classes(http)["c3"]["size"] == 16
    correct(http, {"kind": "redo"})
    assert "c3" not in classes(http)
    log = http.get(f"{BASE}/revisions").json()
    assert log["total"] == 6 and log["entries"][0]["author"] == "ada"
    assert "both" in [entry["reason"] for entry in log["entries"]]


def test_a_reason_that_is_no_text_does_not_begin_a_resolve(http):
    place = f"{BASE}/revisions/{head(http)}:resolve"
    refused = http.post(place, json={"reason": "a\u0001b"})
    assert (refused.status_code, refused.json()["code"]) == (422, "bad_input")
    assert http.get(f"{BASE}/resolve").json()["state"] == "none"


def test_a_stale_correction_is_refused_with_what_changed_since(http):
    old = head(http)
    correct(http, {"kind": "rename", "class_id": "c0", "name": "jay"})
    answer = correct(http, {"kind": "rename", "class_id": "c0", "name": "wren"}, revision=old)
    assert (answer.status_code, answer.json()["code"]) == (412, "stale_revision")
    (change,) = answer.json()["errors"]
    assert change["detail"] == "ada: Renamed c0 to 'jay'."
    assert classes(http)["c0"]["name"] == "jay"
    unknown = correct(http, {"kind": "undo"}, revision="f" * 64)
    assert unknown.status_code == 412
    without = http.post(f"{BASE}/corrections", json={"corrections": [{"kind": "undo"}]})
    assert (without.status_code, without.json()["code"]) == (428, "no_revision")


@pytest.mark.parametrize(
    "correction",
    [
        {"kind": "rename", "class_id": "c0", "name": "x" * 1000},
        {"kind": "rename", "class_id": "c0", "name": "a\u202egnp.exe"},
        {"kind": "rename", "class_id": "c0", "name": " "},
        {"kind": "rename", "class_id": "c99", "name": "x"},
        {"kind": "rename", "class_id": "../c0", "name": "x"},
        {"kind": "move", "class_id": "c0", "samples": []},
        {"kind": "move", "class_id": "c0", "samples": ["nobody"]},
        {"kind": "move", "class_id": "c0", "samples": {"rows": "AA=="}},
        {"kind": "merge", "class_ids": ["c0", "c1"]},
        {"kind": "pin", "class_id": "c0", "coarse": "nowhere"},
        {"kind": "resolved", "solution": "0" * 64, "summary": "forged"},
        {"kind": "explode"},
        {},
    ],
)
def test_what_cannot_be_done_changes_nothing_and_says_why(http, correction):
    answer = correct(http, {"kind": "accept", "class_id": "c1"}, correction)
    assert answer.status_code == 422, answer.text
    assert answer.json()["code"] == "correction" and answer.json()["detail"].endswith(".")
    assert head(http) == ROOT and classes(http)["c1"]["status"] == "open"


def test_everything_and_nothing_can_be_selected(http):
    n = http.get(BASE).json()["n_samples"]
    everything, nothing = packed(np.ones(n, bool)), packed(np.zeros(n, bool))
    refused = correct(http, {"kind": "move", "class_id": "c0", "samples": {"rows": everything}})
    assert refused.status_code == 422 and "coarse" in refused.json()["detail"]
    assert (
        correct(http, {"kind": "move", "class_id": "c0", "samples": {"rows": nothing}}).status_code
        == 422
    )
    own = np.zeros(n, bool)
    found = http.get(f"{BASE}/classes/c0/selection").json()
    assert found["count"] == 20
    assert (
        correct(
            http, {"kind": "label", "class_id": "c0", "samples": {"rows": found["rows"]}}
        ).status_code
        == 201
    )
    assert classes(http)["c0"]["n_settled"] == 20 and not own.any()


@pytest.mark.parametrize(
    "name",
    [HOSTILE, "<script>alert(1)</script>", "שלום עולם", "e\u0301\u0323\u0308" * 20, "x" * 120],
)
def test_any_visible_name_is_kept_as_text(http, name):
    assert correct(http, {"kind": "rename", "class_id": "c0", "name": name}).status_code == 201
    answer = http.get(BASE)
    assert answer.headers["content-type"].startswith("application/json")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert json.dumps(answer.json()["classes"][0]["name"])


def test_nothing_can_be_undone_before_anything_was_done(http):
    answer = correct(http, {"kind": "undo"})
    assert answer.status_code == 422 and head(http) == ROOT
