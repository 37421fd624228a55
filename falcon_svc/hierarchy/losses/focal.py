r"""Multilabel focal loss: every node by itself, easy ones discounted.

Sources: Lin et al., "Focal loss for dense object detection" (ICCV 2017); used on a tree by
Valmadre (2022), whose final runs take alpha = 0.95.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from falcon_svc.errors import ConfigError
from falcon_svc.hierarchy.losses.base import NodeLoss
from falcon_svc.hierarchy.losses.tree_tensors import TreeTensors
from falcon_svc.hierarchy.tree import Tree


class MultilabelFocal(NodeLoss):
    r"""Focal binary cross-entropy of every node; ancestors-or-self of the label are positive.

    .. math:: L = -\sum_v \alpha_v (1 - q_v)^{\gamma} \log q_v

    with :math:`q_v, \alpha_v` = :math:`p_v, \alpha` for positives and :math:`1 - p_v, 1 - \alpha`
    for the others, and :math:`p = \sigma(\theta)`. What lies below an internal label is unknown
    and not trained. Node probabilities are not a distribution: a child may have more than its
    parent.

    Parameters
    ----------
    tree
        The tree.
    alpha
        Weight of positives in (0, 1).
    gamma
        Discount of easy nodes, >= 0; 0 is the weighted binary cross-entropy.

    Examples
    --------
    >>> import torch
    >>> from falcon_svc.hierarchy import Tree
    >>> from falcon_svc.hierarchy.losses import MultilabelFocal
    >>> tree = Tree.from_paths([("a", "x"), ("a", "y"), ("b",)])  # nodes: root, a, b, x, y
    >>> loss = MultilabelFocal(tree)
    >>> scores, labels = torch.tensor([[1.0, 0.0, 2.0, 1.0]]), torch.tensor([3])
    >>> round(loss.loss(scores, labels).item(), 3)
    0.067
    """

    takes_several = True

    def __init__(self, tree: Tree, *, alpha: float = 0.95, gamma: float = 2.0) -> None:
        super().__init__(tree)
        if not 0 < alpha < 1 or gamma < 0:
            raise ConfigError(
                f"Expected alpha in (0, 1) and gamma of 0 or more, found {alpha} and {gamma}; "
                "0.95 and 2 are the usual values."
            )
        self.alpha, self.gamma = alpha, gamma

    def log_prob(self, scores: Tensor) -> Tensor:
        """Return (B, N) log-sigmoids; 0 for the root."""
        return (functional.logsigmoid(self.by_node(scores, 0.0)) * self.tree.below_root).T

    def loss(
        self, scores: Tensor, labels: Tensor, generator: torch.Generator | None = None
    ) -> Tensor:
        """Return (B,) losses; labels may be (B, N) bool, closed upwards."""
        positive, known = node_targets(self.tree, labels)
        nodes = self.by_node(scores, 0.0)
        log_right = functional.logsigmoid(torch.where(positive, nodes, -nodes))
        weight = torch.lerp(
            nodes.new_tensor(1 - self.alpha), nodes.new_tensor(self.alpha), positive.to(nodes)
        )
        each = -weight * (1 - log_right.exp()) ** self.gamma * log_right
        return (each * known).sum(dim=0)


def node_targets(tree: TreeTensors, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Return (N, B) positives, and which nodes the labels say anything of; the root is left out.

    Parameters
    ----------
    tree
        The tree.
    labels
        (B,) node numbers, or (B, N) bool sets of nodes, which are taken as complete.
    """
    if labels.ndim == 2:
        return labels.T, tree.below_root.expand_as(labels.T)
    on_path = tree.on_path(labels)
    return on_path, (on_path | ~tree.within(labels)) & tree.below_root
