"""`falcon review` as HTTP: who gets in."""

from __future__ import annotations

import pytest
from starlette.testclient import TestClient

from falcon_svc.api.local_review import create_review_app
from falcon_svc.review.desk import Desk
from tests.review.local import BASE, classes, head


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
