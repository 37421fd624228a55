r"""HCE and HACE: one softmax over all nodes, aggregated upwards.

Sources: HCE: Cultrera di Montesano et al., Nature Computational Science 2026, with the code
microsoft/hce-classification. HACE: "Hierarchy-Aware Cross-Entropy", arXiv 2605.06274, with its
official code. The body text of HACE was not available; the formulas are those of the code.

Where we deviate: the root has no output, as in the code's version for two levels. Every sample
belongs to it, so its share of the smoothed target would only shrink the loss (the code makes up
for that by a larger learning rate). The code adds 1e-6 inside of the logarithm; we take it as a
log-sum-exp, which needs no such term.
"""

from __future__ import annotations

import torch
from torch import Tensor

from falcon_svc.errors import ConfigError
from falcon_svc.hierarchy.losses.base import NodeLoss, at
from falcon_svc.hierarchy.tree import Tree


class HCE(NodeLoss):
    r"""Hierarchical cross-entropy: minus the logarithm of the label's aggregated probability.

    .. math::

        p = \mathrm{softmax}(z), \quad \tilde P_v = \sum_{u \in D(v)} p_u, \quad
        L = -\log \tilde P_y

    with D(v) the descendants of v and v itself. Labels may lie at any node. The mass that a
    head leaves on an internal node says "this, but none of the kinds that I know". Classes may
    have several parents: D(v) then holds each descendant once.

    Examples
    --------
    >>> import torch
    >>> from falcon_svc.hierarchy import Tree
    >>> from falcon_svc.hierarchy.losses import HCE
    >>> tree = Tree.from_paths([("a", "x"), ("a", "y"), ("b",)])  # nodes: root, a, b, x, y
    >>> loss = HCE(tree)
    >>> scores, labels = torch.tensor([[1.0, 0.0, 2.0, 1.0]]), torch.tensor([3])
    >>> round(loss.loss(scores, labels).item(), 3)
    0.627
    """

    takes_several_parents = True

    def log_prob(self, scores: Tensor) -> Tensor:
        """Return (B, N) logarithms of the aggregated probabilities."""
        mass = self.tree.subtree_logsumexp(self.by_node(scores))
        return (mass - mass[0]).T

    def loss(
        self, scores: Tensor, labels: Tensor, generator: torch.Generator | None = None
    ) -> Tensor:
        """Return (B,) losses; 0 for labels at the root."""
        return -at(self.log_prob(scores).T, labels)


class HACE(HCE):
    r"""Hierarchy-aware cross-entropy: the aggregated probabilities against a smoothed label.

    .. math:: L = -\sum_v T_{v y} \log \tilde P_v

    Ancestral smoothing walks up from y: the node j steps above gets :math:`d (1 - d)^j` and the
    topmost one below the root what is left, :math:`(1 - d)^{depth(y) - 1}`. With two levels this
    is :math:`-d \log p_y - (1 - d) \log \tilde P_{parent(y)}`.

    Parameters
    ----------
    tree
        The tree.
    dilution
        The d in (0, 1]; 1 is HCE. The paper: 0.2, 0.5 or 0.7, by data set.
    label_smoothing
        Share of a leaf's target that is spread over the other leaves before the ancestral
        smoothing, in [0, 1). The paper's linear probe: 0.1. Labels at internal nodes have none.

    Examples
    --------
    >>> import torch
    >>> from falcon_svc.hierarchy import Tree
    >>> from falcon_svc.hierarchy.losses import HACE
    >>> tree = Tree.from_paths([("a", "x"), ("a", "y"), ("b",)])  # nodes: root, a, b, x, y
    >>> loss = HACE(tree)
    >>> scores, labels = torch.tensor([[1.0, 0.0, 2.0, 1.0]]), torch.tensor([3])
    >>> round(loss.loss(scores, labels).item(), 3)
    0.351
    """

    takes_several_parents = False

    def __init__(self, tree: Tree, *, dilution: float = 0.5, label_smoothing: float = 0.0) -> None:
        super().__init__(tree)
        _check(dilution, label_smoothing)
        self._shares = self._ancestral_shares(dilution)  # (N, L + 1), beside `paths`
        self._spread = self._spread_shares(label_smoothing)
        self.label_smoothing = label_smoothing

    def target(self, labels: Tensor) -> Tensor:
        """Return the targets T: rows sum to 1, and to 0 for labels at the root.

        Parameters
        ----------
        labels
            (B,) node numbers.

        Returns
        -------
        Tensor
            (B, N) in [0, 1].
        """
        target = torch.zeros(len(labels), self.tree.n_nodes)
        target.scatter_add_(1, self.tree.paths[labels], self._shares[labels])
        if not self.label_smoothing:
            return target
        others = self.label_smoothing / max(1, len(self.tree.leaves) - 1)
        smoothed = (1 - self.label_smoothing - others) * target + self._spread
        return torch.where(self.tree.is_leaf[labels, None], smoothed, target)

    def loss(
        self, scores: Tensor, labels: Tensor, generator: torch.Generator | None = None
    ) -> Tensor:
        """Return (B,) losses; 0 for labels at the root."""
        log_prob = self.log_prob(scores).T  # (N, B)
        if self.label_smoothing:
            return -(self.target(labels).T.to(log_prob) * log_prob).sum(dim=0)
        on_path = log_prob.gather(0, self.tree.paths[labels].T)
        return -(self._shares[labels].T.to(log_prob) * on_path).sum(dim=0)

    def _ancestral_shares(self, dilution: float) -> Tensor:
        """Return (N, L + 1): the share of the node at each depth of v's path."""
        steps = self.tree.depths[:, None] - torch.arange(self.tree.n_levels + 1)  # up from v
        shares = dilution * (1 - dilution) ** steps.clamp_min(0).double()
        shares[:, 1] = (1 - dilution) ** steps[:, 1].clamp_min(0).double()
        shares[steps < 0] = 0
        shares[:, 0] = 0
        return shares.float()

    def _spread_shares(self, label_smoothing: float) -> Tensor:
        """Return (N,): what a leaf's target gives to all leaves alike, itself among them."""
        leaves = self.tree.leaves
        summed = torch.zeros(self.tree.n_nodes).index_add_(
            0, self.tree.paths[leaves].flatten(), self._shares[leaves].flatten()
        )
        return label_smoothing / max(1, len(leaves) - 1) * summed


def _check(dilution: float, label_smoothing: float) -> None:
    if not 0 < dilution <= 1:
        raise ConfigError(
            f"Expected a dilution in (0, 1], found {dilution}; 1 trains the label alone, "
            "smaller values its ancestors too."
        )
    if not 0 <= label_smoothing < 1:
        raise ConfigError(
            f"Expected a label smoothing in [0, 1), found {label_smoothing}; try 0.1."
        )
