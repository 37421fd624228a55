"""`falcon review` as HTTP: who gets in, what corrections do, what is refused and how."""

from __future__ import annotations

import io
import json
import struct
import time
import zipfile

import numpy as np
import pytest
from starlette.testclient import TestClient

from falcon_svc.api.local_review import create_review_app
from falcon_svc.review.content import Content
from falcon_svc.review.desk import Desk
from falcon_svc.review.selection import packed
from falcon_svc.triage.revisions import ROOT
from tests.triage.reviews import write_result

SHAPE = {"n_coarse": 3, "n_fine": 9, "per_fine": 20}
JPEG = b"\xff\xd8\xff"
BASE = "/v1/jobs/local/review"
HOSTILE = "<img src=x onerror=alert(1)>"


@pytest.fixture
def directory(tmp_path):
    write_result(tmp_path / "result", **SHAPE)
    return tmp_path / "result"


def client_of(directory, **given):
    app = create_review_app(Desk(directory, **given), author="ada", token="good")
    client = TestClient(app, "http://127.0.0.1:8000")
    assert client.get("/?token=good", follow_redirects=False).status_code == 303
    return client


@pytest.fixture
def http(directory):
    return client_of(directory)


def head(http):
    return http.get(BASE).json()["head"]


def correct(http, *corrections, revision=None, **more):
    headers = {"If-Match": f'"{revision or head(http)}"'}
    body = {"corrections": list(corrections), **more}
    return http.post(f"{BASE}/corrections", json=body, headers=headers)


def classes(http):
    return {one["id"]: one for one in http.get(BASE).json()["classes"]}


def ids_of(http, class_id):
    found = http.get(f"{BASE}/classes/{class_id}/samples", params={"order": "all", "limit": 500})
    return [one["id"] for one in found.json()["samples"]]


# Who gets in


def test_the_token_is_good_once_and_gives_a_cookie_that_other_sites_cannot_send(directory):
    app = create_review_app(Desk(directory), author="ada", token="good")
    first, second = (TestClient(app, "http://127.0.0.1:8000") for _ in range(2))
    assert first.get(BASE).status_code == 401 and first.get("/").status_code == 401
    answer = first.get("/?token=good", follow_redirects=False)
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie and "samesite=strict" in cookie
    assert first.get("/").status_code == first.get(BASE).status_code == 200
    assert second.get("/?token=good").status_code == second.get(BASE).status_code == 401
    assert second.get("/?token=").status_code == 401


def test_a_cookie_from_before_opens_nothing(directory):
    """Session fixation: the server makes the secret, whatever a browser brings along."""
    app = create_review_app(Desk(directory), author="ada", token="good")
    client = TestClient(app, "http://127.0.0.1:8000", cookies={"falcon_review": "mine"})
    assert client.get(BASE).status_code == 401
    entered = client.get("/?token=good", follow_redirects=False)
    assert "falcon_review=mine;" not in entered.headers["set-cookie"]
    planted = TestClient(app, "http://127.0.0.1:8000", cookies={"falcon_review": "mine"})
    assert planted.get(BASE).status_code == 401


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"Host": "evil.example:8000"}, "bad_host"),
        ({"Host": "127.0.0.1.evil.example"}, "bad_host"),
        ({"Origin": "http://evil.example"}, "cross_origin"),
        ({"Origin": "null"}, "cross_origin"),
        ({"Origin": "http://127.0.0.1:9"}, "cross_origin"),
    ],
)
def test_other_sites_cannot_use_the_reviewers_browser(http, headers, code):
    revision = head(http)
    body = {"corrections": [{"kind": "reject", "class_id": "c0"}]}
    answer = http.post(f"{BASE}/corrections", json=body, headers={"If-Match": revision, **headers})
    assert (answer.status_code, answer.json()["code"]) == (403, code)
    assert classes(http)["c0"]["status"] == "open"


def test_a_form_cannot_correct(http):
    """Forms cross origins without asking; they cannot send JSON, nor If-Match."""
    answer = http.post(f"{BASE}/corrections", data={"corrections": "x"})
    assert answer.status_code in (415, 428)


def test_the_page_runs_scripts_of_its_own_files_only(http):
    page = http.get("/")
    policy = page.headers["content-security-policy"]
    assert "script-src 'self';" in policy and "unsafe" not in policy and "http" not in policy
    assert "<script>" not in page.text and "style=" not in page.text and " on" not in page.text
    for name in ("app.js", "style.css", "icon.svg"):
        assert http.get(f"/review/{name}").status_code == 200
    for name in ("..%2fdocs.html", "index.html", "nothing.js"):
        assert http.get(f"/review/{name}").status_code == 404


# Corrections


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


# Looking


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


def test_a_split_is_shown_before_it_is_made(http):
    found = http.post(f"{BASE}/classes/c0:propose-split", json={"k": 3}).json()
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


# Solving again


def solved(http, seconds=90):
    deadline = time.monotonic() + seconds
    while (found := http.get(f"{BASE}/resolve").json())["state"] == "running":
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return found


@pytest.mark.slow  # three processes that load torch
def test_a_contradiction_is_told_in_the_reviewers_words_and_then_mended(http):
    correct(http, {"kind": "rename", "class_id": "c0", "name": "jay"})
    correct(http, {"kind": "pin", "class_id": "c0", "coarse": "coarse 0"})
    correct(http, {"kind": "forbid", "class_id": "c0", "coarse": "coarse 0"})
    before = head(http)
    assert http.post(f"{BASE}/revisions/{before}:resolve", json={}).status_code == 202
    twice = http.post(f"{BASE}/revisions/{before}:resolve", json={})
    assert (twice.status_code, twice.json()["code"]) == (409, "resolve_running")
    found = solved(http)
    assert found["state"] == "failed" and found["error"]["code"] == "contradiction"
    assert len(found["error"]["wishes"]) == 2 and "jay" in str(found["error"]["wishes"])
    assert head(http) == before
    correct(http, {"kind": "undo"})
    stale = http.post(f"{BASE}/revisions/{before}:resolve", json={})
    assert stale.status_code == 412 and stale.json()["errors"]
    http.post(f"{BASE}/revisions/{head(http)}:resolve", json={"seed": 1})
    found = solved(http)
    assert found["state"] == "succeeded" and found["revision"] == head(http)
    diff = http.get(f"{BASE}/diff", params={"before": ROOT, "after": head(http)}).json()
    assert diff["n_moved"] >= found["diff"]["n_moved"] or diff["n_moved"] == 0


def test_a_cancelled_solve_changes_nothing(http):
    before = head(http)
    http.post(f"{BASE}/revisions/{before}:resolve", json={})
    assert http.post(f"{BASE}/resolve:cancel").json()["state"] == "cancelled"
    assert solved(http)["state"] == "cancelled" and head(http) == before


# Taking away


def test_exports_hold_the_corrections(http):
    correct(http, {"kind": "rename", "class_id": "c0", "name": HOSTILE})
    answer = http.get(f"{BASE}/export", params={"format": "jsonl"})
    assert answer.headers["content-disposition"] == 'attachment; filename="review.jsonl"'
    assert HOSTILE in json.dumps([json.loads(line) for line in answer.text.splitlines()])
    packed_up = http.get(f"{BASE}/export", params={"format": "label-studio"})
    assert zipfile.ZipFile(io.BytesIO(packed_up.content)).namelist()
    assert http.get(f"{BASE}/export", params={"format": "coco"}).status_code == 422
    assert http.get(f"{BASE}/export", params={"format": "exe"}).status_code == 422


def test_pictures_are_made_anew_and_what_is_none_is_missing(directory, tmp_path):
    assert client_of(directory).get(f"{BASE}/samples/3/picture").status_code == 404
    from tests.discoveries import StoredImages, blobs, pretend_dataset

    x, coarse, _ = blobs(**SHAPE)
    images = StoredImages(np.zeros((len(x), 16, 16, 3), np.uint8))
    content = Content(pretend_dataset(x, coarse, images=images))
    http = client_of(directory, content=lambda _: content)
    answer = http.get(f"{BASE}/samples/3/picture")
    assert answer.headers["content-type"] == "image/jpeg" and answer.content[:3] == JPEG
    for row in (len(x), 10**9):
        assert http.get(f"{BASE}/samples/{row}/picture").status_code == 404
    assert http.get(f"{BASE}/samples/..%2F3/picture").status_code in (404, 422)


def test_two_reviewers_see_each_other(directory):
    """Two processes on one result: the second reads what the first has appended."""
    first, second = client_of(directory), client_of(directory)
    correct(first, {"kind": "rename", "class_id": "c0", "name": "jay"})
    assert classes(second)["c0"]["name"] == "jay"
    assert correct(second, {"kind": "rename", "class_id": "c1", "name": "wren"}).status_code == 201
    assert classes(first)["c1"]["name"] == "wren"


# Taking in


def take_in(http, content, form="csv", **more):
    headers = {"If-Match": f'"{head(http)}"'}
    body = {"format": form, "content": content, **more}
    return http.post(f"{BASE}/imports", json=body, headers=headers)


def test_a_table_that_was_corrected_elsewhere_is_taken_in_and_its_bad_rows_are_told(http):
    first, second, *_ = ids_of(http, "c0")
    rows = f"id,class_id\n{first},c3\n{second},c0\nnobody,c3\n{second},c3\n{first}x,\n"
    tried = take_in(http, rows, dry_run=True).json()
    assert (tried["n_rows"], tried["n_same"], tried["n_failed"]) == (5, 1, 3)
    assert tried["revisions"] == [] and first in ids_of(http, "c0")
    made = take_in(http, rows, reason="by the students").json()
    assert made["head"] == head(http) != tried["head"]
    assert first in ids_of(http, "c3") and second in ids_of(http, "c0")
    assert [(one["row"], one["id"]) for one in made["failed"]] == [
        *((3, "nobody"), (4, second), (5, f"{first}x"))
    ]
    log = http.get(f"{BASE}/revisions").json()["entries"]
    assert (log[0]["author"], log[0]["reason"]) == ("ada", "by the students")
    again = take_in(http, rows).json()
    assert again["revisions"] == [] and again["n_same"] == 2


def test_what_label_studio_exports_comes_back(http):
    packed = http.get(f"{BASE}/export", params={"format": "label-studio"}).content
    tasks = json.loads(zipfile.ZipFile(io.BytesIO(packed)).read("tasks.json"))
    moved = next(task for task in tasks if task["data"]["id"] in ids_of(http, "c0"))
    (made,) = moved.pop("predictions")
    made["result"][0]["value"]["taxonomy"] = [["coarse 0", classes(http)["c3"]["name"]]]
    moved["annotations"] = [made]
    found = take_in(http, json.dumps(tasks), form="label-studio").json()
    assert (found["n_rows"], found["n_failed"], len(found["revisions"])) == (1, 0, 1)
    assert moved["data"]["id"] in ids_of(http, "c3")


@pytest.mark.parametrize(
    ("form", "content"),
    [("csv", "name,label\na,b\n"), ("csv", ""), ("label-studio", "{}"), ("label-studio", "[")],
)
def test_a_file_of_something_else_is_refused_in_a_sentence(http, form, content):
    answer = take_in(http, content, form=form)
    assert answer.status_code == 422 and "expected" in answer.json()["detail"]
