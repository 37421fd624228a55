"""One set of the hierarchy benchmark, split once into training and test rows.

Place: under `falcon_svc.bench.hierarchy_bench`; its tree is that of the true classes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn.model_selection import train_test_split

from falcon_svc.bench.bench_set import BenchSet
from falcon_svc.hierarchy.tree import Tree
from falcon_svc.types import FloatArray, IntArray

TEST_SHARE, HELD_OUT_SHARE = 0.2, 0.125


@dataclass(frozen=True, eq=False)
class Split:
    """One set, split once.

    Parameters
    ----------
    tree
        Two levels: coarse classes, and the fine classes below them.
    train, test
        (n, D) vectors.
    train_nodes, test_nodes
        (n,) leaves.
    seed
        Seed of the split and of everything that is trained on it.
    """

    tree: Tree
    train: FloatArray
    train_nodes: IntArray
    test: FloatArray
    test_nodes: IntArray
    seed: int

    @classmethod
    def of(cls, data: BenchSet, seed: int) -> Split:
        """Split the rows that have both labels, each fine class by itself."""
        rows, source = data.judged, data.dataset.coarse
        coarse = [source.names[k] for k in source.labels[rows].tolist()]
        fine = [fine_node(label) for label in data.truth[rows].tolist()]
        paths = list(zip(coarse, fine, strict=True))
        tree = Tree.from_paths(sorted(set(paths)))
        nodes = tree.encode(paths)
        train, test = train_test_split(
            np.arange(len(rows)), test_size=TEST_SHARE, stratify=nodes, random_state=seed
        )
        x = data.features[rows]
        return cls(tree, x[train], nodes[train], x[test], nodes[test], seed)

    def held_out(self) -> Split:
        """Return the training rows, split again: an eighth of them becomes the test."""
        train, held = train_test_split(
            np.arange(len(self.train)),
            test_size=HELD_OUT_SHARE,
            stratify=self.train_nodes,
            random_state=self.seed,
        )
        x, nodes = self.train, self.train_nodes
        return Split(self.tree, x[train], nodes[train], x[held], nodes[held], self.seed)


def fine_node(label: int) -> str:
    """Return what the node of a fine class is called: names may repeat, labels do not."""
    return f"fine {label}"
