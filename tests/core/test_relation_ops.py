from __future__ import annotations

import pytest
import torch

from falcon_svc.core import children_of, take_children
from falcon_svc.core.relation_ops import PAD


def random_relation(seed: int, n_fine: int, n_coarse: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    free = torch.randint(n_coarse, (n_fine - n_coarse,), generator=generator)
    parents = torch.cat([torch.arange(n_coarse), free])
    shuffled = parents[torch.randperm(n_fine, generator=generator)]
    return torch.nn.functional.one_hot(shuffled, n_coarse).bool()


@pytest.mark.parametrize("seed", range(5))
def test_children_are_the_rows_of_each_column(seed: int) -> None:
    relation = random_relation(seed, 17, 5)
    children = children_of(relation)
    for coarse in range(5):
        listed = children.index[coarse][children.valid[coarse]]
        assert listed.tolist() == relation[:, coarse].nonzero()[:, 0].tolist()
    assert children.width == int(relation.sum(dim=0).max())


def test_an_unused_fine_class_is_nobodys_child() -> None:
    children = children_of(torch.tensor([[1, 0], [0, 0], [0, 1]], dtype=torch.bool))
    assert 1 not in children.index[children.valid].tolist()


def test_a_fine_class_may_have_two_parents() -> None:
    children = children_of(torch.tensor([[1, 1], [0, 1]], dtype=torch.bool))
    assert children.index[children.valid].tolist() == [0, 0, 1]


def test_a_coarse_class_without_children_is_refused() -> None:
    with pytest.raises(ValueError, match="none for class 1"):
        children_of(torch.tensor([[1, 0], [1, 0]], dtype=torch.bool))


def test_scores_of_children_are_taken_and_padding_is_marked() -> None:
    children = children_of(torch.tensor([[1, 0], [0, 1], [1, 0]], dtype=torch.bool))
    taken = take_children(torch.tensor([[1.0, 2, 3], [4, 5, 6]]), torch.tensor([0, 1]), children)
    assert taken.tolist() == [[1.0, 3.0], [5.0, torch.tensor(PAD).item()]]
