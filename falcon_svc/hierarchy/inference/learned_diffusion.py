r"""Differentiable diffusion: the closed form as a starting point, the rest from held-out data.

Source: the HCCF paper, which replaces the closed form by a learned n x n linear map and gives no
loss, start or regulariser. Ours: :math:`M_{vu} = M^*_{vu} e^{\theta_{vu}}` with the closed form's
matrix M* (all positive), :math:`\theta = 0` at the start, cross-entropy per level of the mapped and
level-wise normalised probabilities, and an L2 price on :math:`\theta`. Positive entries keep
probabilities positive; the price makes "no held-out data" and "closed form" the same thing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from falcon_svc.errors import InputError
from falcon_svc.hierarchy.inference.diffusion import Diffusion, keep_level_mass
from falcon_svc.hierarchy.inputs import as_nodes, check_rows, probability_chunks, row_scores
from falcon_svc.hierarchy.tree import Tree

if TYPE_CHECKING:
    import torch

Floats = NDArray[np.float64]
MAX_NODES = 5_000  # the map holds this many values squared, in three copies
LEARNING_RATE, BATCH = 0.05, 256
EPSILON = 1e-12


@dataclass(frozen=True, eq=False)
class LearnedDiffusion:
    """A linear map of all nodes' probabilities.

    Parameters
    ----------
    tree
        The hierarchy.
    matrix
        (n_nodes, n_nodes) positive; row = node that receives.

    Examples
    --------
    >>> import numpy as np
    >>> from falcon_svc.hierarchy import Tree
    >>> from falcon_svc.hierarchy.inference import LearnedDiffusion
    >>> tree = Tree.from_paths([("a", "x"), ("a", "y"), ("b",)])  # nodes: root, a, b, x, y
    >>> same = LearnedDiffusion(tree, np.eye(5))
    >>> same.apply([[1, 0.75, 0.25, 0.5, 0.25]]).tolist()
    [[1.0, 0.75, 0.25, 0.5, 0.25]]
    """

    tree: Tree
    matrix: Floats

    @classmethod
    def fit(
        cls,
        y_true: ArrayLike,
        scores: ArrayLike,
        *,
        tree: Tree,
        alpha: float = 0.5,
        epochs: int = 30,
        price: float = 1.0,
        seed: int = 0,
    ) -> LearnedDiffusion:
        r"""Return the map learned from held-out data.

        Parameters
        ----------
        y_true
            (n,) node numbers, or (n, levels) names. A level below a sample's label is left out.
        scores
            (n, n_nodes) probabilities of samples that did not train the classifier.
        tree
            The hierarchy; one parent per class, at most 5,000 nodes.
        alpha
            The alpha in [0, 1) of the closed form that it starts from; see `choose_alpha`.
        epochs
            Passes over the held-out samples; 0 returns the closed form.
        price
            Weight of the squared changes, in samples: the loss is
            :math:`(\sum_i loss_i + price \lVert\theta\rVert^2) / n`.
        seed
            Seed >= 0 of the order of samples: the same seed gives the same map.
        """
        _check_size(tree)
        true, rows = as_nodes(y_true, tree), row_scores(scores, tree)
        check_rows(len(true), rows.shape[0])
        start = Diffusion(tree, alpha).solve(np.eye(tree.n_nodes))
        before = np.concatenate([block for _, block in probability_chunks(rows)]).astype(np.float64)
        return cls(tree, _learned(start, before, tree.ancestor_at[true], tree, epochs, price, seed))

    def apply(self, scores: ArrayLike) -> Floats:
        """Return the mapped probabilities; each level keeps the sum it had before.

        Parameters
        ----------
        scores
            (n, n_nodes) probabilities.

        Returns
        -------
        NDArray[float64]
            (n, n_nodes).
        """
        parts = [np.zeros((0, self.tree.n_nodes))]
        for _, block in probability_chunks(row_scores(scores, self.tree)):
            parts.append(keep_level_mass(block @ self.matrix.T, block, self.tree))
        return np.concatenate(parts)


def _check_size(tree: Tree) -> None:
    if tree.n_nodes > MAX_NODES:
        raise InputError(
            f"Expected at most {MAX_NODES} nodes for learned diffusion, found {tree.n_nodes}; "
            f"use Diffusion, which needs no table of nodes by nodes."
        )


def _learned(
    start: Floats,
    before: Floats,
    labels: NDArray[np.int64],
    tree: Tree,
    epochs: int,
    price: float,
    seed: int,
) -> Floats:
    import torch

    from falcon_svc.core import Adam

    generator = torch.Generator().manual_seed(seed)
    fixed, inputs = torch.from_numpy(start).float(), torch.from_numpy(before).float()
    truth, levels = torch.from_numpy(labels), [torch.from_numpy(v) for v in tree.levels]
    theta = torch.zeros_like(fixed, requires_grad=True)
    optimiser = Adam([{"params": [theta]}], LEARNING_RATE, fused=False)
    for _ in range(epochs):
        for rows in torch.split(torch.randperm(len(inputs), generator=generator), BATCH):
            mapped = inputs[rows] @ (fixed * theta.exp()).T
            loss = _level_loss(mapped, truth[rows], levels)
            optimiser.zero_grad()
            (loss + price * theta.square().sum() / len(inputs)).backward()  # type: ignore[no-untyped-call]
            optimiser.step()
    return np.asarray(start * theta.detach().double().exp().numpy(), np.float64)


def _level_loss(
    mapped: torch.Tensor, labels: torch.Tensor, levels: list[torch.Tensor]
) -> torch.Tensor:
    """Mean over samples of the sum over levels below the root of minus log probability."""
    loss = mapped.new_zeros(())
    for depth, level in enumerate(levels[1:], 1):
        known = labels[:, depth] >= 0
        right = mapped[known].gather(1, labels[known, depth][:, None])[:, 0]
        total = mapped[known][:, level].sum(dim=1)
        loss = loss + ((total + EPSILON).log() - (right + EPSILON).log()).sum()
    return loss / len(mapped)
