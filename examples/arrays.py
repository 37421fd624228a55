"""Arrays: ten handwritten digits, of which only the shape is told, found by the estimator."""

from __future__ import annotations

import numpy as np
from sklearn.datasets import load_digits
from sklearn.metrics import adjusted_rand_score
from sklearn.model_selection import train_test_split

from falcon_svc import FineClassDiscovery

SHAPES = np.array(
    ["round", "straight", "open", "open", "straight", "open", "round", "straight", "round", "round"]
)

images, digits = load_digits(return_X_y=True)  # (1797, 64); the digits judge the result below
known, new, digits_known, digits_new = train_test_split(images, digits, random_state=0)
shapes, shapes_new = SHAPES[digits_known], SHAPES[digits_new]

found = FineClassDiscovery(n_fine=10, random_state=0).fit(known, shapes)
print("fine classes per shape:", found.n_fine_per_coarse_)
print("parents:", [str(found.fine_to_coarse_[fine]) for fine in range(10)])
print(f"agreement with the digits: ARI {adjusted_rand_score(digits_known, found.labels_):.2f}")

inside = found.predict(new, coarse=shapes_new)  # the shape is known
freely = found.predict(new)  # nothing is known
print(f"new images, shape known: ARI {adjusted_rand_score(digits_new, inside):.2f}")
print(f"new images alone: ARI {adjusted_rand_score(digits_new, freely):.2f}")
