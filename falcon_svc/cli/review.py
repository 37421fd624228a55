"""`falcon review`: look at a result and correct it in the browser, on this machine alone."""

from __future__ import annotations

import getpass
import secrets
import threading
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from falcon_svc.cli import options
from falcon_svc.cli.listening import listen

if TYPE_CHECKING:
    from falcon_svc.review.content import Content
    from falcon_svc.triage.session import Session

Data = Annotated[
    Path | None,
    typer.Option("--data", metavar="INPUT", help="The data set, to show its images in full size."),
]
Author = Annotated[
    str | None,
    typer.Option(
        "--author", help="Name of the person who corrects; by default the user of the machine."
    ),
]
Port = Annotated[
    int, typer.Option("--port", min=0, max=65535, help="Port of the page; 0 = any that is free.")
]
NoOpen = Annotated[bool, typer.Option("--no-open", help="Print the address and open no browser.")]


def review(
    directory: options.Result,
    data: Data = None,
    author: Author = None,
    port: Port = 0,
    no_open: NoOpen = False,
) -> None:
    """Open the result in DIR in the browser: look, correct, solve again, export."""
    import uvicorn

    from falcon_svc.api.local_review import create_review_app
    from falcon_svc.review.desk import Desk

    with listen("127.0.0.1", port) as place:
        desk = Desk(directory, content=lambda session: _content(data, session))
        desk.warm()
        token = secrets.token_urlsafe(24)
        app = create_review_app(desk, author=author or user_name(), token=token)
        server = uvicorn.Server(
            uvicorn.Config(app, access_log=False, log_level="warning", server_header=False,
                           timeout_graceful_shutdown=1)
        )  # fmt: skip
        address = f"http://127.0.0.1:{place.getsockname()[1]}/?token={token}"
        print(f"{address} shows {directory}; Ctrl-C ends it", flush=True)
        if not no_open:
            threading.Timer(0.5, webbrowser.open, [address]).start()
        server.run(sockets=[place])
    desk.solver.cancel()


def _content(data: Path | None, session: Session) -> Content:
    from falcon_svc.review.content import Content

    if data is None:
        return Content.kept(session.directory, session.discovery)
    return Content.read(data, session.discovery)


def user_name() -> str:
    """Return the name of the machine's user, for the corrections that are theirs."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # no name for this user id
        return "reviewer"
