"""Rules that every source file keeps: no code from data, no truth in training, size, words."""

from __future__ import annotations

import ast
import tomllib

import pytest

from falcon_svc import __version__
from falcon_svc.data.shipped import FOLDER, demo_path, drawings_path
from falcon_svc.encoder_files import resolve
from falcon_svc.errors import ConfigError
from falcon_svc.settings import Settings
from tests.architecture.sources import ROOT, is_part, modules, within

TRUTH = {"EvalLabels", "load_truth"}
READERS_OF_TRUTH = ("metrics", "cli", "bench", "data", "types")
FORBIDDEN_CALLS = {"eval", "exec", "compile", "__import__"}
FORBIDDEN_MODULES = {"pickle", "cPickle", "dill", "joblib", "marshal", "shelve", "cloudpickle"}
READER_OF_USERS_WEIGHTS = "falcon_svc.encoder.backbones.weight_files"
MAX_LINES = 400

every_package = pytest.mark.parametrize("package", sorted({m.package for m in modules()}))


def identifiers(tree: ast.AST) -> set[str]:
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    names |= {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    aliases = [node for node in ast.walk(tree) if isinstance(node, ast.alias)]
    return names | {alias.name.split(".")[-1] for alias in aliases}


def test_fine_truth_reaches_metrics_and_edges_only():
    readers = tuple(f"falcon_svc.{name}" for name in READERS_OF_TRUTH)
    for module in modules():
        if not module.name.startswith(readers):
            assert not identifiers(module.tree) & TRUTH, module.name


def test_training_and_selection_never_see_the_truth():
    names = ("discovery", "core", "neighbors", "pipeline", "encoder")
    for module in within("solver", *(f"falcon_svc.{name}" for name in names)):
        assert not any(word in module.text for word in TRUTH), module.name


@every_package
def test_no_code_is_loaded_from_data(package):
    for module, call in _calls(package):
        called = ast.unparse(call.func)
        assert called not in FORBIDDEN_CALLS | {"torch.jit.load", "torch.hub.load"}, module.name
        assert called != "torch.load" or _reads_tensors_only(module, call), module.name
        for keyword in call.keywords:
            allowed = keyword.arg == "allow_pickle" and ast.unparse(keyword.value) == "False"
            assert keyword.arg != "allow_pickle" or allowed, module.name


@every_package
def test_no_module_that_unpickles_is_imported(package):
    for module in _of(package):
        roots = {name.split(".")[0] for name in module.imports()}
        assert not roots & FORBIDDEN_MODULES, module.name


def _of(package):
    return [module for module in modules() if module.package == package]


def _calls(package):
    for module in _of(package):
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Call):
                yield module, node


def _reads_tensors_only(module, call):
    safe = {keyword.arg: ast.unparse(keyword.value) for keyword in call.keywords}
    return module.name == READER_OF_USERS_WEIGHTS and safe.get("weights_only") == "True"


def test_users_weight_files_are_out_of_the_services_reach():
    """Only encoders open them, and jobs name encoders that the operator put into a folder."""
    users = {m.name for m in modules() if READER_OF_USERS_WEIGHTS in _roots(m.imports())}
    assert users
    assert all(is_part(user, "falcon_svc.encoder") for user in users)
    for name in ("timm:resnet18@w.pt", "torchvision:resnet18@/etc/w.pt", "moco:continue=w.pt"):
        with pytest.raises(ConfigError, match="Expected an encoder among"):
            resolve({"encoder": {"name": name, "allow_download": True}}, Settings())


def _roots(names):
    return {name.rpartition(".")[0] for name in names}


@every_package
def test_numpy_files_are_read_with_pickles_off(package):
    for module, call in _calls(package):
        if ast.unparse(call.func) == "np.load":
            assert "allow_pickle" in {keyword.arg for keyword in call.keywords}, module.name


@every_package
def test_a_file_says_what_it_is_for_and_is_short(package):
    for module in _of(package):
        assert ast.get_docstring(module.tree) or not module.text.strip(), module.name
        assert module.text.count("\n") <= MAX_LINES, module.name


def test_top_level_is_as_agreed():
    allowed = {
        "pyproject.toml", "falcon_svc", "solver", "tests", "docker", "README.md", "LICENSE",
        "CHANGELOG.md", "CONTRIBUTING.md", "Makefile", "mkdocs.yml", "docs", "slim",
        "benchmarks", "examples", "out", "build", "dist",
    }  # fmt: skip
    found = {path.name for path in ROOT.iterdir() if not path.name.startswith(".")}
    assert {name for name in found if not name.endswith(".egg-info")} <= allowed


def test_shipped_data_come_with_their_attribution_and_are_packaged():
    text = (FOLDER / "ATTRIBUTION.md").read_text("utf-8")
    words = ("CC BY 3.0", "Larson", "Copyright (c) 2015 Brenden Lake")
    assert all(word in text for word in words)
    files = {path.name for path in FOLDER.iterdir()} - {"ATTRIBUTION.md"}
    assert files == {demo_path().name, drawings_path().name}
    assert all(f"# {name}\n" in text for name in files)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    assert "data/shipped/*" in project["tool"]["setuptools"]["package-data"]["falcon_svc"]
    assert all((FOLDER / name).stat().st_size < 2**20 for name in files)


def test_the_changelog_knows_this_version():
    assert __version__ in (ROOT / "CHANGELOG.md").read_text("utf-8")


def test_the_makefile_takes_the_torch_that_the_project_asks_for():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    asked = {line for line in project["project"]["dependencies"] if line.startswith("torch")}
    makefile = (ROOT / "Makefile").read_text("utf-8")
    assert asked and all(f"'{line}'" in makefile for line in asked)
