"""The wheels as they are built, and the slim one installed beside its own packages only."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from importlib import metadata
from pathlib import Path

import pytest

from tests.api.running import Running
from tests.architecture.sources import ROOT
from tests.packaging.roles import brought_by

pytestmark = pytest.mark.slow
WHEELS = {"falcon_svc": ROOT, "falcon_svc_slim": ROOT / "slim"}


@pytest.fixture(scope="module")
def wheels(tmp_path_factory) -> dict[str, Path]:
    """Name -> wheel, built from the sources as they are, without a network."""
    pytest.importorskip("setuptools")
    folder = tmp_path_factory.mktemp("wheels")
    source = folder / "source"
    _copy_sources(source)
    for place in (source, source / "slim"):
        _pip("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", folder, place)
    return {name: next(folder.glob(f"{name}-*.whl")) for name in WHEELS}


def _copy_sources(to: Path) -> None:
    """What git has or would add: builds leave folders beside what they build."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    for name in filter(None, listed.split("\0")):
        source, copy = ROOT / name, to / name
        if source.is_file() and not name.startswith("tests/"):
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(source.read_bytes())


def _pip(*words: object) -> None:
    command = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*command, *map(str, words)], check=True, capture_output=True, text=True)


def names_in(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as opened:
        return {name for name in opened.namelist() if ".dist-info/" not in name}


def test_both_wheels_hold_the_same_program(wheels):
    whole, slim = (names_in(wheels[name]) for name in WHEELS)
    assert whole == slim
    assert {"falcon_svc/client/client.py", "solver/problem.py"} <= whole
    assert {name.split("/")[0] for name in whole} == {"falcon_svc", "solver"}
    assert not any("/bench/load/" in name for name in whole)


@pytest.fixture(scope="module")
def installed(wheels, tmp_path_factory) -> Path:
    """A folder with the slim wheel, and links to what its requirements bring: the whole path."""
    folder = tmp_path_factory.mktemp("installed")
    _pip("install", "--no-deps", "--no-index", "--target", folder, wheels["falcon_svc_slim"])
    for name in brought_by():
        for file in metadata.files(name) or ():
            top = file.parts[0]
            if top != ".." and not (folder / top).exists():
                (folder / top).symlink_to(Path(str(metadata.distribution(name).locate_file(top))))
    return folder


def run_in(folder: Path, code: str) -> subprocess.CompletedProcess[str]:
    """Run a program with the standard library and this folder, and nothing else."""
    path = f"import sys; sys.path.append({str(folder)!r})\n"
    return subprocess.run(
        [sys.executable, "-I", "-S", "-c", path + code],
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_the_client_talks_to_a_service_without_torch(installed, tmp_path):
    service = Running(tmp_path / "data", "--no-worker")
    try:
        code = (
            "from falcon_svc.client import Falcon\n"
            f"with Falcon({service.url!r}) as falcon:\n"
            "    print(falcon.capabilities()['version'], list(falcon.jobs()))\n"
            "from importlib.util import find_spec\n"
            "print(find_spec('torch'), find_spec('numpy'))\n"
            "from falcon_svc.cli.main import run\n"
            f"print(run(['remote', 'jobs', '--url', {service.url!r}]))\n"
        )
        done = run_in(installed, code)
    finally:
        service.stop()
    assert done.returncode == 0, done.stderr
    assert done.stdout.split("\n")[1:3] == ["None None", "0"]


def test_what_needs_more_says_what_to_install(installed):
    done = run_in(installed, "from falcon_svc.cli.main import run\nprint(run(['verify', '.']))")
    assert done.stdout == "2\n"
    assert "falcon-svc-slim" in done.stderr and "./slim[train]" in done.stderr
