"""axe-core finds nothing serious in any view of the page, light and dark."""

from __future__ import annotations

from importlib import resources

import numpy as np
import pytest

from falcon_svc.config import DiscoveryConfig
from falcon_svc.pipeline.discover import discover_to
from tests.discoveries import StoredImages, blobs, pretend_dataset
from tests.review.chromium import Browser, needs_browser
from tests.review.running import RunningReview

pytestmark = [pytest.mark.browser, needs_browser]
VIEWS = ("overview", "class/c0", "queue", "changes", "export")
RUN = "axe.run(document).then(arguments[arguments.length - 1])"


@pytest.fixture(scope="module")
def review(tmp_path_factory):
    x, coarse, fine = blobs(n_coarse=2, n_fine=4, per_fine=15)
    pixels = np.repeat(fine[:, None] * 40 + 50, 12 * 12 * 3, 1).reshape(-1, 12, 12, 3)
    images = StoredImages(pixels.astype(np.uint8))
    texts = tuple(f"no. {i} of many" for i in range(len(x)))
    dataset = pretend_dataset(x, coarse, images=images, texts=texts)
    config = {"counts": {"n_fine": 4}, "train": {"epochs": 1}}
    directory = tmp_path_factory.mktemp("result") / "out"
    discover_to(directory, dataset, DiscoveryConfig.model_validate(config))
    running = RunningReview(directory)
    yield running
    running.kill()


@pytest.fixture(scope="module")
def browser(review, tmp_path_factory):
    made = Browser(tmp_path_factory.mktemp("browser"))
    made.open(review.address, "overview")
    yield made
    made.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("place", VIEWS)
def test_nothing_serious_is_found(browser, place, scheme):
    media = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.cdp("Emulation.setEmulatedMedia", features=media)
    browser.go(f"#/local/{place}", place.partition("/")[0])
    browser.js(resources.files("axe_playwright_python").joinpath("axe.min.js").read_text("utf-8"))
    found = browser.driver.execute_async_script(RUN)["violations"]
    serious = [one for one in found if one["impact"] in ("serious", "critical")]
    assert not [(one["id"], [n["html"][:120] for n in one["nodes"]]) for one in serious]
