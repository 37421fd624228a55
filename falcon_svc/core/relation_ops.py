"""The relation as a table of children, so that losses gather a few columns instead of masking F.

Place: under the losses. A relation (F, C) becomes `Children`: for every coarse class the row
numbers of its fine classes, padded to the longest list M. Reading (B, M) columns of (B, F)
logits by that table replaces the product with a mask (F, C, B) of a literal reading of the
paper, FALCON (ICML 2024), equation 3.

Shapes: B batch, F fine classes, C coarse classes, M most children of one coarse class.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

PAD = -1e30
"""Stands for log 0 in padded columns: finite, so that 0 * PAD is 0 and gradients stay numbers."""


@dataclass(frozen=True, eq=False)
class Children:
    """The fine classes of every coarse class.

    Parameters
    ----------
    index
        (C, M) int64 fine class ids, ascending; padding repeats id 0.
    valid
        (C, M) bool, False on padding.

    Examples
    --------
    >>> import torch
    >>> from falcon_svc.core import children_of
    >>> children_of(torch.tensor([[True, False], [True, False], [False, True]])).index.tolist()
    [[0, 1], [2, 0]]
    """

    index: Tensor
    valid: Tensor

    @property
    def width(self) -> int:
        """M."""
        return self.index.shape[1]


def children_of(relation: Tensor) -> Children:
    """Return the table of children of a relation.

    Parameters
    ----------
    relation
        (F, C) bool. A row without True is an unused fine class: nobody's child.

    Returns
    -------
    Children
        The table; M is the most children of a coarse class.

    Raises
    ------
    ValueError
        A coarse class has no child, so its samples could be given no fine class.

    Examples
    --------
    >>> import torch
    >>> from falcon_svc.core import children_of
    >>> children_of(torch.tensor([[True, False], [True, False], [False, True]])).valid.tolist()
    [[True, True], [True, False]]
    """
    sizes = relation.sum(dim=0)  # (C,)
    if int(sizes.min()) == 0:
        empty = int(sizes.argmin())
        raise ValueError(f"expected a child for every coarse class, found none for class {empty}")
    width = int(sizes.max())
    order = relation.T.to(torch.int8).argsort(dim=1, descending=True, stable=True)  # (C, F)
    valid = torch.arange(width, device=relation.device) < sizes[:, None]  # (C, M)
    return Children(order[:, :width].masked_fill(~valid, 0).contiguous(), valid)


def take_children(scores: Tensor, coarse: Tensor, children: Children) -> Tensor:
    """Return the scores of the children of every sample's coarse class.

    Parameters
    ----------
    scores
        (B, F) logits or log-probabilities.
    coarse
        (B,) int64 in ``[0, C)``.
    children
        Table of the relation.

    Returns
    -------
    Tensor
        (B, M), `PAD` on padding.

    Examples
    --------
    >>> import torch
    >>> from falcon_svc.core import children_of, take_children
    >>> children = children_of(torch.tensor([[True, False], [True, False], [False, True]]))
    >>> take_children(torch.tensor([[0.1, 0.2, 0.3]]), torch.tensor([0]), children).shape
    torch.Size([1, 2])
    """
    taken = scores.gather(1, children.index.index_select(0, coarse))  # (B, M)
    return taken.masked_fill(~children.valid.index_select(0, coarse), PAD)
