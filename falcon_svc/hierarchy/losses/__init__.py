"""Losses over a tree, by name: what they train, and the node probabilities that go with them."""

from __future__ import annotations

from inspect import signature
from typing import Any

from falcon_svc.errors import ConfigError
from falcon_svc.hierarchy.losses.base import NodeLoss
from falcon_svc.hierarchy.losses.conditional import ConditionalSigmoid, ConditionalSoftmax
from falcon_svc.hierarchy.losses.deep_rtc import DeepRTC
from falcon_svc.hierarchy.losses.focal import MultilabelFocal
from falcon_svc.hierarchy.losses.hce import HACE, HCE
from falcon_svc.hierarchy.losses.levels import HCAL, HCCF, LevelSoftmax
from falcon_svc.hierarchy.losses.margin import SoftMaxDescendant, SoftMaxMargin
from falcon_svc.hierarchy.losses.softmax import FlatSoftmax, PSSoftmax
from falcon_svc.hierarchy.tree import Tree

__all__ = [
    "HACE",
    "HCAL",
    "HCCF",
    "HCE",
    "LOSSES",
    "ConditionalSigmoid",
    "ConditionalSoftmax",
    "DeepRTC",
    "FlatSoftmax",
    "LevelSoftmax",
    "MultilabelFocal",
    "NodeLoss",
    "PSSoftmax",
    "SoftMaxDescendant",
    "SoftMaxMargin",
    "make_loss",
]

LOSSES: dict[str, type[NodeLoss]] = {
    "flat_softmax": FlatSoftmax,
    "hce": HCE,
    "hace": HACE,
    "conditional_softmax": ConditionalSoftmax,
    "conditional_sigmoid": ConditionalSigmoid,
    "ps_softmax": PSSoftmax,
    "deep_rtc": DeepRTC,
    "soft_max_margin": SoftMaxMargin,
    "soft_max_descendant": SoftMaxDescendant,
    "multilabel_focal": MultilabelFocal,
    "level_softmax": LevelSoftmax,
    "hcal": HCAL,
    "hccf": HCCF,
}


def make_loss(name: str, tree: Tree, **options: Any) -> NodeLoss:
    """Return a loss by name.

    Parameters
    ----------
    name
        One of `LOSSES`.
    tree
        The tree.
    **options
        Keyword arguments of the loss, such as ``dilution=0.5`` of "hace".

    Returns
    -------
    NodeLoss
        Ready to train on scores of this tree.

    Raises
    ------
    ConfigError
        The loss is unknown, does not have such an option, or not with this value.

    Examples
    --------
    >>> from falcon_svc.hierarchy import Tree
    >>> from falcon_svc.hierarchy.losses import make_loss
    >>> tree = Tree.from_paths([("a", "x"), ("a", "y"), ("b",)])
    >>> make_loss("hace", tree, dilution=0.2).outputs.tolist()
    [1, 2, 3, 4]
    """
    if name not in LOSSES:
        raise ConfigError(f"Expected a loss among {', '.join(LOSSES)}, found {name!r}.")
    try:
        signature(LOSSES[name]).bind(tree, **options)
    except TypeError as error:
        raise ConfigError(
            f"Expected options of the loss {name}, found {', '.join(map(repr, options))} "
            f"({error}); see docs/hierarchical-classifiers.md."
        ) from error
    return LOSSES[name](tree, **options)
