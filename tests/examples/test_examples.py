"""Every example runs as it stands, finds what was planted, and is listed where a reader looks."""

from __future__ import annotations

import ast
import contextlib
import io
import re
import runpy
import sys
import warnings

import pytest

from tests.api.running import Running
from tests.architecture.sources import ROOT

FOLDER = ROOT / "examples"
SCRIPTS = sorted(path.name for path in FOLDER.glob("*.py"))


def run(name: str, folder, **environment: str) -> str:
    """Run a script as the main one, in this process, which has loaded what it imports."""
    printed = io.StringIO()
    with (
        pytest.MonkeyPatch.context() as here,
        warnings.catch_warnings(),
        contextlib.redirect_stdout(printed),
    ):
        here.chdir(folder)
        for variable, value in environment.items():
            here.setenv(variable, value)
        here.setattr(sys, "argv", [str(FOLDER / name)])
        warnings.simplefilter("ignore")
        runpy.run_path(str(FOLDER / name), run_name="__main__")
    return printed.getvalue()


def test_every_example_is_listed_and_says_what_it_shows():
    table = (FOLDER / "README.md").read_text("utf-8")
    listed = re.findall(r"^\| \[([\w.]+)\]", table, re.MULTILINE)
    assert sorted(listed) == SCRIPTS
    for name in SCRIPTS:
        text = (FOLDER / name).read_text("utf-8")
        assert ast.get_docstring(ast.parse(text)) and text.count("\n") < 60
    assert "(examples/README.md)" in (ROOT / "README.md").read_text("utf-8")


@pytest.mark.slow
def test_arrays(tmp_path):
    agreement = [float(value) for value in re.findall(r"ARI ([\d.]+)", run("arrays.py", tmp_path))]
    assert len(agreement) == 3 and min(agreement) > 0.5


@pytest.mark.slow
def test_dataframe(tmp_path):
    pytest.importorskip("pandas")
    printed = run("dataframe.py", tmp_path)
    assert printed.count("most likely 3") == 2
    assert "used: wing, tail, bill, mass" in printed
    assert "notes: " in printed  # the column that is no feature, and why


@pytest.mark.slow
def test_images(tmp_path):
    assert "look at drawings/report.html" in run("images.py", tmp_path)
    assert (tmp_path / "drawings" / "report.html").stat().st_size > 10_000


@pytest.mark.slow
def test_single_cell(tmp_path):
    pytest.importorskip("anndata")
    rows = re.findall(r"^\S.*?((?:\s+\d+){4})$", run("single_cell.py", tmp_path), re.MULTILINE)
    table = [sorted(map(int, row.split())) for row in rows]
    assert table[-4:] == [[0, 0, 0, 100]] * 4


@pytest.mark.slow
def test_service(tmp_path):
    service = Running(tmp_path / "data")
    try:
        printed = run("service.py", tmp_path, FALCON_URL=service.url)
    finally:
        service.stop()
    assert len(re.findall(r"^\d (?:songbird|wader) \d+ samples$", printed, re.MULTILINE)) == 6
    assert (tmp_path / "birds.html").is_file()
