"""Rules that choose a node from the probabilities of all nodes, by name.

Place: between `falcon_svc.hierarchy.inference` and the estimator.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from falcon_svc.errors import ConfigError
from falcon_svc.hierarchy.tree import Tree
from falcon_svc.types import IntArray

Rule = Callable[..., IntArray]


def bottom_up(probabilities: NDArray[np.float64], tree: Tree) -> IntArray:
    """Return the most probable leaf of each row."""
    return tree.leaves[probabilities[:, tree.leaves].argmax(axis=1)]


RULES: dict[str, Rule] = {"bottom_up": bottom_up}


def decide(
    rule: str, probabilities: NDArray[np.float64], tree: Tree, options: Mapping[str, Any]
) -> IntArray:
    """Return (n,) nodes.

    Raises
    ------
    ConfigError
        The rule is unknown.
    """
    if rule not in RULES:
        raise ConfigError(f"Expected an inference among {', '.join(RULES)}, found {rule!r}.")
    return RULES[rule](probabilities, tree, **options)
