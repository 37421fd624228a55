"""docs/benchmarks.md names every method and every flag."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from benchmarks.service import __main__ as service_bench
from falcon_svc.bench import noise, nulls, quality, scale, speed
from falcon_svc.bench.made_sets import KINDS, Made
from falcon_svc.bench.methods import METHODS
from falcon_svc.bench.small_sets import GROUPS, SKLEARN_SETS, PlantedSet

TEXT = (Path(__file__).parents[2] / "docs" / "benchmarks.md").read_text("utf-8")


def test_every_method_is_documented_in_order():
    assert re.findall(r"^\| `([a-z-]+)` \|.*\|.*\|$", TEXT, re.MULTILINE)[-len(METHODS) :] == list(
        METHODS
    )


@pytest.mark.parametrize("module", [quality, nulls, noise, speed, scale, service_bench])
def test_every_flag_is_documented(module, capsys):
    with pytest.raises(SystemExit):
        module.main(["--help"])
    flags = set(re.findall(r"--[a-z]+", capsys.readouterr().out)) - {"--help"}
    usage = re.search(rf"^{_command(module)} .*$", TEXT, re.MULTILINE)[0]
    assert all(f"[{flag}" in usage for flag in flags)


def _command(module) -> str:
    package, _, name = module.__name__.removesuffix(".__main__").rpartition(".")
    return f"python -m {package}.{name}" if package == "benchmarks" else f"falcon bench {name}"


def test_every_source_and_option_of_made_sets_is_documented():
    section = TEXT.partition("**Sets.**")[2].partition("**Methods**")[0]
    options = {*Made.model_fields, *PlantedSet.model_fields} - {"counts"}
    for word in (*options, *KINDS, *SKLEARN_SETS, *GROUPS):
        assert re.search(rf"`[^`]*\b{word}\b[^`]*`", section), word


def test_every_case_of_the_service_is_documented_in_order():
    section = TEXT.partition("## Service")[2].partition("--soak-s 600")[0]
    assert re.findall(r"^\| ([a-z_]+) \|", section, re.MULTILINE) == list(service_bench.CASES)
