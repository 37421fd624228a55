"""What training leaves: a classifier to predict with, certified relations, and a history.

Place: made by `trainer` at its end, used by `prediction`.
The last relation is solved once more with the solver of record, on the teacher's predictions for
all samples instead of a window's.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from falcon_svc.discovery.training.config import TrainConfig
from falcon_svc.discovery.training.relation_step import AffinityWindow, solve_relation, tie_to
from falcon_svc.discovery.training.samples import TrainSamples
from falcon_svc.discovery.training.state import SourceState, TrainState
from falcon_svc.types import BoolArray
from solver import Constraints, Solution

_log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class TrainedHead:
    """The result of head training.

    Parameters
    ----------
    student, teacher
        The heads, on the CPU.
    relations
        Per source (F, C) bool: that of `solutions`, or where the solver ran out of time before it
        had any, the last one of training.
    solutions
        Per source the certified solve of the last relation.
    history
        One mapping of metric name -> number per epoch.
    wishes
        Per source, the constraints that its relation keeps.
    """

    student: nn.Module
    teacher: nn.Module
    relations: tuple[BoolArray, ...]
    solutions: tuple[Solution, ...]
    history: tuple[Mapping[str, float], ...]
    wishes: tuple[Constraints, ...] = ()

    def tensors(self) -> dict[str, Tensor]:
        """Return all weights and relations by name, as safetensors wants them."""
        named = {f"student.{name}": t for name, t in self.student.state_dict().items()}
        named |= {f"teacher.{name}": t for name, t in self.teacher.state_dict().items()}
        for i, relation in enumerate(self.relations):
            named[f"relation.{i}"] = torch.from_numpy(relation.copy())
        return named


def finish(state: TrainState, samples: TrainSamples, config: TrainConfig) -> TrainedHead:
    """Solve the last relations and return what was trained.

    Parameters
    ----------
    state
        After the last epoch.
    samples
        N samples.
    config
        Config of the training.
    """
    solutions = _last_solutions(state, samples, config)
    teacher: nn.Module = state.teacher.module
    return TrainedHead(
        student=state.student.cpu().requires_grad_(False).eval(),
        teacher=teacher.cpu().requires_grad_(False).eval(),
        relations=tuple(
            _relation(source, solution)
            for source, solution in zip(state.sources, solutions, strict=True)
        ),
        solutions=solutions,
        history=tuple(state.history),
        wishes=tuple(source.wishes for source in state.sources),
    )


def _relation(source: SourceState, solution: Solution) -> BoolArray:
    """The solved relation; training's last one where the solver has none, which is logged."""
    if solution.relation.any():
        return solution.relation
    _log.warning("relation: the solver says %s; the one of training stays", solution.status)
    return source.relation.cpu().numpy()


def _last_solutions(
    state: TrainState, samples: TrainSamples, config: TrainConfig
) -> tuple[Solution, ...]:
    windows = [AffinityWindow.like(source.window) for source in state.sources]
    for rows, scores in state.teacher_scores(samples):
        prob = torch.softmax(scores, dim=1)  # (chunk, F)
        for source, window in zip(state.sources, windows, strict=True):
            part = source.labelled(rows)
            source.observe(window, prob[part], source.coarse[rows[part]])
    return _solved_together(state.sources, [window.affinity() for window in windows], config)


def _solved_together(
    sources: Sequence[SourceState], affinities: Sequence[NDArray[np.float64]], config: TrainConfig
) -> tuple[Solution, ...]:
    """Solve for the first relation with all that are tied to it, then for the others beside it.

    The first solution proves the optimum of all of them together; each of the others is an
    optimum beside the first relation, with a proof of its own.
    """
    rho = config.balance_at(config.epochs - 1)

    def solved(place: int, wishes: Constraints) -> Solution:
        return solve_relation(
            affinities[place],
            balance=rho,
            size_targets=sources[place].size_targets,
            time_limit_s=config.solve_limit_s,
            extra=sources[place].extra,
            wishes=wishes,
        )

    ties = [
        tie_to(source.name, affinity, source.compatible, balance=rho)
        for source, affinity in zip(sources, affinities, strict=True)
        if source.compatible is not None and sources[0].extra is None
    ]
    first = solved(0, Constraints((*sources[0].wishes, *ties)))
    relation = _relation(sources[0], first)
    places = range(1, len(sources))
    return (first, *(solved(place, sources[place].beside(relation)) for place in places))
