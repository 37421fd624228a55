"""Rules that choose a node from the probabilities of all nodes, by name.

Place: between `falcon_svc.hierarchy.inference` and the estimator. Rules that learn from held-out
samples (`Climbing`, `Abstention`, `ConformalSets`, `LevelTemperatures`, `LearnedDiffusion`) are
called with `HierarchicalClassifier.node_proba` by hand: they need data of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from inspect import signature
from typing import Any

import numpy as np
from numpy.typing import NDArray

from falcon_svc.errors import ConfigError
from falcon_svc.hierarchy.decisions import (
    leaf_prediction,
    majority_prediction,
    plurality_prediction,
    threshold_prediction,
)
from falcon_svc.hierarchy.inference.diffusion import Diffusion
from falcon_svc.hierarchy.inference.propagate import hierarchical_ensemble
from falcon_svc.hierarchy.tree import Tree
from falcon_svc.types import IntArray

Floats = NDArray[np.float64]
Rule = Callable[..., IntArray]


def top_down(probabilities: Floats, *, tree: Tree) -> IntArray:
    """Return the leaf that the most probable child of every node leads to."""
    tree.require_tree("The inference top_down")
    here = np.zeros(len(probabilities), np.int64)
    for node in np.flatnonzero(~tree.is_leaf).tolist():  # parents come before their children
        rows, children = np.flatnonzero(here == node), tree.children.of(node)
        here[rows] = children[probabilities[np.ix_(rows, children)].argmax(axis=1)]
    return here


def ensemble(probabilities: Floats, *, tree: Tree) -> IntArray:
    """Return the best leaf by the product of its own and its parent's probability (Jain)."""
    return leaf_prediction(hierarchical_ensemble(probabilities, tree=tree), tree=tree)


def diffusion(probabilities: Floats, *, tree: Tree, alpha: float = 0.5) -> IntArray:
    """Return the best leaf after diffusion over the tree; see `Diffusion` and `choose_alpha`."""
    return leaf_prediction(Diffusion(tree, alpha).apply(probabilities), tree=tree)


LEAF_RULES: dict[str, Rule] = {
    "bottom_up": leaf_prediction,
    "top_down": top_down,
    "ensemble": ensemble,
    "diffusion": diffusion,
}
"""Always a leaf."""

DEPTH_RULES: dict[str, Rule] = {
    "majority": majority_prediction,
    "plurality": plurality_prediction,
    "threshold": threshold_prediction,
}
"""As deep as the rule is sure, at least the root."""

RULES = LEAF_RULES | DEPTH_RULES


def rule_of(name: str) -> Rule:
    """Return a rule by name.

    Raises
    ------
    ConfigError
        It is unknown.
    """
    if name not in RULES:
        raise ConfigError(f"Expected an inference among {', '.join(RULES)}, found {name!r}.")
    return RULES[name]


def decide(
    name: str, probabilities: Floats, tree: Tree, options: Mapping[str, Any] | None = None
) -> IntArray:
    """Return the (n,) nodes that a rule chooses.

    Parameters
    ----------
    name
        One of `RULES`.
    probabilities
        (n, n_nodes).
    tree
        The tree.
    options
        Keyword arguments of the rule, such as ``{"threshold": 0.9}``.

    Raises
    ------
    ConfigError
        The rule is unknown, or has no such option, or needs one that is missing.
    """
    rule, given = rule_of(name), dict(options or {})
    try:
        signature(rule).bind(probabilities, tree=tree, **given)
    except TypeError as error:
        raise ConfigError(
            f"Expected the options of the inference {name}, found "
            f"{', '.join(map(repr, given)) or 'none'} ({error})."
        ) from error
    return rule(probabilities, tree=tree, **given)
