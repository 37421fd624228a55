"""What is sent again, when, and what refusals become: against a server that does as told."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import get_args

import pytest

from falcon_svc.client import Falcon, ServiceError, documents, working
from falcon_svc.client.transport import LONGEST_PAUSE_S, TRIES, Transport
from falcon_svc.storage import kinds, states
from tests.api.running import free_port

OK = (200, {}, b'{"id": "job_1"}')


class Scripted(HTTPServer):
    """Gives answers in their order, the last one for ever, and keeps what was asked."""

    def __init__(self, port, *answers):
        super().__init__(("127.0.0.1", port), _Handler)
        self.answers, self.asked = list(answers), []
        threading.Thread(target=self.serve_forever, daemon=True).start()


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        length = int(self.headers.get("Content-Length", 0))
        self.server.asked.append((dict(self.headers), self.rfile.read(length)))
        answers = self.server.answers
        status, headers, body = answers.pop(0) if len(answers) > 1 else answers[0]
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST

    def log_message(self, *_):
        pass


@pytest.fixture
def serve():
    servers = []

    def start(*answers, port=0):
        servers.append(Scripted(port, *answers))
        return servers[-1], f"http://127.0.0.1:{servers[-1].server_port}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def pauses(monkeypatch):
    taken = []
    monkeypatch.setattr("falcon_svc.client.transport.time.sleep", taken.append)
    return taken


def test_a_submit_is_sent_again_as_the_same(serve, pauses):
    server, url = serve((503, {"Retry-After": "3"}, b"{}"), (502, {}, b"<html>"), OK)
    with Falcon(url) as falcon:
        assert falcon.submit("ds_1")["id"] == "job_1"
    keys = {headers["Idempotency-Key"] for headers, _ in server.asked}
    assert len(server.asked) == 3 and len(keys) == 1
    assert pauses[0] == 3.0 and 0.25 <= pauses[1] <= 0.5


def test_pauses_grow_to_a_limit_and_tries_end(serve, pauses):
    server, url = serve((503, {"Retry-After": "86400"}, b"{}"))
    with Falcon(url) as falcon, pytest.raises(ServiceError) as refused:
        falcon.job("job_1")
    assert refused.value.status == 503
    assert len(server.asked) == TRIES and pauses == [LONGEST_PAUSE_S] * (TRIES - 1)


@pytest.mark.parametrize(("status", "asked"), [(503, 1), (500, 1), (429, TRIES)])
def test_what_might_be_done_twice_is_sent_again_only_if_it_was_not_done(
    serve, pauses, status, asked
):
    server, url = serve((status, {}, b"{}"))
    with pytest.raises(ServiceError):
        Transport(url, None).send("POST", "/v1/datasets", again=False)
    assert len(server.asked) == asked


def test_a_service_that_is_just_starting_is_waited_for(serve, monkeypatch):
    port = free_port()
    begun = []

    def sleep(_):
        if not begun:
            begun.append(serve(OK, port=port))

    monkeypatch.setattr("falcon_svc.client.transport.time.sleep", sleep)
    answer = Transport(f"http://127.0.0.1:{port}", None).send("POST", "/", again=False)
    assert answer.status_code == 200


def test_nobody_there_is_a_sentence(pauses, caplog):
    with pytest.raises(ServiceError, match="falcon serve") as refused:
        Transport(f"http://127.0.0.1:{free_port()}", None).send("GET", "/")
    assert (refused.value.status, refused.value.code) == (0, "unreachable")
    assert len(pauses) == TRIES - 1
    assert caplog.text.count("does not answer yet") == 1


def test_a_problem_keeps_its_code_and_document(serve):
    document = {"code": "no_result", "detail": "Not yet.", "status": 409}
    _, url = serve((409, {}, json.dumps(document).encode()))
    with pytest.raises(ServiceError, match="Not yet") as refused:
        Transport(url, None).send("GET", "/")
    assert (refused.value.status, refused.value.code) == (409, "no_result")
    assert refused.value.document == document


@pytest.mark.parametrize("body", [b"<html>", b"[1]", b""])
def test_what_is_no_problem_document_still_tells_its_status(serve, body):
    _, url = serve((418, {}, body))
    with pytest.raises(ServiceError, match="418") as refused:
        Transport(url, None).send("GET", "/")
    assert refused.value.code == "http_error"


def test_the_key_goes_with_every_request(serve):
    server, url = serve(OK)
    with Falcon(url, "fk_secret") as falcon:
        falcon.job("job_1")
    assert server.asked[0][0]["Authorization"] == "Bearer fk_secret"


def test_events_are_followed_through_refusals_and_broken_streams(serve, pauses):
    """From the last event that came; the end of the job is the end."""

    def event(seq, **data):
        return f"id: {seq}\nevent: state\ndata: {json.dumps({'at': 1.0, **data})}\n\n".encode()

    server, url = serve(
        (503, {}, b"{}"),
        (200, {"Content-Type": "text/event-stream"}, event(1, state="queued")),
        (200, {}, b'{"state": "running"}'),
        (200, {"Transfer-Encoding": "chunked"}, b"zz"),
        (200, {}, b": still here\n\n" + event(2, state="running") + event(3, state="succeeded")),
    )
    with Falcon(url) as falcon:
        events = list(falcon.events("job_1"))
    assert [(one["seq"], one["state"]) for one in events] == [
        (1, "queued"),
        (2, "running"),
        (3, "succeeded"),
    ]
    last = [headers["Last-Event-ID"] for headers, _ in server.asked if "Last-Event-ID" in headers]
    assert last == ["0", "0", "1", "1"]
    assert len(pauses) == 2


def test_a_job_that_is_not_there_is_not_waited_for(serve, pauses):
    _, url = serve((404, {}, b'{"code": "not_found", "detail": "None."}'))
    with Falcon(url) as falcon, pytest.raises(ServiceError, match="None"):
        falcon.wait("job_1")
    assert pauses == []


def test_a_download_that_breaks_off_leaves_the_old_file(serve, tmp_path):
    _, url = serve((200, {"Transfer-Encoding": "chunked"}, b"zz"))
    (tmp_path / "f").write_bytes(b"old")
    with Falcon(url) as falcon, pytest.raises(ServiceError) as broken:
        falcon.download("job_1", "report", tmp_path / "f")
    assert broken.value.code == "unreachable"
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("f", b"old")]


def test_the_client_and_the_record_know_the_same_states_and_kinds():
    assert get_args(documents.State) == states.STATES
    assert get_args(documents.JobKind) == kinds.KINDS
    assert working.TERMINAL == states.TERMINAL
    assert set(states.OPEN) | set(states.TERMINAL) == set(states.STATES)
