"""Every example of a docstring runs, and prints what it says."""

from __future__ import annotations

import doctest
from importlib import import_module

import pytest

from tests.architecture.sources import modules

WITH_EXAMPLES = [module for module in modules() if ">>> " in module.text]


@pytest.mark.parametrize("module", WITH_EXAMPLES, ids=lambda m: m.name)
def test_the_examples_of_a_file(module, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE)
    for test in doctest.DocTestFinder().find(import_module(module.name), module.name):
        runner.run(test, out=pytest.fail)
    assert runner.tries


def test_there_are_examples():
    assert len(WITH_EXAMPLES) > 20
