"""From constraints in the user's words to the solver's: classes by name, samples by id.

Place: between `[relation]` of the settings and the solves of training. A fine class has no name
before it is found; it is named by one of its samples, ``{sample = "img-17"}``, whose class at the
start of training is meant, or by its number in an earlier result of the same data and settings.
Names are checked as soon as the data are read, contradictions as soon as F is known.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from falcon_svc.discovery.training.relation_config import RelationConfig
from falcon_svc.errors import ConfigError
from falcon_svc.types import IntArray, LabelSource
from solver import (
    KINDS,
    Constraints,
    ProblemError,
    RelationProblem,
    SourceTie,
    explain_infeasible,
    from_documents,
)

Wish = Mapping[str, Any]
FineOf = Callable[[str], int]

ASKABLE = tuple(kind for kind in KINDS if kind != SourceTie.kind)
"""Kinds that can be asked for; two label sources are tied by the labels of their samples."""


def check_names(config: RelationConfig, sources: Sequence[LabelSource], ids: Sequence[str]) -> None:
    """Raise ConfigError unless every constraint names classes, sources and samples that exist."""
    known = set(ids) if config.constraints else set()

    def fine_of(sample: str) -> int:
        if sample not in known:
            raise ConfigError(f"expected a sample of the data set, found {sample[:60]!r}")
        return 0

    for number, wish in enumerate(config.constraints):
        _document(number, wish, sources, fine_of, None)


def wishes_of(
    config: RelationConfig, sources: Sequence[LabelSource], fine_of: FineOf, sizes: IntArray
) -> tuple[Constraints, ...]:
    """Return each label source's constraints.

    Parameters
    ----------
    config
        What the user asked for.
    sources
        Label sources.
    fine_of
        From a sample's id to its fine class at the start of training.
    sizes
        (F,) samples of each fine class then: the masses of `mass_capacity`.

    Raises
    ------
    ConfigError
        A constraint that cannot be stated, or some that cannot hold together: a smallest set of
        these is named.
    """
    found: list[list[dict[str, Any]]] = [[] for _ in sources]
    for number, wish in enumerate(config.constraints):
        place = _source_of(number, wish, sources)
        found[place].append(_document(number, wish, sources, fine_of, sizes))
    try:
        wishes = tuple(from_documents(documents) for documents in found)
        for source, part in zip(sources, wishes, strict=True):
            _check_together(part, (len(sizes), source.n_coarse), source.name)
    except ProblemError as error:
        raise ConfigError(f"Setting relation.constraints: {error}") from error
    return wishes


def _check_together(wishes: Constraints, shape: tuple[int, int], source: str) -> None:
    if not wishes.items:
        return
    told = explain_infeasible(RelationProblem(np.zeros(shape), constraints=wishes))
    if told.ids:
        raise ConfigError(
            f"Setting relation.constraints: {told.sentence} (label source {source}, {shape[0]} "
            f"fine classes); change or leave out one of {', '.join(map(repr, told.ids))}.",
            code="constraints_clash",
        )


def _source_of(number: int, wish: Wish, sources: Sequence[LabelSource]) -> int:
    names = [source.name for source in sources]
    wanted = wish.get("source", names[0])
    if wanted not in names:
        raise _wrong(number, wish, f"expected a label source among {names}, found {wanted!r}")
    return names.index(wanted)


def _document(
    number: int,
    wish: Wish,
    sources: Sequence[LabelSource],
    fine_of: FineOf,
    sizes: IntArray | None,
) -> dict[str, Any]:
    """Return the solver's document of one constraint; `sizes` None = F is not known yet."""
    if wish.get("kind") not in ASKABLE:
        raise _wrong(number, wish, f"expected a kind among {', '.join(ASKABLE)}")
    names = sources[_source_of(number, wish, sources)].names
    try:
        fields = dict(_resolved(wish, names, fine_of, sizes))
    except ConfigError as error:
        raise _wrong(number, wish, str(error)) from error
    return {"id": f"constraint {number + 1}", **fields, "kind": wish["kind"]}


def _resolved(
    wish: Wish, names: Sequence[str], fine_of: FineOf, sizes: IntArray | None
) -> Iterator[tuple[str, Any]]:
    """Yield the fields with classes as numbers."""
    for name, value in wish.items():
        if name in ("fine", "other"):
            yield name, _fine(value, fine_of)
        elif name == "coarse":
            several = isinstance(value, list | tuple)
            yield name, [_coarse(v, names) for v in value] if several else _coarse(value, names)
        elif name == "previous":
            yield name, _previous(value, names, fine_of, None if sizes is None else len(sizes))
        elif name == "at_most" and wish["kind"] == "mass_capacity":
            yield name, [_capacity(value, k) for k in names]
            yield "mass", [] if sizes is None else sizes.tolist()
            _check_capacity(value, names)
        elif name not in ("source", "kind"):
            yield name, value


def _fine(value: Any, fine_of: FineOf) -> int:
    if isinstance(value, Mapping) and set(value) == {"sample"}:
        return fine_of(str(value["sample"]))
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise ConfigError(
        f'expected a fine class as {{sample = "an id"}} or as its number, found {value!r}'
    )


def _coarse(value: Any, names: Sequence[str]) -> int:
    if value not in names:
        raise ConfigError(f"expected a coarse class among {list(names)[:8]}, found {value!r}")
    return names.index(value)


def _previous(value: Any, names: Sequence[str], fine_of: FineOf, n_fine: int | None) -> list[int]:
    """Return (F,) the earlier parent of each fine class; -1 where none is given."""
    if not isinstance(value, list | tuple) or not all(isinstance(one, Mapping) for one in value):
        raise ConfigError("expected previous as a list of {fine = ..., coarse = ...}")
    pairs = [(_fine(v.get("fine"), fine_of), _coarse(v.get("coarse"), names)) for v in value]
    if n_fine is None:
        return []
    parents = [-1] * n_fine
    for fine, coarse in pairs:
        if not 0 <= fine < n_fine:
            raise ConfigError(f"expected a fine class below {n_fine}, found {fine}")
        parents[fine] = coarse
    return parents


def _capacity(value: Any, name: str) -> int:
    return int(value.get(name, -1)) if isinstance(value, Mapping) else -1


def _check_capacity(value: Any, names: Sequence[str]) -> None:
    if not isinstance(value, Mapping):
        raise ConfigError('expected at_most as {"coarse class" = samples}')
    for name in value:
        _coarse(name, names)


def _wrong(number: int, wish: Wish, what: str) -> ConfigError:
    name = wish.get("id", f"constraint {number + 1}")
    return ConfigError(
        f"Setting relation.constraints, {name!r}: {what}; see docs/constraints.md.",
        code="bad_constraint",
    )
