"""Plain trees: lists and loops, nothing of the program but the class that is tested."""

from __future__ import annotations

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st

from falcon_svc.hierarchy import Tree

often = settings(deadline=None, max_examples=40)

BIRDS = Tree.from_paths(
    [("bird", "jay"), ("bird", "wren"), ("fish", "cod"), ("fish", "eel"), ("fish", "pike")]
)  # root 0, bird 1, fish 2, jay 3, wren 4, cod 5, eel 6, pike 7


@st.composite
def trees(draw, min_nodes=2, max_nodes=12):
    """Any tree: chains, stars, single-child nodes, leaves at all depths."""
    n = draw(st.integers(min_nodes, max_nodes))
    parents = [-1, *(draw(st.integers(0, i - 1)) for i in range(1, n))]
    return Tree(tuple(f"n{i}" for i in range(n)), np.array(parents))


def line(parents, node):
    """The node and all above it, upwards."""
    return [] if node < 0 else [node, *line(parents, parents[node])]


def leaves_below(tree, node):
    parents = tree.parents.tolist()
    inner = set(parents)
    return [v for v in range(tree.n_nodes) if v not in inner and node in line(parents, v)]


def common(tree, a, b):
    parents = tree.parents.tolist()
    other = set(line(parents, b))
    return next(v for v in line(parents, a) if v in other)


def height(tree, node):
    parents = tree.parents.tolist()
    return max(line(parents, v).index(node) for v in leaves_below(tree, node))


def coherent(tree, rng, n, decimals=None):
    """Probabilities of all nodes that add up, by loops; rounded leaves make ties."""
    leaf = rng.dirichlet(np.full(tree.n_leaves, 0.5), n)
    if decimals is not None:
        leaf = np.round(leaf, decimals)
    scores = np.zeros((n, tree.n_nodes))
    for column, v in enumerate(tree.leaves.tolist()):
        for a in line(tree.parents.tolist(), v):
            scores[:, a] += leaf[:, column]
    return scores


def tied(tree, rng, n):
    """Scores with many ties that do not respect the hierarchy."""
    return rng.integers(0, 5, (n, tree.n_nodes)) / 4


def informative(tree):
    """Nodes that do not hold all leaves."""
    return [v for v in range(tree.n_nodes) if len(leaves_below(tree, v)) < tree.n_leaves]
