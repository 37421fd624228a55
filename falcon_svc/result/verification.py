"""Whether a result is what it says: every file, every proof, every sample's coarse class.

Place: behind `falcon verify`, `GET /v1/jobs/{id}/verification` and `Result.verify`. The relations
are judged by `solver.verify_file`, which works each problem out again and asks a second solver.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from falcon_svc.result.files import damaged_files, proof_name, read_discovery, read_document
from falcon_svc.result.record import Discovery, SourceRelation
from solver import ProblemError, read_proof, verify_file

REGRET_TOLERANCE = 1e-6  # arrays.safetensors holds float32
CONFIDENCE_TOLERANCE = 1e-4  # a mean of float32


@dataclass(frozen=True)
class Check:
    """One thing that was checked.

    Parameters
    ----------
    name
        What, in words.
    ok
        Whether nothing is wrong with it.
    text
        What was found, a sentence.
    """

    name: str
    ok: bool
    text: str


def verify_result(directory: Path, *, time_limit_s: float = 60.0) -> tuple[Check, ...]:
    """Check a result directory.

    Parameters
    ----------
    directory
        What `falcon discover` wrote.
    time_limit_s
        Limit of the second solver per label source, > 0.

    Returns
    -------
    tuple of Check
        The files, then per label source its proof and its agreement with the document, then the
        assignments and the document's numbers of them; files that are damaged end the list.

    Raises
    ------
    InputError
        `directory` holds no result.
    """
    directory = Path(directory)
    wrong = damaged_files(directory)
    files = Check("files", not wrong, _files_text(wrong))
    if wrong:
        return (files,)
    found = read_discovery(directory)
    proofs = [
        check
        for i, relation in enumerate(found.relations)
        for check in _relation_checks(directory / proof_name(i), relation, time_limit_s)
    ]
    return (files, *proofs, _assignments(found), _numbers(directory, found))


def _files_text(wrong: list[str]) -> str:
    if not wrong:
        return "Every file has the sha256 that discovery.json lists."
    return f"Missing, or not as they were written: {', '.join(wrong)}."


def _relation_checks(path: Path, relation: SourceRelation, time_limit_s: float) -> Iterator[Check]:
    name = f"relation of {relation.source}"
    if not path.is_file():
        text = "No proof is stored: the result is of an earlier version; discover again."
        yield Check(name, False, text)
        return
    try:
        outcome = verify_file(path, time_limit_s=time_limit_s)
        faults = list(outcome.problems) or _disagreements(path, relation)
    except ProblemError as error:
        yield Check(name, False, str(error))
        return
    second = outcome.second_bound
    told = "" if second is None else f", and a second solver's bound is {second:.9g}"
    proven = f"The {relation.status} solve is proven by {outcome.bound_by}{told}."
    yield Check(name, not faults, " ".join(faults) or proven)


def _disagreements(path: Path, relation: SourceRelation) -> list[str]:
    """What the document and the arrays say otherwise than the proof."""
    solution, regret = read_proof(path)
    values: dict[str, Any] = {
        name: getattr(solution, name) for name in ("status", "method", "objective", "bound", "gap")
    }
    wrong = [name for name, value in values.items() if not _same(value, getattr(relation, name))]
    if solution.relation.any() and not np.array_equal(solution.relation, relation.relation):
        wrong.append("edges")
    if dict(solution.certificate) != dict(relation.certificate):
        wrong.append("certificate")
    scale = REGRET_TOLERANCE * max(1.0, float(np.abs(regret[np.isfinite(regret)]).max(initial=0)))
    if not np.allclose(regret, relation.regret, rtol=REGRET_TOLERANCE, atol=scale):
        wrong.append("regrets")
    return [f"The result's {name} of {relation.source} differ from the proof." for name in wrong]


def _same(proven: Any, told: Any) -> bool:
    if isinstance(proven, float) and not np.isfinite(proven):
        return not np.isfinite(told)
    return bool(proven == told)


def _assignments(found: Discovery) -> Check:
    """Every sample's fine class hangs on its coarse class of the first source."""
    labels, relation = found.sources[0].labels, found.relations[0].relation
    rows = np.flatnonzero(labels >= 0)
    strayed = rows[~relation[found.assignments.fine[rows], labels[rows]]]
    if not len(strayed):
        return Check("assignments", True, "Every sample lies inside its coarse class.")
    first = found.ids[int(strayed[0])]
    text = f"{len(strayed):,} samples lie outside their coarse class, the first is {first}."
    return Check("assignments", False, text)


def _numbers(directory: Path, found: Discovery) -> Check:
    """The document's totals, counts and classes are those of the assignments and relations."""
    told = read_document(directory)
    fine, n_fine = found.assignments.fine, found.n_fine
    sizes = np.bincount(fine, minlength=n_fine)
    sure = np.bincount(fine, found.assignments.confidence, n_fine) / np.maximum(sizes, 1)
    relation = found.relations[0].relation
    own = {source.source: source.relation for source in found.relations}
    agree = {
        "n_samples": told["n_samples"] == found.n_samples,
        "n_fine": told["n_fine"] == n_fine == len(relation),
        "ids of classes": [one.id for one in found.classes] == list(range(n_fine)),
        "sizes": [one.size for one in found.classes] == sizes.tolist(),
        "mean confidences": np.allclose(
            [one.mean_confidence for one in found.classes], sure, atol=CONFIDENCE_TOLERANCE
        ),
        "coarse classes": all(
            own[source][one.id, k] for one in found.classes for source, k in one.coarse.items()
        ),
        "counts": [count.n_fine for count in found.counts] == relation.sum(axis=0).tolist(),
    }
    wrong = [name for name, same in agree.items() if not same]
    if not wrong:
        return Check("numbers", True, "Totals, counts and classes are those of the assignments.")
    text = f"discovery.json has other {' and '.join(wrong)} than the assignments and relations."
    return Check("numbers", False, text)
