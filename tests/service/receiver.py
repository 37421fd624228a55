"""A server that keeps what is posted to it, and answers as told."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(frozen=True)
class Received:
    """One request."""

    path: str
    headers: dict[str, str]
    body: bytes


class Receiver:
    """Answers each request with the next of `answers`, the last one for ever.

    An answer is a status, a URL to redirect to, or None: a byte of a header every now and then.
    """

    def __init__(self, *answers: int | str | None) -> None:
        self.answers, self.received = list(answers), []
        self._stop = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}/hook"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    def close(self) -> None:
        self._stop.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _next(self) -> int | str | None:
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    def _handler(outer):
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                names = {name.lower(): value for name, value in self.headers.items()}
                outer.received.append(Received(self.path, names, body))
                answer = outer._next()
                if answer is None:
                    return self.drip()
                self.send_response(answer if isinstance(answer, int) else 302)
                if isinstance(answer, str):
                    self.send_header("Location", answer)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return None

            def drip(self) -> None:
                self.wfile.write(b"HTTP/1.1 200 OK\r\nX: ")
                while not outer._stop.wait(0.1):
                    try:
                        self.wfile.write(b"y")
                    except OSError:
                        return

            def log_message(self, *_: object) -> None:
                pass

        return Handler
