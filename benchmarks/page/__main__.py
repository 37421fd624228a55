"""Benchmark of the review page on made results, beside the targets that it must reach.

`python -m benchmarks.page [--samples N] [--classes F] [--times T] [--beside] [--frames]
[--json FILE]`, in a clone. A result is made, `falcon review` is started on it on loopback, and
every API call of the page is timed: all but lassos shall stay under 100 ms in 95 of 100. `--beside`
lets a discovery train meanwhile. `--frames` opens the page in Chromium in place of that, and tells
the seconds of the first view and the longest frames while a gallery scrolls and the map is moved.
"""

from __future__ import annotations

import os
import signal
import tempfile
from dataclasses import asdict
from pathlib import Path

from benchmarks.page.calls import Page, timed
from benchmarks.page.made import made_result
from benchmarks.page.running import RunningReview, training
from falcon_svc.bench.command import parser, progress_of
from falcon_svc.bench.table import markdown, write_json
from falcon_svc.pipeline.record import versions
from falcon_svc.progress import Progress, Silent

HEADER = ("call", "first ms", "CPU ms", "median ms", "p95 ms", "target ms", "kB")


def calls(folder: Path, times: int, json_path: Path | None, progress: Progress) -> str:
    """Time every call of the page on the result in a folder, and return a table."""
    review = RunningReview(folder)
    try:
        page, found = Page(review.client()), []
        for what, target_s, call in page.calls():
            progress.stage(what, times)
            found.append(timed(what, target_s, call, times, review.cpu_s))
        peak = review.peak_bytes()
    finally:
        review.stop()
    document = {
        "rows": [asdict(one) for one in found],
        "peak_rss_bytes": peak,
        "first_questions_s": page.ranked_s,
    }
    write_json(json_path, {"benchmark": "page", "versions": versions(), **document})
    missed = [one.what for one in found if not one.passed]
    told = f"missed: {', '.join(missed)}" if missed else "all targets reached"
    table = markdown(HEADER, (one.cells() for one in found))
    return (
        f"{table}\n\npeak memory of the page's process: {peak / 2**30:.2f} GiB; "
        f"the first questions are there after {page.ranked_s:.0f} s; {told}"
    )


def main() -> int:
    """Print the table; see this module's docstring for the arguments."""
    flags = parser("page", "The review page on made results.")
    flags.add_argument("--samples", type=int, default=1_000_000)
    flags.add_argument("--classes", type=int, default=10_000)
    flags.add_argument("--times", type=int, default=40, help="calls of each kind that count")
    flags.add_argument("--beside", action="store_true", help="let a discovery train meanwhile")
    flags.add_argument("--frames", action="store_true", help="drive Chromium in place of calls")
    given = flags.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        (progress_of(given) or Silent()).stage("made result", 1)
        made_result(folder / "result", given.samples, given.classes)
        beside = training(folder / "demo") if given.beside else None
        try:
            if given.frames:
                from benchmarks.page.frames import frames

                print(frames(folder, given.json))
            else:
                progress = progress_of(given) or Silent()
                print(calls(folder / "result", given.times, given.json, progress))
        finally:
            if beside is not None:
                os.killpg(beside.pid, signal.SIGTERM)
                beside.wait()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
