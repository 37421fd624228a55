"""What runs without Unix: everything but the service, its worker and the benchmarks.

The core runs in a process from which the modules and functions are taken away that Windows lacks.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.architecture.sources import ROOT, is_part, modules

UNIX_ONLY = {"fcntl", "resource", "pwd", "grp", "termios", "tty", "pty", "syslog", "posix"}
UNIX_HOMES = ("falcon_svc.service", "falcon_svc.worker", "falcon_svc.bench")
HIDE = f"""
import os, signal, sys
for name in {sorted(UNIX_ONLY - {"posix"})!r}:
    sys.modules[name] = None
for name in ("fork", "setsid", "killpg", "getpgid", "setpriority", "getuid", "posix_fallocate"):
    delattr(os, name)
for name in ("SIGKILL", "SIGHUP", "SIGCHLD", "SIGXCPU"):
    delattr(signal, name)
"""
COMMANDS = """
import json
from falcon_svc.cli.main import run
sys.exit(next((code for command in json.loads(sys.argv[1]) if (code := run(command))), 0))
"""


def on_windows(*commands: list[object]) -> subprocess.CompletedProcess[str]:
    """Run commands, up to the first that fails, where Unix's modules are not there."""
    texts = json.dumps([[str(part) for part in command] for command in commands])
    return subprocess.run(
        [sys.executable, "-c", HIDE + COMMANDS, texts],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )


def test_modules_of_unix_are_loaded_by_the_service_only_and_late_elsewhere():
    users = set()
    for module in modules():
        if not any(is_part(module.name, home) for home in UNIX_HOMES):
            roots = {name.split(".")[0] for name in module.imports(at_import_time=True)}
            users |= {module.name} if roots & UNIX_ONLY else set()
    assert users == set()


@pytest.mark.slow
def test_the_core_works(tmp_path: Path):
    rng = np.random.default_rng(0)
    fine = np.arange(80) % 4
    x = (4 * rng.normal(size=(4, 5))[fine] + rng.normal(size=(80, 5))).astype(np.float32)
    data, out = tmp_path / "data.npz", tmp_path / "out"
    np.savez(data, x=x, coarse=np.array(["a", "a", "b", "b"])[fine], fine=fine)
    (tmp_path / "s.toml").write_text("[train]\nepochs = 1\n")
    discover = ["discover", data, "--out", out, "--n-fine", 4, "--config", tmp_path / "s.toml"]
    done = on_windows(
        [*discover, "--quiet"],
        [*discover, "--quiet"],  # it replaces the earlier result
        ["predict", out, data, "--out", tmp_path / "p.csv", "--add-to", tmp_path / "copy.npz"],
        ["validate", data],
        ["evaluate", out, "--truth", data],
    )
    assert done.returncode == 0, done.stderr
    assert "samples assigned" in done.stdout and '"acc": 1.0' in done.stdout
    assert '"peak_rss_bytes": 0' in (out / "discovery.json").read_text()


@pytest.mark.parametrize(
    "command", [["serve"], ["worker"], ["keys", "list"], ["doctor"]], ids=lambda c: c[0]
)
def test_the_service_is_refused_in_one_sentence(command, tmp_path: Path):
    done = on_windows([*command, "--data-dir", tmp_path])
    assert done.returncode == 2
    assert done.stderr.startswith("error: Expected Linux or macOS for the service")
    assert done.stderr.count("\n") == 1 and not list(tmp_path.iterdir())
    assert on_windows([*command, "--help"]).returncode == 0


@pytest.mark.parametrize("door", ["falcon_svc", "falcon_svc.client", "falcon_svc.cli.main"])
def test_the_doors_open(door):
    done = subprocess.run([sys.executable, "-c", f"{HIDE}\nimport {door}"], cwd=ROOT, check=False)
    assert done.returncode == 0
