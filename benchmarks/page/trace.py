"""Chromium's own trace, by its debugging port: what each of its threads did, in processor time."""

from __future__ import annotations

import json
import urllib.request
from typing import Any

Event = dict[str, Any]
TASK, PAGES_THREAD = "ThreadControllerImpl::RunTask", "CrRendererMain"


class Trace:
    """Traces while it is entered.

    Parameters
    ----------
    address
        Host and port of the debugging port.

    Attributes
    ----------
    events
        In Chromium's trace format, once it has ended.
    """

    def __init__(self, address: str) -> None:
        from websocket import create_connection  # comes with selenium

        with urllib.request.urlopen(f"http://{address}/json/version") as answer:
            url = json.load(answer)["webSocketDebuggerUrl"]
        self._socket = create_connection(url, suppress_origin=True)
        self.events: list[Event] = []

    def __enter__(self) -> Trace:
        """Begin."""
        config = {"includedCategories": ["toplevel"], "recordMode": "recordUntilFull"}
        self._send("Tracing.start", {"transferMode": "ReportEvents", "traceConfig": config})
        while "id" not in self._heard():
            continue
        return self

    def __exit__(self, *error: object) -> None:
        """End, and take in the events."""
        self._send("Tracing.end", {})
        while (told := self._heard()).get("method") != "Tracing.tracingComplete":
            if told.get("method") == "Tracing.dataCollected":
                self.events += told["params"]["value"]
        self._socket.close()

    def longest_task_ms(self) -> float:
        """Return the processor time of the longest task of a page's thread."""
        names = (e for e in self.events if e.get("args", {}).get("name") == PAGES_THREAD)
        threads = {(e["pid"], e["tid"]) for e in names}
        tasks = (e for e in self.events if e["name"] == TASK and (e["pid"], e["tid"]) in threads)
        return max((e.get("tdur", 0) / 1000 for e in tasks), default=0.0)

    def _send(self, method: str, params: dict[str, Any]) -> None:
        self._socket.send(json.dumps({"id": 1, "method": method, "params": params}))

    def _heard(self) -> dict[str, Any]:
        return dict(json.loads(self._socket.recv()))
