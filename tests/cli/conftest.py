"""Runs the command line in this process, or in its own where it is killed."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from falcon_svc.cli.main import run
from falcon_svc.data.shipped import demo_path

ROOT = Path(__file__).parents[2]
COARSE = ("banking", "travel", "work")


@dataclass(frozen=True)
class Outcome:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


def falcon(*arguments: object) -> Outcome:
    """Run one command here."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = run([str(argument) for argument in arguments])
    return Outcome(code, out.getvalue(), err.getvalue())


def start_falcon(*arguments: object) -> subprocess.Popen[str]:
    """Start one command in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "falcon_svc.cli.main", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        text=True,
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


def subset(path: Path, coarse: tuple[str, ...] = COARSE, per_fine: int = 20, n: int = 3) -> Path:
    """Save real requests: `n` intents of each of these domains, `per_fine` of each."""
    with np.load(demo_path(), allow_pickle=False) as data:
        arrays = {name: data[name] for name in data.files}
    names, rows = arrays["coarse_names"][arrays["coarse"]], []
    for name in coarse:
        inside = np.flatnonzero(names == name)
        for fine in np.unique(arrays["fine"][inside])[:n]:
            rows += np.flatnonzero(arrays["fine"] == fine)[:per_fine].tolist()
    np.savez(
        path,
        x=arrays["x"][rows].astype(np.float32),
        coarse=names[rows],
        fine=arrays["fine"][rows],
        text=arrays["text"][rows],
    )
    return path


@pytest.fixture(scope="session")
def requests(tmp_path_factory) -> Path:
    """180 real requests in 3 domains and 9 intents."""
    return subset(tmp_path_factory.mktemp("data") / "requests.npz")


@pytest.fixture(scope="session")
def result(requests, tmp_path_factory) -> Path:
    """The result directory of one discovery in `requests`."""
    out = tmp_path_factory.mktemp("result") / "found"
    done = falcon("discover", requests, "--out", out, "--n-fine", 9, "--quiet")
    assert (done.code, done.out, done.err) == (0, "", "")
    return out


Rewrite = Callable[[dict[str, Any]], None]


@pytest.fixture
def rewritten(requests, tmp_path) -> Callable[[Rewrite], Path]:
    """Return a function that saves `requests` with changed arrays."""

    def save(change: Rewrite) -> Path:
        with np.load(requests, allow_pickle=False) as data:
            arrays = {name: data[name] for name in data.files}
        change(arrays)
        path = tmp_path / "changed.npz"
        np.savez(path, **arrays)
        return path

    return save
