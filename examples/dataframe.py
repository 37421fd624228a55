"""A DataFrame: named columns, an estimated number of classes, the result joined to the table."""

from __future__ import annotations

import numpy as np
import pandas as pd

import falcon_svc as falcon

# Six species in two orders; nobody tells the species. `ring` is an id, and `notes` no number.
rng = np.random.default_rng(0)
species = rng.permutation(np.repeat(np.arange(6), 60))
middles = rng.normal(scale=3, size=(6, 4))
birds = pd.DataFrame(
    middles[species] + rng.normal(size=(360, 4)), columns=["wing", "tail", "bill", "mass"]
)
birds["order"] = np.where(species < 3, "songbird", "wader")
birds["notes"] = "seen at dawn"
birds["ring"] = [f"R{i:04d}" for i in range(len(birds))]

result = falcon.discover(birds, coarse="order", id_column="ring", seed=0)
print("used:", ", ".join(result.discovery.features))
print("left out:", "; ".join(f"{name}: {why}" for name, why in result.discovery.left_out))
for count in result.counts:
    print(f"{count.low} to {count.high} fine classes, most likely {count.n_fine}: {count.verdict}")

table = birds.merge(result.to_pandas(), left_on="ring", right_on="id", suffixes=("", "_found"))
print(table.groupby(["order", "fine"])[["wing", "tail", "bill", "mass"]].mean().round(1))
