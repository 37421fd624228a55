"""A service: upload, job, progress, classes and new vectors, by the client that needs no torch.

Start one first, `falcon serve`; FALCON_URL and FALCON_KEY say where it is and who asks.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import numpy as np

from falcon_svc.client import Falcon

rng = np.random.default_rng(0)
species = np.repeat(np.arange(6), 50)
x = rng.normal(scale=4, size=(6, 8))[species] + rng.normal(size=(300, 8))
orders = np.where(species < 3, "songbird", "wader")

url, key = os.environ.get("FALCON_URL", "http://127.0.0.1:8000"), os.environ.get("FALCON_KEY")
with Falcon(url, key) as falcon, tempfile.TemporaryDirectory() as folder:
    file = Path(folder) / "birds.npz"
    np.savez(file, x=x.astype(np.float32), coarse=orders)
    dataset = falcon.upload(file)
    job = falcon.submit(dataset["id"], {"counts": {"n_fine": 6}, "seed": 0})
    for event in falcon.events(job["id"]):
        print(event["kind"], event.get("state") or event.get("stage"))
    job = falcon.wait(job["id"])  # raises what went wrong
    for fine in falcon.classes(job["id"]):
        print(fine["id"], fine["coarse"]["coarse"], f"{fine['size']} samples")
    found = falcon.predict(job["id"], x[:2].tolist(), ["songbird", None])
    print([one["fine"] for one in found["predictions"]])
    assert falcon.verification(job["id"])["ok"]
    falcon.download(job["id"], "report", "birds.html")
