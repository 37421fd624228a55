"""falcon-svc-slim: the roles are parts of the whole, and each works with its own packages only."""

from __future__ import annotations

import ast
import subprocess
import sys

import numpy as np
import pytest
from packaging.requirements import Requirement

from falcon_svc import __version__
from falcon_svc.cli import lacking as told
from falcon_svc.cli.main import run
from falcon_svc.errors import ConfigError
from tests.architecture.sources import ROOT, modules
from tests.docker.files import project
from tests.packaging.roles import environment_of, lacking_in, lines_of, slim

ROLES = ("client", "serve", "train")
each_role = pytest.mark.parametrize("role", ROLES)


def requirements(lines: list[str]) -> dict[str, str]:
    """Package, with extras, -> its versions."""
    found = [Requirement(line) for line in lines]
    return {f"{one.name}{sorted(one.extras)}": str(one.specifier) for one in found}


def test_all_roles_together_are_the_whole():
    whole = requirements(project()["project"]["dependencies"])
    assert requirements(lines_of(*ROLES)) == whole
    assert slim()["project"]["optional-dependencies"]["all"] == [
        f"falcon-svc-slim[{','.join(ROLES)}]"
    ]


def test_slim_is_the_same_program():
    ours, whole = slim(), project()
    assert ours["project"]["version"] == whole["project"]["version"] == __version__
    for name in ("requires-python", "license", "scripts"):
        assert ours["project"][name] == whole["project"][name]
    for name in ("postgres", "ray"):
        extras = whole["project"]["optional-dependencies"]
        assert ours["project"]["optional-dependencies"][name] == extras[name]
    packaged = [one["tool"]["setuptools"] for one in (ours, whole)]
    assert packaged[0]["package-data"] == packaged[1]["package-data"]
    assert packaged[0]["packages"]["find"]["include"] == packaged[1]["packages"]["find"]["include"]


def test_only_train_brings_torch():
    assert "torch" not in lacking_in("train")
    for role in ("client", "serve"):
        assert {"torch", "torchvision", "ortools", "sklearn", "matplotlib"} <= lacking_in(role)
    assert {"fastapi", "sqlalchemy", "uvicorn"} <= lacking_in("train") & lacking_in("client")
    assert {"numpy", "pyarrow"} <= lacking_in()


def without(extras: tuple[str, ...], *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *words],
        cwd=ROOT, env=environment_of(*extras), capture_output=True, text=True, check=False,
    )  # fmt: skip


NOBODY = ("--url", "http://127.0.0.1:9")


@pytest.mark.parametrize("extras", [(), *((role,) for role in ROLES)])
def test_every_role_has_the_client_and_the_help(extras):
    code = "from falcon_svc.client import Falcon; Falcon().close()"
    assert without(extras, "-c", code).returncode == 0
    shown = without(extras, "-m", "falcon_svc.cli.main", "--help")
    assert shown.returncode == 0, shown.stderr
    assert "remote" in shown.stdout


def test_the_client_reads_every_file_of_vectors(tmp_path):
    """Files are read before the service is asked: who finds nobody has read them."""
    x, coarse = np.ones((4, 3)), np.array(list("aabb"))
    np.savez(tmp_path / "a.npz", x=x, coarse=coarse)
    np.save(tmp_path / "b.npy", x)
    (tmp_path / "b.csv").write_text("coarse\na\na\nb\nb\n")
    (tmp_path / "c.csv").write_text("coarse,u,v\na,1,2\nb,2,1\n")
    code = (
        "import sys; from falcon_svc.data import load_new_samples\n"
        "from falcon_svc.types import Reading\n"
        "for path in sys.argv[1:]: print(len(load_new_samples(path, None, Reading(), {})))"
    )
    files = [str(tmp_path / name) for name in ("a.npz", "b.npy", "c.csv")]
    done = without(("client",), "-c", code, *files)
    assert done.stdout.split() == ["4", "4", "2"], done.stderr


def test_the_estimator_and_the_pipeline_need_no_web_framework():
    code = "import falcon_svc.estimator, falcon_svc.front, falcon_svc.pipeline.discover"
    done = without(("train",), "-c", code)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_train_discovers(tmp_path):
    x = np.random.default_rng(0).normal(size=(40, 4)) + np.repeat(np.eye(4) * 9, 10, axis=0)
    np.savez(tmp_path / "a.npz", x=x, coarse=np.repeat(["a", "b"], 20))
    words = ("discover", str(tmp_path / "a.npz"), "--out", str(tmp_path / "out"), "--n-fine", "4")
    done = without(("train",), "-m", "falcon_svc.cli.main", *words)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out" / "report.html").is_file()


@pytest.fixture
def slim_installed(monkeypatch):
    monkeypatch.setattr(told, "_is_slim", lambda: True)


def missing(name: str) -> ModuleNotFoundError:
    return ModuleNotFoundError(f"No module named {name!r}", name=name)


def test_a_package_that_a_role_lacks_is_a_sentence(slim_installed, monkeypatch, capsys):
    def fail(*_, **__):
        raise missing("torch.nn")

    monkeypatch.setattr("falcon_svc.cli.main.app", fail)
    assert run(["discover"]) == 2
    error = capsys.readouterr().err
    assert "'torch'" in error and "./slim[train]" in error


def test_a_module_of_ours_that_is_missing_stays_a_traceback(slim_installed):
    assert told.lacking(missing("falcon_svc.nonsense")) is None


def test_a_whole_installation_lacks_nothing(monkeypatch):
    monkeypatch.setattr(told, "_is_slim", lambda: False)
    assert told.lacking(missing("torch")) is None


def test_a_worker_without_torch_is_refused_before_it_starts(monkeypatch):
    from falcon_svc.cli import serve
    from falcon_svc.settings import Settings

    monkeypatch.setattr(serve.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match="--no-worker"):
        serve.check_can_work(Settings())
    serve.check_can_work(Settings(engine="ray", ray_address="http://127.0.0.1:9"))


def test_every_extra_that_an_error_names_exists():
    calls = [
        call for module in modules() for call in ast.walk(module.tree)
        if isinstance(call, ast.Call) and ast.unparse(call.func) == "MissingExtraError"
    ]  # fmt: skip
    given = [keyword.value for call in calls for keyword in call.keywords if keyword.arg == "extra"]
    named = {value.value for value in given if isinstance(value, ast.Constant)}
    assert len(named) > 5
    assert named <= set(project()["project"]["optional-dependencies"])
