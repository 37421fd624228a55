"""The pictures of the page in the documents: `python -m benchmarks.page.pictures [FOLDER]`.

The demo is discovered and looked at in Chromium, light and dark; look at the pictures before
they are committed.
"""

from __future__ import annotations

import io
import subprocess
import sys
import tempfile
from base64 import b64decode
from pathlib import Path

from PIL import Image

from benchmarks.page.running import RunningReview
from tests.review.chromium import Browser

FOLDER = Path(__file__).parents[2] / "docs" / "images"
WIDTH, HEIGHT, QUALITY = 1440, 950, 80
VIEWS = {
    "overview": ("#/local/overview", "document.querySelector('.map').dataset.frames > 0"),
    "class": ("#/local/class/c4", "document.querySelectorAll('.tile').length > 20"),
    "queue": ("#/local/queue", "document.querySelector('article.question')"),
    "changes": ("#/local/changes", "document.querySelectorAll('.log li').length > 1"),
    "export": ("#/local/export", "document.querySelector('.forms')"),
}
"""Name -> place of the view, and what has to be there before it is taken."""

CORRECTIONS = [
    {"kind": "rename", "class_id": "c4", "name": "how to change oil"},
    {"kind": "accept", "class_id": "c4", "looked": 22, "wrong": 0},
    {"kind": "whole", "class_id": "c7"},
]


def main(folder: Path = FOLDER) -> None:
    """Take every picture."""
    with tempfile.TemporaryDirectory() as scratch:
        result = Path(scratch) / "demo"
        command = [sys.executable, "-m", "falcon_svc.cli.main", "demo", "--quiet", "--out"]
        subprocess.run([*command, str(result)], check=True)
        for dark in (False, True):
            _taken(Path(scratch) / f"dark-{dark}", result, folder, dark=dark)


def _taken(scratch: Path, result: Path, folder: Path, *, dark: bool) -> None:
    review = RunningReview(result, author="ada")
    browser = Browser(scratch, width=WIDTH, height=HEIGHT, dark=dark)
    try:
        browser.open(review.address, "overview")
        if not dark:
            _correct(browser)
        for name, (place, there) in VIEWS.items():
            browser.go(place, place.split("/")[2])
            browser.until(there)
            browser.js("document.getElementById('status').replaceChildren()")
            data = browser.cdp("Page.captureScreenshot", format="png")["data"]
            picture = Image.open(io.BytesIO(b64decode(data))).convert("RGB")
            ending = "-dark" if dark else ""
            picture.save(folder / f"review-{name}{ending}.webp", quality=QUALITY, method=6)
    finally:
        browser.close()
        review.stop()


def _correct(browser: Browser) -> None:
    """Make a few corrections, so that there is a change log to see."""
    script = """
    const [corrections, done] = arguments;
    const head = async () => (await (await fetch("v1/jobs/local/review")).json()).head;
    (async () => {
      for (const one of corrections) {
        await fetch("v1/jobs/local/review/corrections", { method: "POST",
          headers: { "Content-Type": "application/json", "If-Match": `"${await head()}"` },
          body: JSON.stringify({ corrections: [one], reason: "looked at by eye" }) });
      }
    })().then(done, done);
    """
    browser.driver.set_script_timeout(60)
    browser.driver.execute_async_script(script, CORRECTIONS)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
