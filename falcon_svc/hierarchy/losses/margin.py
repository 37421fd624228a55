r"""Soft-max-margin and soft-max-descendant: structured losses on the scores of all nodes.

Source: Valmadre, "Hierarchical classification at multiple operating points" (NeurIPS 2022),
section 4, and the code jvlmdr/hiercls. Our root has no score.
"""

from __future__ import annotations

import torch
from torch import Tensor

from falcon_svc.errors import ConfigError
from falcon_svc.hierarchy.losses.base import at
from falcon_svc.hierarchy.losses.hce import HCE
from falcon_svc.hierarchy.losses.tree_tensors import NEVER
from falcon_svc.hierarchy.tree import Tree


class SoftMaxMargin(HCE):
    r"""Softmax over all nodes with a margin in favour of the wrong ones.

    .. math:: L = \log \sum_v \exp(\theta_v + \tau [v \notin A(y)]) - \theta_y, \qquad
              p(v) = \sum_{u \in D(v)} \mathrm{softmax}(\theta)_u

    For an internal label, of which the formula says nothing of what is meant to be below, no node
    below y is wrong: it has no margin, and :math:`\theta_y` becomes the log-sum-exp over y and
    what is below it. For leaves this is the formula to the letter.

    Parameters
    ----------
    tree
        The tree.
    margin
        :math:`\tau \ge 0`; Valmadre: 5.

    Examples
    --------
    >>> import torch
    >>> from falcon_svc.hierarchy import Tree
    >>> from falcon_svc.hierarchy.losses import SoftMaxMargin
    >>> tree = Tree.from_paths([("a", "x"), ("a", "y"), ("b",)])  # nodes: root, a, b, x, y
    >>> loss = SoftMaxMargin(tree)
    >>> scores, labels = torch.tensor([[1.0, 0.0, 2.0, 1.0]]), torch.tensor([3])
    >>> round(loss.loss(scores, labels).item(), 3)
    4.331
    """

    takes_several_parents = False

    def __init__(self, tree: Tree, *, margin: float = 5.0) -> None:
        super().__init__(tree)
        if margin < 0:
            raise ConfigError(f"Expected a margin of 0 or more, found {margin}; try 5.")
        self.margin = margin

    def loss(
        self, scores: Tensor, labels: Tensor, generator: torch.Generator | None = None
    ) -> Tensor:
        """Return (B,) losses."""
        nodes, within = self.by_node(scores), self.tree.within(labels)
        wrong = ~(self.tree.on_path(labels) | within)
        rivals = torch.logsumexp(nodes + self.margin * wrong, dim=0)
        return rivals - torch.logsumexp(nodes.masked_fill(~within, NEVER), dim=0)


class SoftMaxDescendant(HCE):
    r"""Every ancestor of the label against what branches off above it.

    .. math::

        E(v) = \log \sum_{u \in D(v)} e^{\theta_u}, \qquad
        L = \sum_{a \in A(y) \setminus root} \frac{1}{L_a}
            \left[ \log\left(e^{\theta_a} + \sum_{b \in S(a)} e^{E(b)}\right) - \theta_a \right]

    with S(a) the siblings of a and of all its ancestors, :math:`L_a` the leaves below a, and
    :math:`p(v) = e^{E(v) - E(root)}`. An internal label has fewer ancestors and trains those.

    Parameters
    ----------
    tree
        The tree.

    Examples
    --------
    >>> import torch
    >>> from falcon_svc.hierarchy import Tree
    >>> from falcon_svc.hierarchy.losses import SoftMaxDescendant
    >>> tree = Tree.from_paths([("a", "x"), ("a", "y"), ("b",)])  # nodes: root, a, b, x, y
    >>> loss = SoftMaxDescendant(tree)
    >>> scores, labels = torch.tensor([[1.0, 0.0, 2.0, 1.0]]), torch.tensor([3])
    >>> round(loss.loss(scores, labels).item(), 3)
    0.564
    """

    takes_several_parents = False

    def __init__(self, tree: Tree) -> None:
        super().__init__(tree)
        self._weights = 1 / self.tree.n_leaves_below  # (N,) 1 / L_a

    def loss(
        self, scores: Tensor, labels: Tensor, generator: torch.Generator | None = None
    ) -> Tensor:
        """Return (B,) losses; 0 for labels at the root."""
        nodes = self.by_node(scores)
        energy = self.tree.subtree_logsumexp(nodes)
        paths, weights = self.tree.paths[labels], self._weights.to(nodes)
        outside = nodes.new_full((len(labels),), NEVER)
        total = nodes.new_zeros(len(labels))
        for depth in range(1, self.tree.n_levels + 1):
            above, here = paths[:, depth - 1], paths[:, depth]
            outside = torch.logaddexp(outside, self._beside(energy, above, here))
            own = at(nodes, here)
            each = weights[here] * (torch.logaddexp(own, outside) - own)
            total = total + torch.where(self.tree.depths[labels] >= depth, each, 0.0)
        return total

    def _beside(self, energy: Tensor, above: Tensor, here: Tensor) -> Tensor:
        """Return (B,) log-sum-exp of the energies of the children of `above` other than `here`."""
        node = torch.arange(self.tree.n_nodes)[:, None]
        beside = (self.tree.parents[:, None] == above) & (node != here) & self.tree.below_root
        return torch.logsumexp(energy.masked_fill(~beside, NEVER), dim=0)
