"""The same page in front of a service: a file is dropped in, discovered, and reviewed."""

from __future__ import annotations

import numpy as np
import pytest

from tests.api.running import Running, npz_bytes
from tests.review.chromium import Browser, needs_browser

pytestmark = [pytest.mark.browser, needs_browser]


def test_from_a_file_to_a_correction(tmp_path):
    (tmp_path / "birds.npz").write_bytes(npz_bytes(200))
    rows = "".join(f"s{i},{'ab'[i % 2]},{i * i % 11},{i * i % 7}\n" for i in range(20))
    (tmp_path / "table.csv").write_text("id,place,u,v\n" + rows)
    np.savez(tmp_path / "broken.npz", x=np.full((4, 2), np.nan), coarse=np.array(list("aabb")))
    service = Running(tmp_path / "service", slots=1, worker_nice=0)
    browser = Browser(tmp_path / "browser")
    try:
        browser.driver.get(f"{service.url}/review")
        browser.until("document.querySelector('#file')")
        field = browser.driver.find_element("css selector", "#file")
        field.send_keys(str(tmp_path / "broken.npz"))
        browser.until("document.querySelector('.card .bad')")
        browser.driver.find_element("css selector", "#file").send_keys(str(tmp_path / "birds.npz"))
        browser.until("document.querySelector('.card .badge.ready')")
        browser.js("document.querySelector('.named summary').click()")
        browser.write("place", "#coarse_column")
        browser.driver.find_element("css selector", "#file").send_keys(str(tmp_path / "table.csv"))
        browser.until("document.querySelectorAll('.card .badge.ready').length === 2")
        for number in ("", "6"):  # none: it is estimated
            browser.js("location.hash = '#/datasets'")
            browser.until("document.querySelectorAll('.card .badge.ready').length === 2")
            browser.js("[...document.querySelectorAll('.card button')].at(-1).click()")  # birds
            browser.write(number)
            browser.press("Start", "dialog")
            browser.until("document.querySelector('h1').innerText === 'Jobs'")
        browser.until("document.querySelectorAll('.card .badge.succeeded').length === 2", 150)
        assert "birds.npz" in browser.text()
        browser.js("document.querySelector('.card a.button').click()")
        browser.until_view("overview")
        job = browser.js("return location.hash").split("/")[1]
        browser.go(f"#/{job}/class/c0", "class")
        browser.until("document.querySelectorAll('.tile .strip').length > 0")
        browser.keys("?")
        browser.press("Close", "dialog")
        browser.keys("m")
        browser.driver.switch_to.active_element.send_keys("\ue015")  # arrow down
        browser.until("document.querySelectorAll('.option')[1].ariaSelected === 'true'")
        browser.press("Cancel", "dialog")
        assert not browser.js("return document.querySelector('#status').innerText")
        browser.keys("r")
        browser.write("wren")
        browser.press("Rename", "dialog")
        browser.said("Renamed")
        with service.client() as client:
            names = [one["name"] for one in client.review(job).state()["classes"]]
            client.delete_job(job)
        assert "wren" in names and not (tmp_path / "service" / "reviews" / job).exists()
        assert "Content Security Policy" not in str(browser.logged())
    finally:
        browser.close()
        service.kill()


def test_jobs_of_every_kind_are_shown(tmp_path):
    (tmp_path / "birds.npz").write_bytes(npz_bytes(60))
    service = Running(tmp_path / "service", slots=1, worker_nice=0)
    browser = Browser(tmp_path / "browser")
    try:
        with service.client() as client:
            dataset = client.upload(tmp_path / "birds.npz")
            settings = {"levels": ["coarse"]}
            made = client.submit(dataset["id"], settings, kind="classifier")
            client.wait(made["id"])
            advice = client.submit(dataset["id"], {"hidden": [0], "folds": 2}, kind="advice")
            client.wait(advice["id"])
        browser.driver.get(f"{service.url}/review#/jobs")
        browser.until("document.querySelectorAll('.card .badge.succeeded').length == 2")
        shown = browser.js("return document.querySelector('main').innerText")
        assert "Classifier of 2 classes" in shown and "Advice: finer labels" in shown
        assert "Model card" in shown and "Review" not in shown
        browser.press("Read", ".card")
        browser.until("document.querySelector('dialog p')")
        assert "iner labels" in browser.js("return document.querySelector('dialog').innerText")
        assert "Content Security Policy" not in str(browser.logged())
    finally:
        browser.close()
        service.kill()
