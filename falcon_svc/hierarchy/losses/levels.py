r"""One softmax per level: independent heads, HCAL's balance of levels, and HCCF's contrast.

Sources: HCAL: arXiv 2508.13452 (CIKM 2025), of which we could read the abstract and a part of a
summary; its formulas of the weights, the noise and HVR were not to be found, so those here are a
formulation of ours in its spirit. HCCF: "hierarchical cross-modal" loss, one image-text
InfoNCE per level; the paper prints no temperature and does not say what happens to equal texts
in a batch: ours are positives together (as in SupCon), and the head learns the temperature.

The softmax of level k goes over the nodes at depth k and the leaves above it, so that it is a
partition of the leaves even where paths have different lengths.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from falcon_svc.errors import ConfigError
from falcon_svc.hierarchy.losses.base import NodeLoss, at
from falcon_svc.hierarchy.losses.focal import node_targets
from falcon_svc.hierarchy.losses.tree_tensors import NEVER
from falcon_svc.hierarchy.tree import Tree


class LevelSoftmax(NodeLoss):
    r"""Independent softmaxes per level, added up.

    .. math:: L = \sum_k w_k \left[-\log \mathrm{softmax}_{cut(k)}(s)_{a_k(y)}\right]

    with :math:`a_k(y)` the ancestor of y at depth k, and w = 1. Levels below an internal label
    are not trained. Levels may contradict each other; that is what the hierarchical violation
    rate counts.

    Parameters
    ----------
    tree
        The tree.

    Examples
    --------
    >>> import torch
    >>> from falcon_svc.hierarchy import Tree
    >>> from falcon_svc.hierarchy.losses import LevelSoftmax
    >>> tree = Tree.from_paths([("a", "x"), ("a", "y"), ("b",)])  # nodes: root, a, b, x, y
    >>> loss = LevelSoftmax(tree)
    >>> scores, labels = torch.tensor([[1.0, 0.0, 2.0, 1.0]]), torch.tensor([3])
    >>> round(loss.loss(scores, labels).item(), 3)
    0.721
    """

    def __init__(self, tree: Tree) -> None:
        super().__init__(tree)
        self.cuts = [self.tree.cut(depth) for depth in range(1, self.tree.n_levels + 1)]
        self.weights = torch.ones(self.tree.n_levels)

    def log_prob(self, scores: Tensor) -> Tensor:
        """Return (B, N) log-probabilities, each node's within its own level."""
        nodes = self.by_node(scores, 0.0)
        found = torch.zeros_like(nodes)
        for depth, cut in enumerate(self.cuts, start=1):
            level = functional.log_softmax(nodes.index_select(0, cut), dim=0)
            own = self.tree.depths[cut] == depth
            found = found.index_copy(0, cut[own], level[own])
        return found.T

    def level_losses(self, scores: Tensor, labels: Tensor) -> Tensor:
        """Return the loss of each level; 0 where the label says nothing of the level.

        Parameters
        ----------
        scores
            (B, O) what the head says.
        labels
            (B,) node numbers.

        Returns
        -------
        Tensor
            (B, L), >= 0.
        """
        nodes = self.by_node(scores, 0.0)
        each = [
            torch.logsumexp(nodes.index_select(0, cut), dim=0)
            - at(nodes, self.tree.paths[labels, depth])
            for depth, cut in enumerate(self.cuts, start=1)
        ]
        return torch.stack(each, dim=1) * self.known(labels)

    def known(self, labels: Tensor) -> Tensor:
        """Return whether the label says where the sample lies at each level.

        Parameters
        ----------
        labels
            (B,) node numbers.

        Returns
        -------
        Tensor
            (B, L) bool.
        """
        depths = torch.arange(1, self.tree.n_levels + 1)
        return (self.tree.depths[labels, None] >= depths) | self.tree.is_leaf[labels, None]

    def loss(
        self, scores: Tensor, labels: Tensor, generator: torch.Generator | None = None
    ) -> Tensor:
        """Return (B,) weighted sums of the levels' losses."""
        return (self.level_losses(scores, labels) * self.weights.to(scores)).sum(dim=1)


class HCAL(LevelSoftmax):
    r"""Levels against prototypes, with weights that keep an easy level from dominating.

    Meant for scores of a `PrototypeHead`, :math:`s_v = z \cdot m_v / t`, whose prototypes are
    aggregated from children to parents and perturbed in training. After each epoch

    .. math:: r_k = \bar l_k(e) / \bar l_k(e - 1), \qquad w_k = K \,\mathrm{softmax}(r_k / \gamma)

    (dynamic weight averaging): a level whose loss falls slowly gets more weight. With sets of
    labels, (B, N) bool, the loss is the binary cross-entropy of every node, weighted by its
    level.

    Parameters
    ----------
    tree
        The tree.
    gamma
        Temperature of the weights, > 0; large values keep them equal.
    several
        Train on sets of labels; probabilities are sigmoids then.

    Examples
    --------
    >>> import torch
    >>> from falcon_svc.hierarchy import Tree
    >>> from falcon_svc.hierarchy.losses import HCAL
    >>> tree = Tree.from_paths([("a", "x"), ("a", "y"), ("b",)])  # nodes: root, a, b, x, y
    >>> loss = HCAL(tree)
    >>> scores, labels = torch.tensor([[1.0, 0.0, 2.0, 1.0]]), torch.tensor([3])
    >>> round(loss.loss(scores, labels).item(), 3)
    0.721
    """

    takes_several = True

    def __init__(self, tree: Tree, *, gamma: float = 2.0, several: bool = False) -> None:
        super().__init__(tree)
        if gamma <= 0:
            raise ConfigError(f"Expected a gamma above 0, found {gamma}; try 2.")
        self.gamma, self.several = gamma, several
        self._last: Tensor | None = None
        self._forget()

    def _forget(self) -> None:
        self._sums, self._counts = torch.zeros(self.tree.n_levels), torch.zeros(self.tree.n_levels)

    def log_prob(self, scores: Tensor) -> Tensor:
        """Return (B, N) log-probabilities within levels; log-sigmoids for sets of labels."""
        if not self.several:
            return super().log_prob(scores)
        return (functional.logsigmoid(self.by_node(scores, 0.0)) * self.tree.below_root).T

    def level_losses(self, scores: Tensor, labels: Tensor) -> Tensor:
        """Return (B, L); sets of labels: summed binary cross-entropies of a level's nodes."""
        if not self.several:
            return super().level_losses(scores, labels)
        positive, asked = node_targets(self.tree, labels)
        nodes = self.by_node(scores, 0.0)
        each = functional.binary_cross_entropy_with_logits(
            nodes, positive.to(nodes), reduction="none"
        )
        level = (self.tree.depths - 1).clamp_min(0)
        zeros = each.new_zeros(self.tree.n_levels, len(labels))
        return zeros.index_add(0, level, each * asked).T

    def loss(
        self, scores: Tensor, labels: Tensor, generator: torch.Generator | None = None
    ) -> Tensor:
        """Return (B,) weighted sums; the levels' means are remembered for `end_epoch`."""
        levels = self.level_losses(scores, labels)
        heard = torch.ones_like(levels) if labels.ndim == 2 else self.known(labels)
        self._sums += levels.detach().sum(dim=0).to(self._sums)
        self._counts += heard.sum(dim=0)
        return (levels * self.weights.to(levels)).sum(dim=1)

    def end_epoch(self) -> None:
        """Move the weights by the rates at which the levels' losses fell."""
        means = self._sums / self._counts.clamp_min(1)
        if self._last is not None:
            self.weights = balanced_weights(means, self._last, self.gamma)
        self._last = means
        self._forget()

    def state(self) -> dict[str, Tensor]:
        """Return the weights and the levels' last means."""
        last = {} if self._last is None else {"last": self._last}
        return {"weights": self.weights, **last}

    def restore(self, state: dict[str, Tensor]) -> None:
        """Take them back."""
        self.weights, self._last = state["weights"], state.get("last")


def balanced_weights(now: Tensor, before: Tensor, gamma: float) -> Tensor:
    """Return (K,) weights with mean 1 from the levels' losses of two epochs; slow levels get more.

    Parameters
    ----------
    now, before
        (K,) mean losses, >= 0; a level at 0 in both epochs counts as unchanged.
    gamma
        Temperature, > 0.
    """
    tiny = torch.finfo(now.dtype).eps
    rates = (now + tiny) / (before + tiny)
    return len(now) * torch.softmax(rates / gamma, dim=0)


class HCCF(LevelSoftmax):
    r"""Image-text contrast at every level of the tree.

    .. math:: L_i = \sum_k \left[
        -\frac{1}{|P_i|} \sum_{j \in P_i} \log \mathrm{softmax}_j(s_{i j})
        -\frac{1}{|P_i|} \sum_{j \in P_i} \log \mathrm{softmax}_j(s_{j i}) \right]

    where :math:`s_{ij}` is the scaled cosine of sample i's embedding at level k and the text of
    sample j's class at that level, and :math:`P_i` the samples of the batch with the same class.
    Meant for scores of a `TextHead`. Probabilities: softmax within each level.

    Examples
    --------
    >>> import torch
    >>> from falcon_svc.hierarchy import Tree
    >>> from falcon_svc.hierarchy.losses import HCCF
    >>> tree = Tree.from_paths([("a", "x"), ("a", "y"), ("b",)])  # nodes: root, a, b, x, y
    >>> loss = HCCF(tree)
    >>> scores = torch.tensor([[1.0, 0.0, 2.0, 1.0], [0.0, 1.0, 0.0, 0.0]])
    >>> loss.loss(scores, torch.tensor([3, 2])).shape
    torch.Size([2])
    """

    def level_losses(self, scores: Tensor, labels: Tensor) -> Tensor:
        """Return (B, L) losses, both directions of each level added up."""
        nodes, known = self.by_node(scores, 0.0), self.known(labels)
        paths = self.tree.paths[labels]
        each = [
            _contrast(
                nodes.index_select(0, cut),
                torch.searchsorted(cut, paths[:, depth].where(known[:, depth - 1], cut[0])),
                known[:, depth - 1],
            )
            for depth, cut in enumerate(self.cuts, start=1)
        ]
        return torch.stack(each, dim=1)


def _contrast(similarity: Tensor, classes: Tensor, known: Tensor) -> Tensor:
    """Return (B,) symmetric InfoNCE with equal texts as positives together; 0 where not known.

    Samples of one class share their text, so the (B, B) similarities have only C different rows:
    sums over texts are sums over classes, weighted by how many samples of the batch have them.

    Parameters
    ----------
    similarity
        (C, B) text of each class of a level with the embedding of each sample.
    classes
        (B,) the samples' classes as rows of `similarity`; anything where not known.
    known
        (B,) whether the sample has a class at this level.
    """
    counts = similarity.new_zeros(len(similarity)).index_add(0, classes, known.to(similarity))
    log_counts = counts.log().clamp_min(NEVER)[:, None]
    own = at(similarity, classes) * known
    to_text = torch.logsumexp(similarity + log_counts, dim=0) - own
    own_means = torch.zeros_like(counts).index_add(0, classes, own) / counts.clamp_min(1)
    among_known = similarity.masked_fill(~known, NEVER)
    to_image = torch.logsumexp(among_known, dim=1) - own_means  # (C,)
    return torch.where(known, to_text + to_image[classes], torch.zeros_like(own))
