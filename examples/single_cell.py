"""Single cells: subtypes inside cell types, from counts in AnnData and back into it."""

from __future__ import annotations

import anndata
import numpy as np
import pandas as pd

import falcon_svc as falcon

# Counts of 200 genes in 400 cells: two types, two subtypes each, which nobody tells.
rng = np.random.default_rng(0)
subtype = rng.permutation(np.repeat(np.arange(4), 100))
rates = rng.gamma(1.0, 1.0, size=200) * np.exp(rng.normal(scale=0.8, size=(4, 200)))
cells = anndata.AnnData(
    rng.poisson(rates[subtype]).astype(np.float32),
    obs=pd.DataFrame(
        {"cell_type": pd.Categorical(np.where(subtype < 2, "B cell", "T cell"))},
        index=[f"cell{i}" for i in range(400)],
    ),
    var=pd.DataFrame(index=[f"gene{i}" for i in range(200)]),
)

result = falcon.discover(cells, coarse="cell_type", n_fine=4, seed=0)
result.add_to(cells)  # obs["fine"], obs["fine_confidence"], obs["fine_margin"], uns["falcon"]
print(pd.crosstab(cells.obs["fine"], subtype))
print(cells.obs.head(3))
