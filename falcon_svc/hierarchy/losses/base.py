"""What a loss over a tree is: scores and labels in, losses out, and node probabilities to match.

Place: the abstract parent of every loss here; the trainer, the estimator and the benchmark know
nothing else of them.

Shapes: B batch, N nodes (the root is node 0), O outputs of the head.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor

from falcon_svc.hierarchy.losses.tree_tensors import NEVER, TreeTensors
from falcon_svc.hierarchy.tree import Tree


class NodeLoss(ABC):
    """A loss on one tree.

    Parameters
    ----------
    tree
        At least one node below the root.

    Attributes
    ----------
    tree
        As tensors.
    outputs
        (O,) the node that each column of the scores belongs to: all but the root, or the leaves.
    takes_several
        Whether labels may be (B, N) bool, any set of nodes, instead of one node per sample.
    takes_several_parents
        Whether classes may have several parents.

    Raises
    ------
    InputError
        The tree is its root alone, or some class has several parents and the loss needs one.

    Examples
    --------
    >>> from falcon_svc.hierarchy import Tree
    >>> from falcon_svc.hierarchy.losses import HCE, NodeLoss
    >>> loss = HCE(Tree.from_paths([("a", "x"), ("a", "y"), ("b",)]))
    >>> isinstance(loss, NodeLoss), loss.outputs.tolist()
    (True, [1, 2, 3, 4])
    """

    leaves_only = False
    takes_several = False
    takes_several_parents = False

    def __init__(self, tree: Tree) -> None:
        if not self.takes_several_parents:
            tree.require_tree(f"The loss {type(self).__name__}")
        self.tree = TreeTensors(tree)
        every_node = torch.arange(1, self.tree.n_nodes)
        self.outputs = self.tree.leaves if self.leaves_only else every_node

    @abstractmethod
    def loss(
        self, scores: Tensor, labels: Tensor, generator: torch.Generator | None = None
    ) -> Tensor:
        """Return the loss of each sample.

        Parameters
        ----------
        scores
            (B, O) what the head says; fastest where it is the transpose of a contiguous (O, B).
        labels
            (B,) node numbers. A label at an internal node says that the sample belongs somewhere
            below it, a label at the root nothing: it trains what it can. (B, N) bool where
            `takes_several`.
        generator
            Source of random numbers, for losses that draw them.

        Returns
        -------
        Tensor
            (B,), >= 0.
        """

    @abstractmethod
    def log_prob(self, scores: Tensor) -> Tensor:
        """Return log-probabilities of belonging to each node; 0 for the root.

        A row depends on the same row of the scores only.

        Parameters
        ----------
        scores
            (B, O) what the head says.

        Returns
        -------
        Tensor
            (B, N), <= 0.
        """

    def end_epoch(self) -> None:  # noqa: B027 - most losses have nothing to do
        """Move adaptive weights, if the loss has some; called after each epoch."""

    def state(self) -> dict[str, Tensor]:
        """Return what `end_epoch` has moved, for `restore`; nothing where it moves nothing.

        Returns
        -------
        dict of str to Tensor
            Name -> tensor.
        """
        return {}

    def restore(self, state: dict[str, Tensor]) -> None:  # noqa: B027 - as above
        """Take back what `state` returned at the end of an epoch.

        Parameters
        ----------
        state
            Tensors by name, of the shapes that `state` gave them, such as (L,).
        """

    def by_node(self, scores: Tensor, fill: float = NEVER) -> Tensor:
        """Return the scores of all nodes.

        Parameters
        ----------
        scores
            (B, O) what the head says.
        fill
            Score of nodes without one; -1e30 makes their probability 0.

        Returns
        -------
        Tensor
            (N, B).
        """
        if not self.leaves_only:
            return torch.cat([scores.new_full((1, len(scores)), fill), scores.T])
        nodes = scores.new_full((self.tree.n_nodes, len(scores)), fill)
        return nodes.index_copy(0, self.outputs, scores.T)


def at(nodes: Tensor, labels: Tensor) -> Tensor:
    """Return (B,): the label's entry of each column of (N, B)."""
    return nodes.gather(0, labels[None])[0]
