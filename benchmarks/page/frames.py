"""The page in Chromium: seconds of the first view, and frames while it scrolls and the map moves.

A frame's time is the gap between two animation frames, as the page itself sees them. On a machine
without a GPU most of it is the drawing of points by the processor, and on a busy one waiting; so
the longest task of the page's thread (script, layout and paint) is told too, in processor time.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.page.made import made_result
from benchmarks.page.running import RunningReview
from benchmarks.page.trace import Trace
from falcon_svc.bench.table import markdown, write_json
from falcon_svc.pipeline.record import versions
from tests.review.chromium import Browser

FIRST_VIEW_S, FRAME_MS = 1.0, 50.0
VIEW = (10_000, 600)
MOVED = (100_000, 600)
"""Samples and classes of the first view, and of what is scrolled and moved."""

MAP_CAME = """
const all = performance.getEntriesByType("resource").filter((one) => one.name.endsWith("/map"));
return all.length ? all[all.length - 1].responseEnd : 0;
"""
PLACE = Path(__file__).parent
WATCH = (PLACE / "watch.js").read_text()
SCROLL = (PLACE / "scroll.js").read_text()
PAN = (PLACE / "pan.js").read_text()


@dataclass(frozen=True)
class Watched:
    """What was done, and how the page kept up.

    Parameters
    ----------
    what
        First view, scrolling, or moving the map.
    n_samples, n_classes
        Of the result.
    p95_ms, longest_ms
        Of the frames; for a first view, its whole time.
    task_ms
        Processor time of the longest task of the page's thread.
    passed
        Whether the target was reached.
    """

    what: str
    n_samples: int
    n_classes: int
    p95_ms: float
    longest_ms: float
    task_ms: float
    passed: bool

    def cells(self) -> tuple[str, ...]:
        """Return the cells of the table."""
        numbers = (self.n_samples, self.n_classes)
        times = (self.p95_ms, self.longest_ms, self.task_ms)
        return (
            self.what,
            *(f"{n:,}" for n in numbers),
            *(f"{t:,.0f}" for t in times),
            "yes" if self.passed else "no",
        )


def frames(folder: Path, json_path: Path | None) -> str:
    """Drive the page and return a table."""
    found = [*_watched(folder / "view", *VIEW, moves=False), *_watched(folder / "moved", *MOVED)]
    rows = [asdict(one) for one in found]
    write_json(json_path, {"benchmark": "page-frames", "versions": versions(), "rows": rows})
    header = ("what", "samples", "classes", "p95 ms", "longest ms", "longest task, CPU ms")
    return markdown((*header, "reached"), (one.cells() for one in found))


def _watched(folder: Path, n_samples: int, n_classes: int, *, moves: bool = True) -> list[Watched]:
    made_result(folder / "result", n_samples, n_classes)
    review = RunningReview(folder / "result")
    browser = Browser(folder / "browser")
    try:
        sizes = n_samples, n_classes
        browser.open(review.address, "overview")
        if not moves:
            return [_first_view(browser, sizes)]
        browser.js(WATCH)
        panned = _moved(browser, "map moved and zoomed", PAN, sizes)
        browser.go("#/local/class/c0", "class")
        browser.until("document.querySelectorAll('.tile').length > 0")
        return [panned, _moved(browser, "gallery scrolled", SCROLL, sizes)]
    finally:
        browser.close()
        review.stop()


def _first_view(browser: Browser, sizes: tuple[int, int]) -> Watched:
    """Open the page again, as the address was good once, until its map is drawn."""
    with Trace(browser.debugged) as trace:
        browser.driver.refresh()
        browser.until("document.querySelector('main')?.dataset.view === 'overview'")
        ms = 0.0
        while not ms:
            ms = float(browser.js(MAP_CAME))
    return Watched("first view", *sizes, ms, ms, trace.longest_task_ms(), ms < 1000 * FIRST_VIEW_S)


def _moved(browser: Browser, what: str, script: str, sizes: tuple[int, int]) -> Watched:
    browser.driver.set_script_timeout(60)
    with Trace(browser.debugged) as trace:
        browser.js("seen.frames = []")
        browser.driver.execute_async_script(script)
        gaps = sorted(browser.js("return seen.frames")[1:]) or [0.0]
    p95, longest = gaps[int(0.95 * (len(gaps) - 1))], gaps[-1]
    return Watched(what, *sizes, p95, longest, trace.longest_task_ms(), longest <= FRAME_MS)
