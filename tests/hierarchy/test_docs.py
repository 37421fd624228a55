"""The pages on hierarchies say what the program says."""

from __future__ import annotations

import doctest
import re
from importlib import import_module

import pytest

from falcon_svc.hierarchy.losses import LOSSES
from tests.architecture.sources import ROOT

PAGE = (ROOT / "docs" / "hierarchies.md").read_text("utf-8")
CLASSIFIERS = (ROOT / "docs" / "hierarchical-classifiers.md").read_text("utf-8")


def run(text, where, names):
    test = doctest.DocTestParser().get_doctest(text, dict(names), where, where, 0)
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE)
    runner.run(test, out=pytest.fail)


def test_the_examples_of_the_page():
    run(PAGE, "docs/hierarchies.md", {})


def test_the_page_on_classifiers():
    run(CLASSIFIERS, "docs/hierarchical-classifiers.md", {})
    assert set(LOSSES) <= set(re.findall(r"`(\w+)`", CLASSIFIERS))


def test_the_tutorial():
    page = ROOT / "docs" / "hierarchies-tutorial.md"
    run(page.read_text("utf-8"), "docs/hierarchies-tutorial.md", {})


def test_the_door_opens_when_asked():
    door = import_module("falcon_svc.hierarchy")
    assert all(getattr(door, name) for name in door.__all__)
    with pytest.raises(AttributeError, match="no attribute 'none'"):
        door.none  # noqa: B018


@pytest.mark.parametrize("wing", ["metrics", "inference"])
def test_every_name_of_the_doors_is_on_the_page_or_a_type(wing):
    door = import_module(f"falcon_svc.hierarchy.{wing}")
    named = set(re.findall(r"`(\w+)`", PAGE))
    types = {"Form", "HierarchicalScores", "OperatingCurve", "Reliability", "RiskCoverage"}
    assert set(door.__all__) - types - {"ABSTAINED", "set_coverage_score"} <= named
