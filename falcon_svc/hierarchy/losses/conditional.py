r"""Conditional models: each node given its parent, multiplied down the path.

Sources: conditional softmax: Redmon and Farhadi, "YOLO9000" (CVPR 2017), section 4. Conditional
sigmoid: Brust and Denzler, "Integrating domain knowledge" (ACPR 2019); as in Valmadre (2022).
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from falcon_svc.hierarchy.losses.base import NodeLoss, at


class ConditionalSoftmax(NodeLoss):
    r"""A softmax among each node's children.

    .. math:: L = -\sum_{v \in A(y) \setminus root} \log p(v \mid parent(v)), \qquad
              p(v) = \prod_{u \in A(v) \setminus root} p(u \mid parent(u))

    An only child has the conditional probability 1. A label at an internal node trains the
    decisions above it.

    Examples
    --------
    >>> import torch
    >>> from falcon_svc.hierarchy import Tree
    >>> from falcon_svc.hierarchy.losses import ConditionalSoftmax
    >>> tree = Tree.from_paths([("a", "x"), ("a", "y"), ("b",)])  # nodes: root, a, b, x, y
    >>> loss = ConditionalSoftmax(tree)
    >>> scores, labels = torch.tensor([[1.0, 0.0, 2.0, 1.0]]), torch.tensor([3])
    >>> round(loss.loss(scores, labels).item(), 3)
    0.627
    """

    def log_prob(self, scores: Tensor) -> Tensor:
        """Return (B, N) sums of conditional log-probabilities."""
        nodes = self.by_node(scores, 0.0)
        return self.tree.path_sum(nodes - self.tree.sibling_logsumexp(nodes)).T

    def loss(
        self, scores: Tensor, labels: Tensor, generator: torch.Generator | None = None
    ) -> Tensor:
        """Return (B,) losses; 0 for labels at the root."""
        return -at(self.log_prob(scores).T, labels)


class ConditionalSigmoid(NodeLoss):
    r"""A sigmoid per node given its parent; siblings are the negatives.

    .. math:: L = \sum_{v:\, parent(v) \in A(y) \setminus y}
              \mathrm{BCE}(\sigma(\theta_v), [v \in A(y)]), \qquad
              p(v) = \prod_{u \in A(v) \setminus root} \sigma(\theta_u)

    The children of a node need not sum to its probability. What lies below an internal label is
    unknown and not trained.

    Examples
    --------
    >>> import torch
    >>> from falcon_svc.hierarchy import Tree
    >>> from falcon_svc.hierarchy.losses import ConditionalSigmoid
    >>> tree = Tree.from_paths([("a", "x"), ("a", "y"), ("b",)])  # nodes: root, a, b, x, y
    >>> loss = ConditionalSigmoid(tree)
    >>> scores, labels = torch.tensor([[1.0, 0.0, 2.0, 1.0]]), torch.tensor([3])
    >>> round(loss.loss(scores, labels).item(), 3)
    2.447
    """

    def log_prob(self, scores: Tensor) -> Tensor:
        """Return (B, N) sums of conditional log-probabilities."""
        return self.tree.path_sum(functional.logsigmoid(self.by_node(scores, 0.0))).T

    def loss(
        self, scores: Tensor, labels: Tensor, generator: torch.Generator | None = None
    ) -> Tensor:
        """Return (B,) losses; 0 for labels at the root."""
        on_path = self.tree.on_path(labels)
        above = on_path.scatter(0, labels[None], value=False)  # (N, B) proper ancestors
        asked = above.index_select(0, self.tree.parents) & self.tree.below_root
        nodes = self.by_node(scores, 0.0)
        each = functional.binary_cross_entropy_with_logits(
            nodes, on_path.to(nodes), reduction="none"
        )
        return (each * asked).sum(dim=0)
