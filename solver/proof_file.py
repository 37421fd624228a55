"""A solve with everything that a third party needs to check it, in one `.npz` file.

    affinity    float64 (F, C)   what was maximised
    relation    bool    (F, C)   the answer
    regret      float64 (F, C)   the drop of the optimum for every other parent
    tied.0, ... bool    (F, C2)  relations of the `SourceTie` constraints
    record      uint8            JSON: balance, constraints as documents, status, certificate

Read with numpy alone and without pickles. `verify_file` works the problem out again from the file
and judges every part of it; a file is not signed, so whoever rewrites all of it consistently has
stated, and solved, another problem.
"""

from __future__ import annotations

import io
import json
import math
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .documents import from_documents, to_documents
from .errors import ProblemError
from .problem import RelationProblem
from .program import compile_program
from .second_solver import second_opinion
from .solution import Solution
from .verify import HIGHS_TOLERANCE, Verification, magnitude, verify

FORMAT = "relation-proof/1"
MAX_BYTES = 2 * 2**30
_FIELDS = ("status", "method", "objective", "bound", "gap", "seconds")


def proof_bytes(solution: Solution) -> bytes:
    """Return the file of a solve; the same solution gives the same bytes.

    Parameters
    ----------
    solution : Solution
        An answer of `solve`, with its certificate.

    Returns
    -------
    bytes
        What `read_proof` and `verify_file` take; the fields are listed in docs/relation-step.md.

    Examples
    --------
    >>> import numpy as np
    >>> from solver import RelationProblem, proof_bytes, read_proof, solve
    >>> solution = solve(RelationProblem(np.eye(3)[:, :2] + 0.1))
    >>> read_proof(proof_bytes(solution))[0].status
    'optimal'
    """
    problem = solution.problem
    record = {
        "format": FORMAT,
        "balance": float(problem.balance),
        "constraints": to_documents(problem.constraints),
        **{name: _plain(getattr(solution, name)) for name in _FIELDS},
        "certificate": dict(solution.certificate),
    }
    arrays = {
        "affinity": problem.matrix,
        "relation": solution.relation,
        "regret": solution.regret,
        **{f"tied.{i}": tied for i, tied in enumerate(solution.tied)},
        "record": np.frombuffer(json.dumps(record).encode(), np.uint8),
    }
    return _npz(arrays)


def _npz(arrays: dict[str, NDArray[Any]]) -> bytes:
    """Compressed as fast as can be: affinities hardly shrink, and grow with F times C."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as file:
        for name, array in arrays.items():
            with file.open(f"{name}.npy", "w", force_zip64=True) as out:
                np.lib.format.write_array(out, np.asanyarray(array), allow_pickle=False)
    return buffer.getvalue()


def read_proof(file: Path | bytes) -> tuple[Solution, NDArray[np.float64]]:
    """Return the solution of a proof file, and the regrets as they are stored.

    Parameters
    ----------
    file : Path or bytes
        As `proof_bytes` made it.

    Returns
    -------
    solution : Solution
        The solve as it was stored; nothing of it is checked here, see `verify_file`.
    regrets : float64 (F, C)
        What the optimum loses if a fine class hung elsewhere, in units of the affinity.

    Raises
    ------
    ProblemError
        It is no such file, is damaged, or claims more than 2 GiB.

    Examples
    --------
    >>> import numpy as np
    >>> from solver import RelationProblem, proof_bytes, read_proof, solve
    >>> stored = proof_bytes(solve(RelationProblem(np.array([[0.9, 0.1], [0.8, 0.2], [0.1, 0.7]]))))
    >>> solution, regrets = read_proof(stored)
    >>> regrets.round(3).tolist()
    [[0.0, 0.8], [0.0, 0.6], [1.2, 0.0]]
    """
    try:
        arrays = _arrays(io.BytesIO(file) if isinstance(file, bytes) else Path(file))
        record = json.loads(arrays["record"].tobytes())
        if record["format"] != FORMAT:
            raise ValueError(f"its format is {record['format']!r}")
        wishes = from_documents(record["constraints"])
        problem = RelationProblem(arrays["affinity"], record["balance"], wishes)
        return _solution(problem, record, arrays), arrays["regret"]
    except ProblemError:
        raise
    except (OSError, KeyError, TypeError, ValueError, zipfile.BadZipFile) as error:
        raise ProblemError(
            f"proof: expected a file of format {FORMAT}, but it cannot be read ({error}); take the "
            "one that the solve wrote."
        ) from error


def verify_file(file: Path | bytes, *, time_limit_s: float = 60.0) -> Verification:
    """Check a stored solve: feasibility, objective, bound, regrets, and a second solver's word.

    Parameters
    ----------
    file : Path or bytes
        A proof file.
    time_limit_s : float > 0
        Limit of the second solver, HiGHS through SciPy; where it has no answer in time or is not
        installed, the prices alone prove the bound.

    Returns
    -------
    Verification
        Whether all holds, and one sentence per fault.

    Raises
    ------
    ProblemError
        The file cannot be read.

    Examples
    --------
    >>> import numpy as np
    >>> from solver import RelationProblem, proof_bytes, solve, verify_file
    >>> solution = solve(RelationProblem(np.eye(3)[:, :2] + 0.1))
    >>> verify_file(proof_bytes(solution)).ok
    True
    """
    solution, regret = read_proof(file)
    found = verify(solution.problem, solution, time_limit_s=time_limit_s)
    faults = [*_record_faults(solution), *found.problems]
    second = None
    if not faults:
        faults += _regret_faults(solution, regret)
    if not faults and solution.status != "infeasible":
        second = second_opinion(compile_program(solution.problem), time_limit_s)
        faults += _second_faults(solution, second)
    return replace(found, ok=not faults, problems=tuple(dict.fromkeys(faults)), second_bound=second)


def _arrays(file: Path | io.BytesIO) -> dict[str, NDArray[Any]]:
    with zipfile.ZipFile(file) as archive:
        if sum(member.file_size for member in archive.infolist()) > MAX_BYTES:
            raise ValueError("it claims more than 2 GiB")
    if isinstance(file, io.BytesIO):
        file.seek(0)
    with np.load(file, allow_pickle=False) as stored:
        return {name: stored[name] for name in stored.files}


def _solution(
    problem: RelationProblem, record: dict[str, Any], arrays: dict[str, NDArray[Any]]
) -> Solution:
    count = sum(name.startswith("tied.") for name in arrays)
    known = {name: record[name] for name in ("status", "method", "seconds")}
    objective, bound = record["objective"], record["bound"]
    return Solution(
        relation=arrays["relation"],
        objective=-math.inf if objective is None else objective,
        bound=math.inf if bound is None else bound,
        gap=math.inf if record["gap"] is None else record["gap"],
        certificate=record["certificate"],
        problem=problem,
        tied=tuple(arrays[f"tied.{i}"] for i in range(count)),
        **known,
    )


def _record_faults(solution: Solution) -> list[str]:
    """What the certificate says of itself must be what the solution says."""
    stored = solution.certificate
    values = {
        "n_fine": solution.problem.n_fine,
        "n_coarse": solution.problem.n_coarse,
        "balance": float(solution.problem.balance),
        "constraints": [item.id for item in solution.problem.constraints],
        "scale": compile_program(solution.problem).scale,
        "rounding_bound": compile_program(solution.problem).rounding_bound,
        **{name: _plain(getattr(solution, name)) for name in ("status", "method", "objective")},
        "bound": _plain(solution.bound),
    }
    wrong = [name for name, value in values.items() if stored.get(name) != value]
    faults = [f"The certificate's {name} is not that of the solve." for name in wrong]
    if np.isfinite(solution.objective) and solution.gap != solution.bound - solution.objective:
        faults.append("The gap is not the bound less the objective.")
    if solution.status == "optimal" and solution.gap > stored.get("rounding_bound", 0.0):
        faults.append("The status says optimal, but the gap is not closed.")
    return faults


def _regret_faults(solution: Solution, regret: NDArray[np.float64]) -> list[str]:
    try:
        again = solution.regret
    except (ValueError, IndexError, KeyError, TypeError):
        return ["The regrets cannot be worked out again from the certificate."]
    close = regret.shape == again.shape and np.allclose(
        regret, again, rtol=0, atol=1e-9 * max(1e-9, magnitude(solution.problem))
    )
    return [] if close else ["The stored regrets are not those of the problem."]


def _second_faults(solution: Solution, best: float | None) -> list[str]:
    if best is None:
        return []
    slack = compile_program(solution.problem).rounding_bound
    slack += HIGHS_TOLERANCE * magnitude(solution.problem)
    if best < solution.objective - slack:
        return [f"A second solver's bound is {best!r}, below the objective."]
    if solution.status == "optimal" and best > solution.bound + slack:
        return [f"A second solver's bound is {best!r}, above {solution.bound!r}."]
    return []


def _plain(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value
