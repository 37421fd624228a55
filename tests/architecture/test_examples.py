"""Every example of a docstring runs, and prints what it says.

Examples that read a result find the files `birds.npz` and `birds`, as those of the documents do.
"""

from __future__ import annotations

import doctest
import shutil
from importlib import import_module

import numpy as np
import pytest

import falcon_svc as falcon
from tests.architecture.sources import modules

WITH_EXAMPLES = [module for module in modules() if ">>> " in module.text]


@pytest.fixture(scope="module")
def birds(tmp_path_factory):
    """A folder with a data set of four fine classes in two coarse ones, and its result."""
    folder = tmp_path_factory.mktemp("birds")
    kind = np.arange(80) % 4
    x = np.random.default_rng(0).normal(size=(80, 4)) + 9 * np.eye(4)[kind]
    coarse = np.array(["bird", "fish"])[kind % 2]
    np.savez(folder / "birds.npz", x=x, coarse=coarse, fine=np.array(list("abcd"))[kind])
    falcon.discover(folder / "birds.npz", n_fine=4, out=folder / "birds")
    return folder


@pytest.mark.parametrize("module", WITH_EXAMPLES, ids=lambda m: m.name)
def test_the_examples_of_a_file(module, tmp_path, monkeypatch, request):
    folder = tmp_path / "here"
    if '"birds"' in module.text:
        shutil.copytree(request.getfixturevalue("birds"), folder)
    folder.mkdir(exist_ok=True)
    monkeypatch.chdir(folder)
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE)
    for test in doctest.DocTestFinder().find(import_module(module.name), module.name):
        runner.run(test, out=pytest.fail)
    assert runner.tries


def test_there_are_examples():
    assert len(WITH_EXAMPLES) > 20
