"""Oracle for small problems: try every relation, judge it by the words of the constraints.

Shares no code with the solver beyond the dataclasses: objective and feasibility are written out
again, cell by cell.
"""

from __future__ import annotations

from itertools import combinations, product

import numpy as np

from solver import (
    CannotLink,
    ExtraParents,
    Forbid,
    GroupBounds,
    MassCapacity,
    MustLink,
    Pin,
    RelationProblem,
    SizeBounds,
    SizeTarget,
    SourceTie,
    StayClose,
    UnusedAllowed,
)


def best_value(problem: RelationProblem) -> float:
    """Largest objective over all feasible relations, -inf where there is none."""
    values = [value(problem, parents) for parents in relations(problem)]
    return max(values, default=-np.inf)


def relations(problem: RelationProblem):
    """Yield each candidate as a tuple of parent sets, one per fine class."""
    coarse = range(problem.n_coarse)
    sets = [(k,) for k in coarse]
    for extra in problem.constraints.of(ExtraParents):
        for size in range(2, min(extra.per_class, problem.n_coarse) + 1):
            sets += list(combinations(coarse, size))
    if problem.constraints.of(UnusedAllowed):
        sets.append(())
    yield from product(sets, repeat=problem.n_fine)


def value(problem: RelationProblem, parents) -> float:
    """Objective of one candidate, -inf if a constraint is broken."""
    if not all(holds(problem, item, parents) for item in problem.constraints):
        return -np.inf
    sizes = [sum(k in mine for mine in parents) for k in range(problem.n_coarse)]
    bounded = {item.coarse for item in problem.constraints.of(SizeBounds)}
    if any(sizes[k] < 1 for k in range(problem.n_coarse) if k not in bounded):
        return -np.inf
    total = sum(problem.matrix[i, k] for i, mine in enumerate(parents) for k in mine)
    targets = {item.coarse: item for item in problem.constraints.of(SizeTarget)}
    even = problem.n_fine / problem.n_coarse
    for k, size in enumerate(sizes):
        if k in targets:
            total -= targets[k].weight * (size - targets[k].target) ** 2
        else:
            total -= problem.balance / problem.n_coarse * (size**2 - even**2)
    return total - paid(problem, parents) + tied(problem, parents)


def paid(problem: RelationProblem, parents) -> float:
    total = 0.0
    for item in problem.constraints.of(UnusedAllowed):
        total += item.price * sum(len(mine) > 0 for mine in parents)
    for item in problem.constraints.of(ExtraParents):
        total += item.price * sum(max(len(mine) - 1, 0) for mine in parents)
    for item in problem.constraints.of(StayClose):
        total += item.price * changed(item, parents)
    return total


def changed(item: StayClose, parents) -> int:
    return sum(k >= 0 and k not in mine for k, mine in zip(item.parents, parents, strict=True))


def tied(problem: RelationProblem, parents) -> float:
    """Best second-source relation that meets this one."""
    total = 0.0
    for item in problem.constraints.of(SourceTie):
        other = RelationProblem(item.matrix, item.balance)
        total += max(
            (
                value(other, mine)
                for mine in relations(other)
                if all(item.pairs[k, m] for a, (m,) in zip(parents, mine, strict=True) for k in a)
            ),
            default=-np.inf,
        )
    return total


def holds(problem: RelationProblem, item, parents) -> bool:  # noqa: PLR0911
    sizes = [sum(k in mine for mine in parents) for k in range(problem.n_coarse)]
    match item:
        case Pin():
            return item.coarse in parents[item.fine]
        case Forbid():
            return item.coarse not in parents[item.fine]
        case SizeBounds():
            return item.at_least <= sizes[item.coarse] <= most(item.at_most)
        case GroupBounds():
            return item.at_least <= sum(sizes[k] for k in item.coarse) <= most(item.at_most)
        case MustLink():
            return set(parents[item.fine]) == set(parents[item.other])
        case CannotLink():
            return not set(parents[item.fine]) & set(parents[item.other])
        case UnusedAllowed():
            return sum(not mine for mine in parents) <= most(item.at_most)
        case ExtraParents():
            return sum(max(len(mine) - 1, 0) for mine in parents) <= item.budget
        case StayClose():
            return changed(item, parents) <= most(item.at_most)
        case MassCapacity():
            loads = [
                sum(m for m, mine in zip(item.mass, parents, strict=True) if k in mine)
                for k in range(problem.n_coarse)
            ]
            return all(
                cap < 0 or load <= cap for load, cap in zip(loads, item.at_most, strict=True)
            )
        case _:
            return True


def most(limit: int | None) -> float:
    return np.inf if limit is None else limit
