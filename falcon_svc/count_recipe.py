"""Counts of genes to vectors as one discovery fitted it, so that new cells are brought there alike.

Place: `falcon_svc.data.formats.singlecell` fits a recipe and says where its steps come from; it is
kept in the model, and new cells are projected by it, never fitted anew.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from falcon_svc.columns import few, matched, places_of
from falcon_svc.errors import InputError
from falcon_svc.types import FloatArray, IntArray, Note

TARGET_SUM = 1e4
CLIP = 10.0
LARGEST_LOGGED = 50.0
BLOCK_ROWS = 4096
PREFIX = "counts."


@dataclass(frozen=True)
class CountRecipe:
    r"""Normalise, log, take the variable genes, scale, project.

    For counts :math:`x` of a cell with the sum :math:`s` over `genes`:
    :math:`y = \min((\log(1 + 10^4 x / s) - \mathrm{mean}) / \mathrm{deviation}, 10)` on the genes
    of `used`, then :math:`(y - \mathrm{offset})\,\mathrm{rows}^\top`.

    Parameters
    ----------
    genes
        (G,) different names of all genes, in order; a cell's size is its sum over them.
    used
        (V,) ascending positions in `genes` of those that the vectors are made of.
    logged
        Whether the values were log(1 + x) of normalised counts already, and are taken as such.
    mean, deviation
        (V,) float64 of the logged values; deviations are positive.
    offset, rows
        (V,) and (K, V) float32: the principal components. None = the recipe ends with the logs,
        and K = V.
    """

    genes: tuple[str, ...]
    used: IntArray
    logged: bool
    mean: NDArray[np.float64]
    deviation: NDArray[np.float64]
    offset: FloatArray | None = None
    rows: FloatArray | None = None

    def __post_init__(self) -> None:
        assert self.mean.shape == self.deviation.shape == self.used.shape
        assert (self.offset is None) == (self.rows is None)

    @property
    def used_genes(self) -> tuple[str, ...]:
        """(V,) names of the genes that the vectors are made of."""
        return tuple(self.genes[k] for k in self.used.tolist())

    def apply(self, counts: Any, genes: Sequence[str], *, where: str) -> FloatArray:
        """Return the vectors of cells.

        Parameters
        ----------
        counts
            (N, G') numbers, an array or a scipy CSR matrix.
        genes
            (G',) their names, in any order and with others among them.
        where
            What sentences call the data.

        Returns
        -------
        FloatArray
            (N, K) float32.

        Raises
        ------
        InputError
            A gene of `used` is missing, or logged values where counts are expected or the other
            way round.
        """
        there = unique_names(genes)
        columns = matched(self.used_genes, there, where=where)
        self._check(counts, where)
        known = places_of(self.genes, there)
        sums = np.asarray(counts[:, known[known >= 0]].sum(axis=1), np.float64).reshape(-1, 1)
        factors = TARGET_SUM / np.where(sums > 0, sums, 1)
        starts = range(0, counts.shape[0], BLOCK_ROWS)
        return np.concatenate(
            [
                self._projected(
                    _dense(counts[s : s + BLOCK_ROWS][:, columns]), factors[s : s + BLOCK_ROWS]
                )
                for s in starts
            ]
        )

    def _projected(self, block: NDArray[Any], factors: NDArray[np.float64]) -> FloatArray:
        logs = block if self.logged else np.log1p(block * factors)
        if self.rows is None or self.offset is None:
            return np.asarray(logs, np.float32)
        scaled = np.minimum((logs - self.mean) / self.deviation, CLIP).astype(np.float32)
        return np.asarray((scaled - self.offset) @ self.rows.T, np.float32)

    def notes(self, genes: Sequence[str]) -> tuple[Note, ...]:
        """Return the note on genes that only the cells' sizes miss."""
        places = places_of(self.genes, unique_names(genes))
        missing = [self.genes[k] for k in np.flatnonzero(places < 0).tolist()]
        if not missing:
            return ()
        text = f"{len(missing):,} of the {len(self.genes):,} genes whose counts add up to a cell's "
        text += f"size are missing ({few(missing)}); "
        return (Note("missing_genes", text + "sizes are those over the others."),)

    def _check(self, counts: Any, where: str) -> None:
        values = counts.data if hasattr(counts, "indptr") else np.asarray(counts).ravel()
        check_counts(values, where)
        if not values.any() or is_logged(values) == self.logged:
            return
        kinds = ("counts", "logarithms of normalised counts")
        raise InputError(
            f"Expected {kinds[self.logged]}, as the model was made with, found "
            f"{kinds[not self.logged]} in {where}; give the same kind of values.",
            code="not_counts",
        )

    def tensors(self) -> dict[str, NDArray[Any]]:
        """Return the numbers by name, as a model file holds them."""
        found: dict[str, NDArray[Any]] = {
            "used": self.used,
            "mean": self.mean,
            "deviation": self.deviation,
        }
        if self.rows is not None and self.offset is not None:
            found |= {"offset": self.offset, "rows": self.rows}
        return {PREFIX + name: values for name, values in found.items()}

    def document(self) -> dict[str, Any]:
        """Return the rest, as a model's record holds it."""
        return {"genes": list(self.genes), "logged": self.logged}

    @classmethod
    def of(cls, document: Mapping[str, Any], tensors: Mapping[str, NDArray[Any]]) -> CountRecipe:
        """Return the recipe of a model's record and tensors."""
        return cls(
            genes=tuple(document["genes"]),
            used=tensors[PREFIX + "used"],
            logged=bool(document["logged"]),
            mean=tensors[PREFIX + "mean"],
            deviation=tensors[PREFIX + "deviation"],
            offset=tensors.get(PREFIX + "offset"),
            rows=tensors.get(PREFIX + "rows"),
        )


def unique_names(genes: Sequence[str]) -> tuple[str, ...]:
    """Return names that are all different: repeated ones get ``-1``, ``-2``, ... in their order."""
    if len(set(genes)) == len(genes):
        return tuple(genes)
    taken, seen, found = set(genes), Counter[str](), []
    for gene in genes:
        name = gene
        while seen[gene] and name in taken:
            name = f"{gene}-{seen[gene]}"
            seen[gene] += name in taken
        seen[gene] += 1
        taken.add(name)
        found.append(name)
    return tuple(found)


def is_logged(values: NDArray[Any]) -> bool:
    """Return whether values are logarithms by their looks: fractions, none above 50."""
    if not values.size or values.max() > LARGEST_LOGGED:
        return False
    return bool((values != np.floor(values)).any())


def check_counts(values: NDArray[Any], where: str) -> None:
    """Raise InputError unless all values are finite and not negative."""
    finite = bool(np.isfinite(values).all())
    if values.size and not (finite and values.min() >= 0):
        raise InputError(
            "Expected counts (finite, not negative), found "
            f"{'negative numbers' if finite else 'NaN or infinity'} in {where}; put raw counts "
            "into layers['counts'] or X, or name an embedding with obsm_key.",
            code="not_counts" if finite else "non_finite",
        )


def _dense(block: Any) -> NDArray[np.float64]:
    return np.asarray(block.toarray() if hasattr(block, "toarray") else block, np.float64)
