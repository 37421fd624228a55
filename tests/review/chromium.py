"""Debian's Chromium, driven by Selenium: what the page says, what it logs, how to press things."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import pytest

FLAGS = (
    "--headless=new", "--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader",
    "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-sync",
    "--disable-component-update", "--disable-dev-shm-usage",
)  # fmt: skip
PROGRAMS = ("chromium", "chromedriver")


def missing() -> str | None:
    """Why there is no browser here; None = there is one."""
    absent = [name for name in PROGRAMS if shutil.which(name) is None]
    if absent:
        return f"{' and '.join(absent)} not installed (Debian: apt install chromium-driver)"
    return None if _selenium() else "selenium is not installed"


def _selenium() -> bool:
    try:
        import selenium  # noqa: F401
    except ModuleNotFoundError:
        return False
    return True


needs_browser = pytest.mark.skipif(missing() is not None, reason=missing() or "")


class Browser:
    """A fresh browser; `files` is where downloads go."""

    def __init__(self, folder: Path, *, width=1440, height=950, dark=False, webgl=True) -> None:
        from selenium.webdriver import Chrome, ChromeOptions
        from selenium.webdriver.chrome.service import Service

        options, self.files = ChromeOptions(), folder / "files"
        options.binary_location = shutil.which("chromium")
        self.files.mkdir(parents=True)
        for flag in (*FLAGS, f"--window-size={width},{height}"):
            options.add_argument(flag)
        if not webgl:
            options.add_argument("--disable-gpu")
            options.add_argument("--disable-3d-apis")
        options.add_argument(f"--user-data-dir={folder / 'profile'}")
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        options.add_experimental_option("prefs", {"download.default_directory": str(self.files)})
        service = Service(shutil.which("chromedriver"))
        self.driver = Chrome(options=options, service=service)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.cdp("Emulation.setEmulatedMedia", features=[scheme])

    def cdp(self, command: str, **given) -> dict:
        return self.driver.execute_cdp_cmd(command, given)

    def open(self, url: str, view: str) -> None:
        self.driver.get(url)
        self.until_view(view)

    def go(self, place: str, view: str) -> None:
        self.js(f"location.hash = '{place}'")
        self.until_view(view)

    def until_view(self, view: str) -> None:
        self.until(f"document.querySelector('main').dataset.view === '{view}'")

    def js(self, script: str, *given):
        return self.driver.execute_script(script, *given)

    def until(self, condition: str, seconds: float = 60.0):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            found = self.js(f"return {condition}")
            if found:
                return found
            time.sleep(0.05)
        raise AssertionError(f"never: {condition}\n{self.text()[:1500]}\n{self.logged()}")

    def text(self) -> str:
        return self.js("return document.body.innerText")

    def button(self, label: str, inside: str = "body"):
        """The visible button that begins with a label."""
        script = """
        const all = [...document.querySelectorAll(arguments[1] + ' button')];
        return all.find((one) => one.checkVisibility()
            && one.innerText.trim().startsWith(arguments[0]));
        """
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            found = self.js(script, label, inside)
            if found:
                return found
            time.sleep(0.05)
        raise AssertionError(f"no button {label!r}: {self.text()[:1500]}")

    def press(self, label: str, inside: str = "body") -> None:
        """Press a button; one that was drawn anew in between is looked for again."""
        from selenium.common.exceptions import StaleElementReferenceException

        for _ in range(5):
            try:
                return self.button(label, inside).click()
            except StaleElementReferenceException:
                continue
        raise AssertionError(f"the button {label!r} does not stand still")

    def write(self, text: str, field: str = "dialog[open] input") -> None:
        found = self.driver.find_element("css selector", field)
        found.clear()
        found.send_keys(text)

    def keys(self, text: str) -> None:
        self.driver.find_element("css selector", "body").send_keys(text)

    def said(self, words: str) -> None:
        self.until(f"document.querySelector('#status').innerText.includes({words!r})")

    def drag(self, selector: str, corners: list[tuple[float, float]]) -> None:
        """Draw a path over an element, in shares of its width and height."""
        box = self.js(
            "const b = document.querySelector(arguments[0]).getBoundingClientRect();"
            "return [b.left, b.top, b.width, b.height]", selector,
        )  # fmt: skip
        kinds = ["mousePressed", *["mouseMoved"] * (len(corners) - 1), "mouseReleased"]
        for kind, (x, y) in zip(kinds, [*corners, corners[-1]], strict=True):
            place = {"x": box[0] + x * box[2], "y": box[1] + y * box[3]}
            self.cdp("Input.dispatchMouseEvent", type=kind, button="left", clickCount=1, **place)

    @property
    def debugged(self) -> str:
        """Host and port of the debugging port."""
        return self.driver.capabilities["goog:chromeOptions"]["debuggerAddress"]

    def logged(self) -> list[str]:
        return [one["message"] for one in self.driver.get_log("browser")]

    def close(self) -> None:
        self.driver.quit()
