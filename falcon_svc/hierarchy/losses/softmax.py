r"""Softmax over the leaves: flat, and with parameters shared along the path (PS softmax).

Source: flat softmax with bottom-up inference is the baseline of Valmadre, "Hierarchical
classification at multiple operating points" (NeurIPS 2022), section 3; parameter sharing (PS) is
introduced there.
"""

from __future__ import annotations

import torch
from torch import Tensor

from falcon_svc.hierarchy.losses.base import NodeLoss, at
from falcon_svc.hierarchy.losses.tree_tensors import NEVER


class FlatSoftmax(NodeLoss):
    r"""Cross-entropy over leaves; an internal node is as probable as its leaves together.

    .. math:: -\log \sum_{u \in \mathrm{leaves}(y)} \mathrm{softmax}(s)_u

    which for a leaf y is the plain cross-entropy, and for an internal y the partial-label
    likelihood: it trains the sum over the leaves below y and leaves their shares free.

    Examples
    --------
    >>> import torch
    >>> from falcon_svc.hierarchy import Tree
    >>> from falcon_svc.hierarchy.losses import FlatSoftmax
    >>> tree = Tree.from_paths([("a", "x"), ("a", "y"), ("b",)])  # nodes: root, a, b, x, y
    >>> loss = FlatSoftmax(tree)
    >>> scores, labels = torch.tensor([[0.0, 2.0, 1.0]]), torch.tensor([3])  # outputs: b, x, y
    >>> round(loss.loss(scores, labels).item(), 3)
    0.408
    """

    leaves_only = True
    takes_several_parents = True

    def leaf_scores(self, scores: Tensor) -> Tensor:
        """Return the scores of leaves; `NEVER` for other nodes.

        Parameters
        ----------
        scores
            (B, O) what the head says.

        Returns
        -------
        Tensor
            (N, B).
        """
        return self.by_node(scores)

    def log_prob(self, scores: Tensor) -> Tensor:
        """Return (B, N) log-probabilities, summed bottom-up."""
        mass = self.tree.subtree_logsumexp(self.leaf_scores(scores))
        return (mass - mass[0]).T

    def loss(
        self, scores: Tensor, labels: Tensor, generator: torch.Generator | None = None
    ) -> Tensor:
        """Return (B,) negative log-likelihoods of the labels."""
        return -at(self.log_prob(scores).T, labels)


class PSSoftmax(FlatSoftmax):
    r"""Softmax over leaves whose scores are summed along their paths.

    .. math:: s_u = \sum_{v \in A(u) \setminus root} \theta_v

    The model class is that of `FlatSoftmax`; what is shared is the gradient: an example of one
    leaf moves the parameters of its ancestors, and with them its relatives.

    Examples
    --------
    >>> import torch
    >>> from falcon_svc.hierarchy import Tree
    >>> from falcon_svc.hierarchy.losses import PSSoftmax
    >>> tree = Tree.from_paths([("a", "x"), ("a", "y"), ("b",)])  # nodes: root, a, b, x, y
    >>> loss = PSSoftmax(tree)
    >>> scores, labels = torch.tensor([[1.0, 0.0, 2.0, 1.0]]), torch.tensor([3])
    >>> round(loss.loss(scores, labels).item(), 3)
    0.349
    """

    leaves_only = False
    takes_several_parents = False

    def leaf_scores(self, scores: Tensor) -> Tensor:
        """Return (N, B) sums along the paths of leaves; `NEVER` for other nodes."""
        summed = self.tree.path_sum(self.by_node(scores, 0.0))
        return summed.masked_fill(~self.tree.is_leaf[:, None], NEVER)
