"""Every API call of the page on a large result: the slowest twentieth, beside 100 ms."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import httpx
import numpy as np

from benchmarks.page.running import BASE

LASSO_S, CALL_S = 0.3, 0.1
WARM = 2
"""Calls before those that count: the first ones load what the others use."""


@dataclass(frozen=True)
class Timing:
    """One call of the page.

    Parameters
    ----------
    what
        Method and path.
    p50_s, p95_s, first_s
        Median and 95 % quantile of the calls that count, and the very first.
    cpu_s
        Mean processor time of the page's process, with what the call needs before it.
    target_s
        That the 95 % quantile should stay under.
    n_bytes
        Of an answer.
    """

    what: str
    p50_s: float
    p95_s: float
    first_s: float
    cpu_s: float
    target_s: float
    n_bytes: int

    @property
    def passed(self) -> bool:
        """Whether the target was reached."""
        return self.p95_s < self.target_s

    def cells(self) -> tuple[str, ...]:
        """Return the cells of the table."""
        seconds = (self.first_s, self.cpu_s, self.p50_s, self.p95_s, self.target_s)
        return (self.what, *(f"{1000 * s:,.0f}" for s in seconds), f"{self.n_bytes / 1e3:,.1f}")


class Page:
    """What the page asks for, one method per call.

    Parameters
    ----------
    client
        That has entered.
    seed
        Seed of which classes are looked at.
    """

    def __init__(self, client: httpx.Client, seed: int = 0) -> None:
        self._client, self._random = client, np.random.default_rng(seed)
        self._state = self._get("").json()
        self._known: str = self._state["head"]
        self.ranked_s = float("nan")
        self._ids = [one["id"] for one in self._state["classes"]]
        corners = np.frombuffer(self._get("/map").content, "<f4")[: self._state["n_samples"] * 2]
        x, y = np.split(corners, 2)
        self._low = np.array([np.nanmin(x), np.nanmin(y)])
        self._span = np.array([np.nanmax(x), np.nanmax(y)]) - self._low

    def calls(self) -> Iterator[tuple[str, float, Callable[[], httpx.Response]]]:
        """Yield a name, a target in seconds and what does it, for every call of the page."""
        yield "GET state, as it was", CALL_S, lambda: self._get("")
        yield "GET state, after a correction", CALL_S, self._changed
        for order in ("central", "diverse", "border", "suspect", "all"):
            yield f"GET samples, {order}", CALL_S, partial(self._samples, order)
        yield "GET samples, words", CALL_S, lambda: self._samples("all", words="s00001")
        yield "GET selection", CALL_S, lambda: self._of_class("/selection")
        yield "GET evidence", CALL_S, lambda: self._of_class("/evidence")
        yield "GET acceptance", CALL_S, lambda: self._of_class("/acceptance")
        yield "POST propose-split", CALL_S, self._split
        yield "POST samples by id", CALL_S, self._shown
        yield "POST corrections, rename", CALL_S, self._rename
        yield "POST corrections, move 20", CALL_S, self._move
        yield "POST corrections, undo", CALL_S, self._undo
        yield "GET revisions", CALL_S, lambda: self._get("/revisions?limit=500")
        yield "GET ancestry", CALL_S, lambda: self._get("/ancestry")
        yield "GET diff", CALL_S, self._diff
        yield "GET resolve", CALL_S, lambda: self._get("/resolve")
        yield "GET map", CALL_S, lambda: self._get("/map")
        yield "GET map of a coarse class", CALL_S, self._coarse_map
        yield "POST lasso, half of all", LASSO_S, lambda: self._lasso(0.7, None)
        yield "POST lasso, one class", LASSO_S, lambda: self._lasso(0.7, self._any())
        self.ranked_s = self._until_ranked()
        yield "GET questions, as they were", CALL_S, lambda: self._get("/questions?limit=20")
        yield "GET questions, after a correction", CALL_S, self._asked_again

    def _until_ranked(self) -> float:
        """Ask as the page does until the first questions are there; return the seconds."""
        began = time.perf_counter()
        while not self._get("/questions?limit=20").json()["fresh"]:
            time.sleep(0.25)
        return time.perf_counter() - began

    def _get(self, path: str) -> httpx.Response:
        return self._client.get(BASE + path).raise_for_status()

    def _post(self, path: str, body: dict[str, Any], head: str | None = None) -> httpx.Response:
        headers = {} if head is None else {"If-Match": f'"{head}"'}
        return self._client.post(BASE + path, json=body, headers=headers).raise_for_status()

    def _any(self) -> str:
        return str(self._random.choice(self._ids))

    def _samples(self, order: str, **more: str) -> httpx.Response:
        query = httpx.QueryParams({"order": order, "limit": "60", **more})
        return self._get(f"/classes/{self._any()}/samples?{query}")

    def _of_class(self, path: str) -> httpx.Response:
        return self._get(f"/classes/{self._any()}{path}")

    def _split(self) -> httpx.Response:
        return self._post(f"/classes/{self._any()}:propose-split", {"k": 3})

    def _some(self) -> tuple[str, list[str]]:
        class_id = self._any()
        found = self._get(f"/classes/{class_id}/samples?order=all&limit=20").json()
        return class_id, [one["id"] for one in found["samples"]]

    def _shown(self) -> httpx.Response:
        ids = self._some()[1]
        return self._timed_from_here(lambda: self._post("/samples", {"ids": ids}))

    def _correct(self, *wishes: dict[str, Any]) -> httpx.Response:
        found = self._post("/corrections", {"corrections": list(wishes)}, self._head())
        self._known = found.json()["head"]
        return found

    def _head(self) -> str:
        return self._known

    def _rename(self) -> httpx.Response:
        name = f"name {self._random.integers(1 << 40)}"
        return self._correct({"kind": "rename", "class_id": self._any(), "name": name})

    def _move(self) -> httpx.Response:
        class_id, ids = self._some()
        wish = {"kind": "label", "class_id": class_id, "samples": ids}
        return self._timed_from_here(lambda: self._correct(wish))

    def _undo(self) -> httpx.Response:
        return self._correct({"kind": "undo"})

    def _diff(self) -> httpx.Response:
        return self._get(f"/diff?before={'0' * 64}&after={self._head()}")

    def _coarse_map(self) -> httpx.Response:
        name = self._random.choice([one["name"] for one in self._state["coarse"]])
        return self._get(f"/map?{httpx.QueryParams({'coarse': str(name)})}")

    def _lasso(self, size: float, class_id: str | None) -> httpx.Response:
        turn = np.linspace(0, 2 * np.pi, 200, endpoint=False)
        circle = self._low + self._span * (0.5 + size / 2 * np.c_[np.cos(turn), np.sin(turn)])
        body = {"polygon": circle.tolist(), "coarse": None, "class_id": class_id}
        return self._post("/lasso", body)

    def _changed(self) -> httpx.Response:
        self._rename()
        return self._timed_from_here(lambda: self._get(""))

    def _asked_again(self) -> httpx.Response:
        self._rename()
        return self._timed_from_here(lambda: self._get("/questions?limit=20"))

    def _timed_from_here(self, call: Callable[[], httpx.Response]) -> httpx.Response:
        """Make a call whose time alone counts, whatever came before it."""
        began = time.perf_counter()
        answer = call()
        answer.extensions["own_s"] = time.perf_counter() - began
        return answer


def timed(
    what: str,
    target_s: float,
    call: Callable[[], httpx.Response],
    times: int,
    cpu_s: Callable[[], float],
) -> Timing:
    """Return how long a call takes, once it is warm; `cpu_s` tells the process's time so far."""
    seconds: list[float] = []
    for turn in range(WARM + times):
        if turn == WARM:
            before = cpu_s()
        began = time.perf_counter()
        answer = call()
        seconds.append(answer.extensions.get("own_s", time.perf_counter() - began))
    p50, p95 = (float(q) for q in np.quantile(seconds[WARM:], (0.5, 0.95)))
    cpu = (cpu_s() - before) / times
    return Timing(what, p50, p95, seconds[0], cpu, target_s, len(answer.content))
