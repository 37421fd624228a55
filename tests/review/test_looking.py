"""`falcon review` as HTTP: classes, map, lasso, questions, splits, acceptance."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from falcon_svc.triage.revisions import ROOT
from tests.review.local import BASE, classes, correct, head


def test_a_class_is_shown_in_pages(http):
    first = http.get(f"{BASE}/classes/c0/samples", params={"limit": 7}).json()
    rest = http.get(f"{BASE}/classes/c0/samples", params={"start": 7, "limit": 500}).json()
    assert first["total"] == 20 and len(first["samples"]) == 7 and len(rest["samples"]) == 13
    marks = http.get(f"{BASE}/classes/c0/evidence").json()["marks"]
    assert len(first["samples"][0]["values"]) == len(marks) > 0
    some = http.get(f"{BASE}/classes/c0/samples", params={"words": "s00003"}).json()
    assert [one["id"] for one in some["samples"]] == ["s00003"]


@pytest.mark.parametrize("place", ["classes/c99/samples", "classes/x/samples", "classes/c0/none"])
def test_what_is_not_there_is_said_to_be_missing(http, place):
    assert http.get(f"{BASE}/{place}").status_code in (404, 422)


def test_the_map_holds_every_sample_and_the_lasso_agrees_with_it(http):
    data, n = http.get(f"{BASE}/map").content, http.get(BASE).json()["n_samples"]
    x, y, fine = (
        struct.unpack(f"<{n}{kind}", data[k * 4 * n : (k + 1) * 4 * n])
        for k, kind in enumerate("ffi")
    )
    far = 1 + max(map(abs, (*x, *y)))
    square = [[0, -far], [far, -far], [far, far], [0, far]]
    found = http.post(f"{BASE}/lasso", json={"polygon": square}).json()
    assert found["count"] == sum(value >= 0 for value in x)
    own = http.post(f"{BASE}/lasso", json={"polygon": square, "class_id": "c2"}).json()
    strange = http.post(f"{BASE}/lasso", json={"polygon": square, "class_id": "x"})
    assert strange.status_code == 422 and strange.json()["errors"][0]["pointer"] == "/body/class_id"
    assert own["count"] == sum(v >= 0 and c == 2 for v, c in zip(x, fine, strict=True))
    inner = np.frombuffer(http.get(f"{BASE}/map", params={"coarse": "coarse 1"}).content, "<f4")
    assert np.isfinite(inner[:n]).sum() == 60


@pytest.mark.parametrize("polygon", [[], [[0, 0], [1, 1]], [[0, 0, 0]] * 4, "x", [["a", 1]] * 3])
def test_what_is_no_lasso_is_refused(http, polygon):
    assert http.post(f"{BASE}/lasso", json={"polygon": polygon}).status_code == 422


def test_questions_are_asked_and_answers_are_corrections(http):
    asked = http.get(f"{BASE}/questions", params={"limit": 3}).json()
    question = next(
        q for q in asked["questions"] if q["kind"] in ("same", "one", "accept", "belong")
    )
    choice = {"same": "different", "one": "one", "accept": "later", "belong": ""}[question["kind"]]
    answer = http.post(
        f"{BASE}/answers",
        json={"question": question, "reply": {"choice": choice}},
        headers={"If-Match": head(http)},
    )
    assert answer.status_code == 201, answer.text
    forged = {"question": {"kind": "x"}, "reply": {}}
    refused = http.post(f"{BASE}/answers", json=forged, headers={"If-Match": head(http)})
    assert refused.status_code == 422


def test_samples_by_id_show_the_columns_that_set_a_class_apart(http):
    tiles = http.get(f"{BASE}/classes/c0/samples", params={"limit": 3}).json()["samples"]
    asked = {"ids": [one["id"] for one in tiles]}
    shown = http.post(f"{BASE}/samples", json={**asked, "class_id": "c0"}).json()["samples"]
    assert shown == tiles and shown[0]["values"]
    plain = http.post(f"{BASE}/samples", json=asked).json()["samples"]
    assert [one["values"] for one in plain] == [[], [], []]
    for class_id in ("c99", "x"):
        refused = http.post(f"{BASE}/samples", json={**asked, "class_id": class_id})
        assert refused.status_code in (404, 422)


def test_a_split_is_shown_before_it_is_made(http):
    found = http.post(f"{BASE}/classes/c0:propose-split", json={"k": 3}).json()
    assert all(one["values"] for part in found["shown"] for one in part)
    assert sum(found["sizes"]) == 20 and len(found["sizes"]) == 3 and head(http) == ROOT
    assert correct(http, found["correction"]).status_code == 201
    assert len(classes(http)) == 11
    assert http.post(f"{BASE}/classes/c1:propose-split", json={"k": 64}).status_code == 422


def test_a_class_is_accepted_by_a_sample_of_it(http):
    found = http.get(f"{BASE}/classes/c1/acceptance", params={"purity": 0.8}).json()
    question = found["question"]
    assert len(question["look_at"]) == found["plan"]["n_look"] < 20
    sent = {"question": question, "reply": {"choice": "accept", "marked": []}}
    http.post(f"{BASE}/answers", json=sent, headers={"If-Match": head(http)})
    assert classes(http)["c1"]["status"] == "accepted"
