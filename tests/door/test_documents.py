"""The Python of README and docs/python.md runs as it stands, on data that are made here."""

from __future__ import annotations

import re

import numpy as np
import pytest

from tests.architecture.sources import ROOT
from tests.door.planted import COARSE, FINE, vectors

DOCUMENTS = ("README.md", "docs/python.md")


def blocks(name):
    text = (ROOT / name).read_text("utf-8")
    return re.findall(r"^```python\n(.*?)^```$", text, re.M | re.S)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_the_python_of_a_document_runs_from_top_to_bottom(name, tmp_path, monkeypatch):
    pytest.importorskip("pandas")
    pytest.importorskip("matplotlib").use("agg")
    monkeypatch.chdir(tmp_path)
    x = vectors(dims=4)
    np.savez("birds.npz", x=x, coarse=COARSE, fine=FINE)
    names = {"X": x, "coarse": COARSE}
    assert blocks(name)
    for block in blocks(name):
        exec(compile(block, name, "exec"), names)
    from matplotlib import pyplot

    pyplot.close("all")
