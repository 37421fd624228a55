"""Benchmark of the relation step: every method on the same instances, in one run.

Instances are random "initial" affinities (softmax of noise, as before training) and "trained"
ones (a planted parent plus Dirichlet noise, rows of uneven mass), each at balances 0, 5e-5, 1e-3
and 0.1. Plain CP-SAT is the same model without prices: all cells, all unit steps. HiGHS and
Gurobi get the integer program with unit steps too. Times are wall seconds on one thread.

`python -m falcon_svc.bench.solver_bench [--quick] [--json FILE]` prints the table.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import multiprocessing
import resource
import statistics
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from solver import CannotLink, Constraint, Constraints, MustLink, Pin, RelationProblem, SizeBounds
from solver import solve as solve_relation
from solver.cp_sat import solve_restricted
from solver.program import compile_program
from solver.relaxation import Multipliers, relax
from solver.second_solver import second_opinion

SIZES = ((100, 20), (608, 34), (1_000, 100))
LARGE = (10_000, 1_000)
BALANCES = (0.0, 5e-5, 1e-3, 0.1)
ALL_CELLS = 2**61


@dataclass(frozen=True)
class Row:
    """One line of the table: seconds are medians and maxima over the instances."""

    size: str
    method: str
    instances: int
    optimal: int
    median_s: float
    worst_s: float
    peak_rss_mib: float | None = None


def run(json_path: Path | None, quick: bool) -> str:
    """Run the benchmark and return a Markdown table.

    Parameters
    ----------
    json_path : Path or None
        Where the rows are also written, as JSON.
    quick : bool
        Leave out the largest size and give the plain methods 5 s in place of 30 s.

    Returns
    -------
    str
        Markdown table, a line per size and method.
    """
    limit = 5.0 if quick else 30.0
    rows = [row for size in SIZES for row in _size_rows(size, limit)]
    rows += _constrained_rows()
    rows += _warm_rows()
    if not quick:
        rows += [_large_row(method) for method in ("min_cost_flow", "cp_sat")]
    if json_path is not None:
        json_path.write_text(json.dumps([asdict(row) for row in rows], indent=1))
    return _table(rows)


def affinity(kind: str, n_fine: int, n_coarse: int, seed: int) -> np.ndarray:
    """Return a random affinity, float (F, C): "initial" or "trained"."""
    rng = np.random.default_rng(seed)
    if kind == "initial":
        weights = np.exp(rng.standard_normal((n_fine, n_coarse)))
        return np.asarray(weights / weights.sum(axis=1, keepdims=True))
    planted = np.zeros((n_fine, n_coarse))
    planted[np.arange(n_fine), rng.integers(0, n_coarse, n_fine)] = 0.7
    planted += 0.3 * rng.dirichlet(np.full(n_coarse, 0.3), n_fine)
    return np.asarray(planted * rng.dirichlet(np.full(n_fine, 2.0))[:, None])


def instances(n_fine: int, n_coarse: int) -> Iterator[RelationProblem]:
    """Yield the eight instances of one size."""
    for kind in ("initial", "trained"):
        for seed, balance in enumerate(BALANCES):
            yield RelationProblem(affinity(kind, n_fine, n_coarse, seed), balance)


def constrained(kind: str, balance: float, seed: int) -> RelationProblem:
    """608 x 34 with 20 cannot-links, 10 must-links, 20 pins and bounds on every size."""
    rng = np.random.default_rng(seed)
    fine = rng.permutation(608).tolist()
    wishes: list[Constraint] = []
    wishes += [CannotLink(f"cannot{i}", fine[2 * i], fine[2 * i + 1]) for i in range(20)]
    wishes += [MustLink(f"must{i}", fine[40 + 2 * i], fine[41 + 2 * i]) for i in range(10)]
    wishes += [Pin(f"pin{i}", fine[60 + i], int(rng.integers(34))) for i in range(20)]
    wishes += [SizeBounds(f"size{k}", k, 9, 36) for k in range(34)]
    return RelationProblem(affinity(kind, 608, 34, seed), balance, Constraints(wishes))


def _size_rows(size: tuple[int, int], limit: float) -> Iterator[Row]:
    problems = list(instances(*size))
    methods: dict[str, Callable[[RelationProblem], bool]] = {
        "min_cost_flow": lambda p: solve_relation(p, method="min_cost_flow").status == "optimal",
        "cp_sat (here)": lambda p: solve_relation(p, method="cp_sat").status == "optimal",
        "CP-SAT plain": lambda p: _plain(p, limit),
        "HiGHS": lambda p: second_opinion(compile_program(p), limit) is not None,
    }
    if importlib.util.find_spec("gurobipy") is not None:
        methods["Gurobi"] = lambda p: _gurobi(p, limit)
    for name, method in methods.items():
        yield _measured(f"{size[0]} x {size[1]}", name, method, problems)


def _measured(
    size: str,
    name: str,
    method: Callable[[RelationProblem], bool],
    problems: list[RelationProblem],
) -> Row:
    seconds, optimal = [], 0
    for problem in problems:
        began = time.perf_counter()
        optimal += method(problem)
        seconds.append(time.perf_counter() - began)
    return Row(size, name, len(problems), optimal, statistics.median(seconds), max(seconds))


def _plain(problem: RelationProblem, limit: float) -> bool:
    """CP-SAT without prices: zero multipliers, every cell, no hint."""
    program = compile_program(problem)
    none = Multipliers(np.zeros(len(program.weight)), np.zeros(len(program.rows), dtype=np.int64))
    answer = solve_restricted(
        program,
        relax(program, none),
        slack=ALL_CELLS,
        hint=None,
        proven=None,
        time_limit_s=limit,
        deterministic=True,
    )
    return answer.status == "OPTIMAL"


def _gurobi(problem: RelationProblem, limit: float) -> bool:
    """The quadratic program as the paper's code states it; False where the licence refuses."""
    import gurobipy

    shape, even = problem.matrix.shape, problem.n_fine / problem.n_coarse
    try:
        with gurobipy.Env(params={"OutputFlag": 0}) as env, gurobipy.Model(env=env) as model:
            model.Params.TimeLimit, model.Params.Threads, model.Params.MIPGap = limit, 1, 0.0
            cells = model.addMVar(shape, vtype="B")
            sizes = model.addMVar(shape[1])
            model.addConstr(cells.sum(axis=1) == 1)
            model.addConstr(sizes == cells.sum(axis=0))
            model.addConstr(sizes >= 1)
            penalty = problem.balance * ((sizes @ sizes) / shape[1] - even**2)
            model.setObjective((problem.matrix * cells).sum() - penalty, gurobipy.GRB.MAXIMIZE)
            model.optimize()
            return bool(model.Status == gurobipy.GRB.OPTIMAL)
    except gurobipy.GurobiError:
        return False


def _constrained_rows() -> Iterator[Row]:
    problems = [
        constrained(kind, balance, seed)
        for kind in ("initial", "trained")
        for seed, balance in enumerate(BALANCES)
    ]
    yield _measured(
        "608 x 34, constrained",
        "cp_sat (here)",
        lambda p: solve_relation(p, method="cp_sat").status == "optimal",
        problems,
    )


def _warm_rows() -> Iterator[Row]:
    """Re-solve after a change of P by 1 % noise, from scratch and from the old solution."""
    changed = []
    for number, problem in enumerate(instances(608, 34)):
        noise = 1 + 0.01 * np.random.default_rng(number).standard_normal((608, 34))
        changed.append((problem, RelationProblem(problem.matrix * noise, problem.balance)))
    for method in ("min_cost_flow", "cp_sat"):
        starts = {id(new): solve_relation(old, method=method) for old, new in changed}
        news = [new for _, new in changed]
        yield _measured(
            "608 x 34, changed P",
            f"{method} cold",
            lambda p, m=method: solve_relation(p, method=m).status == "optimal",  # type: ignore[misc]
            news,
        )
        yield _measured(
            "608 x 34, changed P",
            f"{method} warm",
            lambda p, m=method, s=starts: (  # type: ignore[misc]
                solve_relation(p, method=m, start=s[id(p)]).status == "optimal"
            ),
            news,
        )


def _large_row(method: str) -> Row:
    """The largest size in a process of its own, so that its peak memory is its own."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        return pool.submit(_large, method).result()


def _large(method: str) -> Row:
    seconds, optimal = [], 0
    for problem in instances(*LARGE):
        began = time.perf_counter()
        optimal += solve_relation(problem, method=method, time_limit_s=60.0).status == "optimal"  # type: ignore[arg-type]
        seconds.append(time.perf_counter() - began)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    size = f"{LARGE[0]:,} x {LARGE[1]:,}"
    middle = statistics.median(seconds)
    return Row(size, method, len(seconds), optimal, middle, max(seconds), peak)


def _table(rows: list[Row]) -> str:
    lines = ["| F x C | method | optimal | median s | worst s | peak RSS MiB |", "|" + "---|" * 6]
    for row in rows:
        memory = "" if row.peak_rss_mib is None else f"{row.peak_rss_mib:.0f}"
        lines.append(
            f"| {row.size} | {row.method} | {row.optimal}/{row.instances} "
            f"| {row.median_s:.4f} | {row.worst_s:.4f} | {memory} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", type=Path, default=None)
    arguments = parser.parse_args()
    print(run(arguments.json, arguments.quick))
