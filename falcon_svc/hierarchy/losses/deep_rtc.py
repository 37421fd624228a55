r"""DeepRTC: cross-entropy over random cuts of the tree.

Source: Wu et al., "Solving long-tailed recognition with deep realistic taxonomic classifier"
(ECCV 2020), as Valmadre (2022) states and implements it.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from falcon_svc.errors import ConfigError
from falcon_svc.hierarchy.losses.base import NodeLoss, at
from falcon_svc.hierarchy.losses.tree_tensors import NEVER, TreeTensors
from falcon_svc.hierarchy.tree import Tree


class DeepRTC(NodeLoss):
    r"""Path-summed scores, compared over the frontier of a cut that is drawn at every step.

    .. math:: s_v = \sum_{u \in A(v) \setminus root} \theta_u, \qquad
              L = -\log \mathrm{softmax}_{frontier}(s)_{a(y)}, \qquad
              p(v) = \sigma(s_v / T)

    Each internal node below the root becomes a stop with probability `stop`; the frontier holds
    the stops and leaves that have no stop above them, and a(y) is the one on y's path. Where an
    internal label lies above the frontier, the sum over the frontier below it takes that place.
    Node probabilities are not a distribution: a child may have more than its parent.

    Parameters
    ----------
    tree
        The tree.
    stop
        In [0, 1); Valmadre: 0.1.
    temperature
        T > 0 of the sigmoid; Valmadre: 10.

    Examples
    --------
    >>> import torch
    >>> from falcon_svc.hierarchy import Tree
    >>> from falcon_svc.hierarchy.losses import DeepRTC
    >>> tree = Tree.from_paths([("a", "x"), ("a", "y"), ("b",)])  # nodes: root, a, b, x, y
    >>> loss = DeepRTC(tree, stop=0.0)
    >>> scores, labels = torch.tensor([[1.0, 0.0, 2.0, 1.0]]), torch.tensor([3])
    >>> round(loss.loss(scores, labels).item(), 3)
    0.349
    """

    def __init__(self, tree: Tree, *, stop: float = 0.1, temperature: float = 10.0) -> None:
        super().__init__(tree)
        if not 0 <= stop < 1 or temperature <= 0:
            raise ConfigError(
                f"Expected stop in [0, 1) and a temperature above 0, found {stop} and "
                f"{temperature}; 0.1 and 10 are the usual values."
            )
        self.stop, self.temperature = stop, temperature

    def log_prob(self, scores: Tensor) -> Tensor:
        """Return (B, N) log-sigmoids of the path-summed scores; 0 for the root."""
        summed = self.tree.path_sum(self.by_node(scores, 0.0)) / self.temperature
        return (functional.logsigmoid(summed) * self.tree.below_root).T

    def loss(
        self, scores: Tensor, labels: Tensor, generator: torch.Generator | None = None
    ) -> Tensor:
        """Return (B,) losses over one cut that is drawn from `generator`."""
        drawn = torch.rand(self.tree.n_nodes, generator=generator) < self.stop
        stops = drawn & ~self.tree.is_leaf & (self.tree.depths > 0)
        ends = _ends(self.tree, stops)
        summed = self.tree.path_sum(self.by_node(scores, 0.0))
        in_frontier = (ends == torch.arange(len(ends))) & (stops | self.tree.is_leaf)
        mass = self.tree.subtree_logsumexp(summed.masked_fill(~in_frontier[:, None], NEVER))
        return mass[0] - at(mass, ends[labels])


def _ends(tree: TreeTensors, stops: Tensor) -> Tensor:
    """Return (N,) the first stop from the root to v, or v itself where there is none."""
    first = stops[tree.paths].int().argmax(dim=1)
    found = tree.paths.gather(1, first[:, None])[:, 0]
    return torch.where(stops[found], found, torch.arange(tree.n_nodes))
