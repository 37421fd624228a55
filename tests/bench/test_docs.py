"""docs/benchmarks.md names every method and every flag."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from falcon_svc.bench import quality, scale, speed
from falcon_svc.bench.methods import METHODS

TEXT = (Path(__file__).parents[2] / "docs" / "benchmarks.md").read_text("utf-8")


def test_every_method_is_documented_in_order():
    assert re.findall(r"^\| `([a-z-]+)` \|.*\|.*\|$", TEXT, re.MULTILINE)[-len(METHODS) :] == list(
        METHODS
    )


@pytest.mark.parametrize("module", [quality, speed, scale])
def test_every_flag_is_documented(module, capsys):
    with pytest.raises(SystemExit):
        module.main(["--help"])
    flags = set(re.findall(r"--[a-z]+", capsys.readouterr().out)) - {"--help"}
    name = module.__name__.rpartition(".")[2]
    usage = re.search(rf"^falcon bench {name} .*$", TEXT, re.MULTILINE)[0]
    assert all(f"[{flag}" in usage for flag in flags)
