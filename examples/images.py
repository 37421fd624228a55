"""Images: the characters of three alphabets, a report to look at, and a model for later."""

from __future__ import annotations

import numpy as np
from sklearn.metrics import adjusted_rand_score

import falcon_svc as falcon
from falcon_svc.data.shipped import drawings_path

with np.load(drawings_path()) as drawings:  # drawings by hand, 20 of each character
    alphabets, characters = drawings["coarse"], drawings["fine"]
    chosen = np.isin(alphabets, np.unique(alphabets)[:3])
    images = drawings["x"][chosen]
alphabets, characters = alphabets[chosen], characters[chosen]
n_fine = len(np.unique(characters))

# Pixels by principal components: quick, and the least that there is. encoder="moco" trains a
# network on the drawings, which takes minutes and finds far more (docs/encoders.md).
result = falcon.discover(images, alphabets, n_fine=n_fine, seed=0)
print(f"{len(images)} images, {n_fine} fine classes")
print(f"agreement with the characters: ARI {adjusted_rand_score(characters, result.labels):.2f}")

result.save("drawings")  # report.html, assignments.parquet, model, proof
again = falcon.read_result("drawings")
assert all(check.ok for check in again.verify())
print("look at drawings/report.html; correct it with: falcon review drawings")
