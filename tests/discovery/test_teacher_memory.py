from __future__ import annotations

import torch

from falcon_svc.core import children_of, take_children
from falcon_svc.discovery.training.teacher_memory import FLOOR, TeacherMemory


def relation(parents: list[int], n_coarse: int = 2) -> torch.Tensor:
    return torch.nn.functional.one_hot(torch.tensor(parents), n_coarse).bool()


def test_what_is_written_is_read_normalised_over_the_children() -> None:
    children = children_of(relation([0, 0, 1, 1]))
    memory, coarse = TeacherMemory(3, children), torch.tensor([0, 1, 0])
    scores = torch.randn(3, 4, generator=torch.Generator().manual_seed(0))
    memory.write(torch.arange(3), take_children(scores, coarse, children))
    wanted = torch.stack([scores[0, :2], scores[1, 2:], scores[2, :2]]).softmax(dim=1)
    torch.testing.assert_close(
        memory.read(torch.tensor([[0, 1], [2, 0]])).exp(), wanted[torch.tensor([[0, 1], [2, 0]])]
    )


def test_columns_follow_the_children_of_a_new_relation() -> None:
    old, new = children_of(relation([0, 0, 1, 1])), children_of(relation([0, 1, 1, 1]))
    memory, coarse = TeacherMemory(2, old), torch.tensor([0, 1])
    memory.log_prob = torch.tensor([[0.25, 0.75], [0.4, 0.6]]).log()
    memory.change_children(new, coarse)
    by_class = dict(zip(new.index[1].tolist(), memory.log_prob[1].tolist(), strict=True))
    assert by_class[1] == FLOOR
    assert (
        torch.tensor([by_class[2], by_class[3]]).exp().tolist()
        == torch.tensor([0.4, 0.6]).log().exp().tolist()
    )
    assert memory.log_prob[0, 0].exp().item() == 0.25
    assert memory.log_prob[0, 1:].tolist() == [FLOOR, FLOOR]


def test_there_and_back_keeps_the_classes_that_stayed() -> None:
    first, second = children_of(relation([0, 0, 1, 1])), children_of(relation([1, 0, 1, 1]))
    memory, coarse = TeacherMemory(1, first), torch.tensor([1])
    memory.log_prob = torch.tensor([[0.4, 0.6]]).log()
    before = memory.log_prob.clone()
    memory.change_children(second, coarse)
    memory.change_children(first, coarse)
    torch.testing.assert_close(memory.log_prob, before)
