"""The package's door, what it imports, and its benchmark."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

import solver
from falcon_svc.bench import solver_bench
from solver import RelationProblem, solve, verify


def test_the_door_is_open_and_sorted():
    assert all(hasattr(solver, name) for name in solver.__all__)
    def place(name):  # constants, classes, functions, as ruff sorts them
        return not name.isupper(), not name[0].isupper(), name

    assert sorted(solver.__all__, key=place) == solver.__all__


def test_solving_loads_neither_scipy_nor_torch_nor_falcon_svc():
    code = (
        "import sys, numpy as np; from solver import *;"
        "w = Constraints([CannotLink('c', 0, 1)]);"
        "solve(RelationProblem(np.eye(4, 2), 0.1, w));"
        "print([m for m in ('scipy', 'torch', 'falcon_svc') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("kind", ["initial", "trained"])
@pytest.mark.parametrize("balance", solver_bench.BALANCES)
def test_medium_flows_are_optimal_and_proven_by_prices(kind, balance):
    problem = RelationProblem(solver_bench.affinity(kind, 300, 20, seed=1), balance)
    values = set()
    for method in ("min_cost_flow", "cp_sat"):
        solution = solve(problem, method=method)
        assert solution.status == "optimal"
        assert verify(problem, solution).bound_by == "prices"
        values.add(round(solution.objective, 9))
    assert len(values) == 1


def test_nearly_equal_columns_still_end():
    rng = np.random.default_rng(0)
    column = rng.random(8)
    affinity = column + 1e-6 * rng.standard_normal((200, 8))
    for balance in (0.0, 1e-3, 0.1):
        assert solve(RelationProblem(affinity, balance)).status == "optimal"


def test_constrained_benchmark_instance_closes():
    problem = solver_bench.constrained("trained", 0.1, seed=0)
    solution = solve(problem)
    assert solution.status == "optimal"


def test_bench_table_has_a_line_per_method(monkeypatch, tmp_path):
    monkeypatch.setattr(solver_bench, "SIZES", ((12, 3),))
    monkeypatch.setattr(solver_bench, "_constrained_rows", list)
    monkeypatch.setattr(solver_bench, "_warm_rows", list)
    table = solver_bench.run(tmp_path / "bench.json", quick=True)
    for method in ("min_cost_flow", "cp_sat (here)", "CP-SAT plain", "HiGHS"):
        assert f"| 12 x 3 | {method} | 8/8 |" in table
    assert (tmp_path / "bench.json").exists()
