"""Small random problems with any mix of constraint kinds, for comparison with brute force."""

from __future__ import annotations

import numpy as np

from solver import (
    CannotLink,
    Constraint,
    Constraints,
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

FLOW_KINDS = ("pin", "forbid", "bounds", "target", "unused", "stay")
HARD_KINDS = ("must", "cannot", "group", "extra", "cap", "mass", "tie")
BALANCES = (0.0, 5e-5, 1e-3, 0.1, 2.0)


def random_problem(seed: int, kinds: tuple[str, ...] = (), *, n_wishes: int = 4) -> RelationProblem:
    rng = np.random.default_rng(seed)
    several = "extra" in kinds or "tie" in kinds
    n_coarse = int(rng.integers(1, 4 if several else 5))
    n_fine = int(rng.integers(n_coarse, 5 if several else 7))
    affinity = random_affinity(rng, n_fine, n_coarse)
    wishes: list[Constraint] = []
    for number in range(int(rng.integers(1, n_wishes + 1)) if kinds else 0):
        kind = kinds[rng.integers(len(kinds))]
        wish = random_wish(rng, kind, f"{kind}{number}", n_fine, n_coarse)
        if wish is not None and not clashes(wish, wishes):
            wishes.append(wish)
    return RelationProblem(affinity, float(rng.choice(BALANCES)), Constraints(wishes))


def random_affinity(rng: np.random.Generator, n_fine: int, n_coarse: int) -> np.ndarray:
    style = rng.integers(4)
    if style == 0:  # ties
        return rng.integers(0, 3, (n_fine, n_coarse)).astype(float)
    if style == 1:
        return rng.standard_normal((n_fine, n_coarse)) * 10.0 ** rng.integers(-6, 7)
    if style == 2:
        return rng.dirichlet(np.full(n_coarse, 0.3), n_fine) / n_fine
    return rng.random((n_fine, n_coarse))


def clashes(wish: Constraint, wishes: list[Constraint]) -> bool:
    """Whether a kind that may be given once, or once per coarse class, is there already."""
    same = [item for item in wishes if type(item) is type(wish)]
    if isinstance(wish, (UnusedAllowed, ExtraParents, StayClose, SourceTie)):
        return bool(same)
    if isinstance(wish, (SizeBounds, SizeTarget)):
        return any(item.coarse == wish.coarse for item in same)
    return False


def random_wish(  # noqa: PLR0911, PLR0912
    rng: np.random.Generator, kind: str, name: str, n_fine: int, n_coarse: int
) -> Constraint | None:
    fine, coarse = int(rng.integers(n_fine)), int(rng.integers(n_coarse))
    pair = rng.permutation(n_fine)[:2].tolist()
    low = int(rng.integers(0, 3))
    match kind:
        case "pin":
            return Pin(name, fine, coarse)
        case "forbid":
            return Forbid(name, fine, coarse)
        case "bounds":
            return SizeBounds(name, coarse, low, low + int(rng.integers(0, 3)))
        case "target":
            return SizeTarget(name, coarse, float(rng.random() * 4), float(rng.random()))
        case "unused":
            most = None if rng.random() < 0.5 else int(rng.integers(0, 3))
            return UnusedAllowed(name, float(rng.normal() * 0.5), most)
        case "stay":
            return StayClose(name, rng.integers(-1, n_coarse, n_fine), float(rng.random()))
        case "cap":
            cap = int(rng.integers(0, n_fine + 1))
            return StayClose(name, rng.integers(-1, n_coarse, n_fine), 0.0, cap)
        case "must":
            return MustLink(name, *pair) if n_fine > 1 else None
        case "cannot":
            return CannotLink(name, *pair) if n_fine > 1 else None
        case "group":
            members = rng.permutation(n_coarse)[: rng.integers(1, n_coarse + 1)].tolist()
            return GroupBounds(name, tuple(members), low, low + int(rng.integers(0, 3)))
        case "extra":
            most = int(rng.integers(1, 4))
            return ExtraParents(name, int(rng.integers(0, 4)), most, float(rng.random() * 0.3))
        case "mass":
            mass = rng.integers(0, 10, n_fine)
            caps = rng.integers(-1, 3, n_coarse)
            return MassCapacity(name, mass, np.where(caps < 0, -1, caps * 10 + 5))
        case "tie":
            second = int(rng.integers(1, 4))
            return SourceTie(
                name,
                rng.random((n_fine, second)),
                rng.random((n_coarse, second)) < 0.7,
                float(rng.choice(BALANCES)),
            )
    raise AssertionError(kind)
