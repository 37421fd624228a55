r"""The discrete step: from a window of teacher predictions to a new relation.

Place: called by `discovery.training.trainer` every few steps, once per label source. Source:
FALCON (ICML 2024), equations 12 to 14. With Y one-hot (B, C) and P the teacher's (B, F)
probabilities, the affinity is ``P^T Y / n``, the mean mass of fine class i in coarse class k.

Deviations: the balance is given free of scale (rho), and known sizes replace it. The paper drops
its window at the end of an epoch; ours goes on, as small data sets have epochs shorter than one.
No solve starts from the one before: a run that is taken up again must break ties the same way.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from falcon_svc.types import BoolArray, IntArray
from solver import (
    Constraints,
    ExtraParents,
    Forbid,
    RelationProblem,
    SizeTarget,
    Solution,
    SourceTie,
    solve,
)


class AffinityWindow:
    """Sums of teacher probabilities per coarse class since the last solve.

    Parameters
    ----------
    n_coarse, n_fine
        C and F.
    device
        Where the sums live.
    """

    def __init__(self, n_coarse: int, n_fine: int, device: torch.device) -> None:
        self.sums = torch.zeros(n_coarse, n_fine, device=device)  # (C, F)
        self.count = 0

    @classmethod
    def like(cls, other: AffinityWindow) -> AffinityWindow:
        """Return an empty window of the same shape and device."""
        n_coarse, n_fine = other.sums.shape
        return cls(n_coarse, n_fine, other.sums.device)

    def add(self, teacher_prob: Tensor, coarse: Tensor) -> None:
        """Add a batch: probabilities (B, F) of samples with labels `coarse` (B,)."""
        self.sums.index_add_(0, coarse, teacher_prob)
        self.count += len(coarse)

    def affinity(self) -> NDArray[np.float64]:
        """Return the affinity, float64 (F, C), entries summing to 1; empty windows give 0."""
        sums = self.sums.double().cpu().numpy()
        mean: NDArray[np.float64] = sums.T / max(self.count, 1)
        return mean

    def clear(self) -> None:
        """Start the next window."""
        self.sums.zero_()
        self.count = 0


def solve_relation(
    affinity: NDArray[np.float64],
    *,
    balance: float,
    size_targets: IntArray | None,
    time_limit_s: float,
    extra: ExtraParents | None = None,
    wishes: Constraints | None = None,
) -> Solution:
    """Solve for the relation of one label source.

    Parameters
    ----------
    affinity
        (F, C) finite.
    balance
        rho >= 0, the price of moving one fine class off an even share (off its target), in
        units of the mean mass of a fine class, 1 / F. The paper's ``lambda_M = rho C / (2 F)``.
    size_targets
        (C,) wanted numbers of fine classes, which take the place of the even share; or None.
    extra
        How many parents beyond the first there may be; None = every class has one.
    wishes
        Further constraints; where they say of a coarse class how many fine classes it is to hold,
        or how many parents there may be, that takes the place of what is known otherwise.
    time_limit_s
        As in `solver.solve`; the method is its "auto", so CP-SAT has the last word.

    Returns
    -------
    Solution
        With the relation (F, C) and its proof.
    """
    n_fine, n_coarse = affinity.shape
    if size_targets is None:
        own, price = Constraints(), balance * n_coarse / (2 * n_fine)
    else:
        own, price = size_wishes(size_targets, weight=balance / (2 * n_fine)), 0.0
    if extra is not None:
        own = Constraints((*own, extra))
    together = own if wishes is None else _joined(own, wishes)
    problem = RelationProblem(affinity, balance=price, constraints=together)
    return solve(problem, time_limit_s=time_limit_s)


def _joined(own: Constraints, wishes: Constraints) -> Constraints:
    """Return both; a wish of a kind that may be given once takes the place of our own."""
    asked = {(type(wish), getattr(wish, "coarse", None)) for wish in wishes}
    kept = (one for one in own if (type(one), getattr(one, "coarse", None)) not in asked)
    return Constraints((*kept, *wishes))


def tie_to(
    name: str, affinity: NDArray[np.float64], compatible: BoolArray, *, balance: float
) -> SourceTie:
    """Return the wish that a further source's relation be solved together with the first one's.

    Parameters
    ----------
    name
        Name of the further source.
    affinity
        (F, C2) of the further source.
    compatible
        (C, C2) which parents may meet in a fine class.
    balance
        rho, as in `solve_relation`, of even shares of the further source.
    """
    n_fine, n_coarse = affinity.shape
    price = balance * n_coarse / (2 * n_fine)
    return SourceTie(id=f"tie-{name}", affinity=affinity, compatible=compatible, balance=price)


def kept_compatible(first: BoolArray, compatible: BoolArray) -> tuple[Forbid, ...]:
    """Return the wishes under which a further relation meets the first (F, C) where it may."""
    allowed = first.astype(np.int64) @ compatible.astype(np.int64) > 0
    allowed[~first.any(axis=1)] = True
    return tuple(
        Forbid(id=f"apart-{fine}-{coarse}", fine=int(fine), coarse=int(coarse))
        for fine, coarse in np.argwhere(~allowed)
    )


def extra_parents(relation: BoolArray) -> ExtraParents | None:
    """Return the wish for as many parents beyond the first as a relation (F, C) has, or None."""
    parents = relation.sum(axis=1)
    budget = int(np.maximum(parents - 1, 0).sum())
    return ExtraParents("several-parents", budget, int(parents.max())) if budget else None


def size_wishes(size_targets: IntArray, *, weight: float) -> Constraints:
    """Return one `SizeTarget` per coarse class; moving one class off costs ``2 * weight``."""
    return Constraints(
        tuple(
            SizeTarget(id=f"size-{coarse}", coarse=coarse, target=float(target), weight=weight)
            for coarse, target in enumerate(size_targets)
        )
    )


def random_relation(n_fine: int, n_coarse: int, *, seed: int) -> BoolArray:
    """Return the paper's first relation: a balanced solve for a random affinity."""
    noise = np.random.default_rng(seed).standard_normal((n_fine, n_coarse))
    affinity = np.exp(noise) / np.exp(noise).sum()
    return solve_relation(affinity, balance=1.0, size_targets=None, time_limit_s=60.0).relation
