"""Who may import what: dependencies point downwards, heavy ones stay where they belong."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.architecture.sources import ROOT, is_part, modules, within

OWN = ("falcon_svc", "solver", "benchmarks")
OPEN_TO_ALL = {
    "falcon_svc",
    "falcon_svc.types",
    "falcon_svc.columns",
    "falcon_svc.setting_tables",
    "falcon_svc.count_recipe",
    "falcon_svc.encoder_names",
    "falcon_svc.durable.files",
    "falcon_svc.errors",
    "falcon_svc.late",
    "falcon_svc.progress",
    "falcon_svc.wrong_fields",
}
COMPUTE = ("core", "discovery", "encoder", "joint", "neighbors", "solver")
# Package -> what it may import of ours, besides itself and what is open to all.
BELOW = {
    "durable": (),
    "core": (),
    "data": (),
    "neighbors": ("core", "threads"),
    "checkpoint": (),
    "encoder": ("checkpoint", "core", "data", "config", "neighbors"),
    "result": ("durable", "solver"),
    "threads": (),
    "discovery": ("checkpoint", "core", "solver", "neighbors", "result.record", "threads"),
    "metrics": ("result",),
    "report": ("hierarchy", "result"),
    "hierarchy": (
        *("checkpoint", "core", "data.formats.npy_format", "data.refusal", "data.spelling"),
        "result.words",
    ),
    "supervised": (
        *("checkpoint", "config", "data", "durable", "encoder", "hierarchy", "joint", "result"),
    ),
    "config": (
        *("data.config", "encoder.config", "joint.config"),
        *("discovery.counts.config", "discovery.labels.config", "discovery.training.config"),
        "discovery.training.relation_config",
    ),
    "naming": (),
    "joint": ("checkpoint", "core", "discovery", "encoder", "neighbors"),
    "pipeline": (
        *(*COMPUTE, "checkpoint", "config", "data", "durable", "naming", "report", "result"),
        "threads",
    ),
    "worker": (
        *(*COMPUTE, "config", "data", "encoder_files", "engines", "pipeline", "result"),
        *("settings", "storage", "supervised", "checkpoint", "hierarchy", "report"),
    ),
    "triage": (*("core", "data", "discovery", "durable", "neighbors", "solver", "result"),),
    "review": ("data", "result", "triage"),
    "settings": (),
    "encoder_files": ("settings",),
    "storage": (),
    "engines": ("settings",),
    "service": (
        *("config", "data", "discovery.counts.config", "engines", "encoder_files", "hierarchy"),
        "encoder.config",
        *("pipeline.wishes", "result", "review", "settings", "storage", "supervised.config"),
        *("supervised.measure_config", "worker.failures"),
    ),
    "client": (),
    "api": (
        *("config", "data.config", "result.surety", "review", "service", "settings", "storage"),
        *("supervised.config", "supervised.measure_config"),
    ),
    "keywords": ("config", "data.spelling"),
    "front": ("config", "data", "keywords", "pipeline", "result", "triage"),
    "estimator": ("config", "data", "keywords", "pipeline", "result"),
    "bench": (
        *(*COMPUTE, "config", "data", "hierarchy", "metrics", "pipeline", "report", "result"),
        *("durable", "supervised", "triage"),
    ),
    "cli": (
        *("api", "bench", "client", "config", "data", "durable", "encoder", "metrics", "pipeline"),
        *("hierarchy", "report", "result", "review", "service", "settings", "supervised"),
        "triage",
    ),
}
HEAVY = {"torch", "faiss", "ortools", "matplotlib", "pyarrow", "sklearn", "scipy", "numpy", "rich"}


def ours(names: set[str]) -> set[str]:
    return {name for name in names if name.split(".")[0] in OWN}


@pytest.mark.parametrize("package", BELOW)
def test_imports_point_downwards(package):
    allowed = {f"falcon_svc.{package}", *(_full(name) for name in BELOW[package])}
    for module in within(f"falcon_svc.{package}"):
        for name in ours(module.imports()):
            version = name == "falcon_svc.__version__"
            shared = any(is_part(name, part) for part in OPEN_TO_ALL - {"falcon_svc"})
            assert version or shared or any(is_part(name, part) for part in allowed), (
                f"{module.name} imports {name}"
            )


def _full(name: str) -> str:
    return name if name == "solver" else f"falcon_svc.{name}"


def test_every_package_has_its_rule():
    known = {f"falcon_svc.{name}" for name in BELOW} | OPEN_TO_ALL | {"falcon_svc.py"}
    assert {module.package for module in within("falcon_svc")} <= known


def test_benchmarks_of_a_clone_are_out_of_the_wheel():
    for module in within("falcon_svc", "solver"):
        assert not any(is_part(name, "benchmarks") for name in module.imports()), module.name


def test_the_solver_needs_numpy_and_ortools_only():
    allowed = {"solver", "numpy", "ortools", *sys.stdlib_module_names}
    for module in within("solver"):
        roots = {name.split(".")[0] for name in module.imports()}
        late = {name.split(".")[0] for name in module.imports(at_import_time=True)}
        assert roots <= allowed | {"scipy"}, module.name
        assert late <= allowed, f"{module.name} imports scipy at import time"


@pytest.mark.parametrize(
    ("library", "home"),
    [
        ("faiss", "falcon_svc.neighbors"),
        ("ortools", "solver"),
        ("sqlalchemy", "falcon_svc.storage"),
        ("fastapi", "falcon_svc.api"),
        ("ray", "falcon_svc.engines.ray"),
    ],
)
def test_a_library_has_one_home(library, home):
    users = {m.name for m in modules() if any(is_part(name, library) for name in m.imports())}
    assert users
    assert all(is_part(user, home) for user in users)


def modules_loaded_by(statement: str) -> set[str]:
    """Top-level modules that are loaded after `statement` in a fresh interpreter."""
    code = f"{statement}\nimport sys; print(*{{name.split('.')[0] for name in sys.modules}})"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return set(done.stdout.splitlines()[-1].split())


def test_data_hierarchy_metrics_and_report_load_no_torch():
    packages = [f"falcon_svc.{name}" for name in ("data", "hierarchy", "metrics", "report")]
    trained = [f"falcon_svc.hierarchy.{name}" for name in ("advice", "classifier", "losses")]
    names = [m.name for m in within(*packages) if not any(is_part(m.name, p) for p in trained)]
    loaded = modules_loaded_by("import " + ", ".join([*names, "falcon_svc.encoder"]))
    assert not loaded & {"torch", "faiss", "ortools"}


def test_the_help_page_loads_nothing_heavy():
    statement = "from falcon_svc.cli.main import run; assert run(['discover', '--help']) == 0"
    assert not modules_loaded_by(statement) & HEAVY


def test_the_control_plane_loads_no_torch():
    packages = [f"falcon_svc.{name}" for name in ("storage", "engines", "service", "api")]
    names = [m.name for m in within(*packages) if "migrations." not in m.name]
    loaded = modules_loaded_by("import " + ", ".join(names))
    assert not loaded & {"torch", "faiss", "ortools", "ray"}


def test_discover_loads_no_torchvision():
    """It takes as long as all the rest, and every attempt at a job would pay for it."""
    assert "torchvision" not in modules_loaded_by("import falcon_svc.pipeline.discover")


def test_validate_loads_no_torch(tmp_path):
    statement = (
        "from falcon_svc.cli.main import run\nfrom falcon_svc.data.shipped import demo_path\n"
        "assert run(['validate', str(demo_path())]) == 0"
    )
    assert "torch" not in modules_loaded_by(statement)


@pytest.mark.parametrize(
    ("module", "absent"),
    [("worker.predict", {"sqlalchemy", "alembic", "fsspec"}), ("worker.main", {"alembic"})],
)
def test_a_process_of_one_request_or_job_loads_no_more_of_the_record_than_it_needs(module, absent):
    assert not modules_loaded_by(f"import falcon_svc.{module}") & absent
