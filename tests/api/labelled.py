"""A data set with labels of two levels, and jobs that are made of it."""

from __future__ import annotations

import io

import numpy as np

from falcon_svc.hierarchy.classifier import HierarchicalClassifier
from tests.api.running import planted, wait_until

NAMES = np.array(["jay", "wren", "owl", "cod", "eel", "ray"])
X, COARSE = planted()
FINE = NAMES[np.arange(400) % 6]
PATHS = [(("land", "water")[c], str(f)) for c, f in zip(COARSE, FINE, strict=True)]


def npz_of(**arrays) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def labelled_npz() -> bytes:
    return npz_of(x=X, coarse=np.array(["land", "water"])[COARSE], fine=FINE)


LONG = {"levels": ["coarse"], "epochs": 100_000, "test_share": 0.0}
"""A classifier that nobody waits for."""


def checked(falcon, uploaded):
    """The data set as the service has it once its file was read."""
    return wait_until(lambda: (d := falcon.dataset(uploaded["id"]))["state"] != "validating" and d)


def done(falcon, dataset, kind, **config):
    return falcon.wait(falcon.submit(dataset["id"], config, kind=kind)["id"])


def locally(**settings):
    """The classifier of the same data, settings and seed without a service."""
    seed = settings.pop("seed")
    return HierarchicalClassifier(random_state=seed, **settings).fit(X, PATHS)


def weights(model):
    return np.concatenate([value.ravel() for _, value in sorted(model.weights_.items())])
