"""`falcon bench NAME`: hands its arguments to one of the benchmarks of `falcon_svc.bench`."""

from __future__ import annotations

import runpy
import sys
from enum import StrEnum
from typing import Annotated

import typer


class Benchmark(StrEnum):
    """The benchmarks."""

    quality = "quality"
    nulls = "nulls"
    noise = "noise"
    speed = "speed"
    scale = "scale"
    encoder = "encoder"
    solver = "solver"
    hierarchy = "hierarchy"
    triage = "triage"


MODULES = {name: f"falcon_svc.bench.{name.value}" for name in Benchmark} | {
    Benchmark.encoder: "falcon_svc.bench.encoder_bench",
    Benchmark.solver: "falcon_svc.bench.solver_bench",
    Benchmark.hierarchy: "falcon_svc.bench.hierarchy_bench",
}
PASS_ON = {"allow_extra_args": True, "ignore_unknown_options": True}
Name = Annotated[Benchmark, typer.Argument(help="Name of the benchmark; its own flags follow.")]


def bench(context: typer.Context, name: Name) -> None:
    """Measure one of the benchmarks; `falcon bench NAME -- --help` lists its flags."""
    sys.argv = [f"falcon bench {name.value}", *context.args]
    runpy.run_module(MODULES[name], run_name="__main__", alter_sys=False)
