"""`falcon review` as HTTP: what leaves as a file, and what comes back in."""

from __future__ import annotations

import io
import json
import zipfile

import numpy as np
import pytest

from falcon_svc.review.content import Content
from tests.review.local import BASE, HOSTILE, JPEG, SHAPE, classes, client_of, correct, head, ids_of


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
