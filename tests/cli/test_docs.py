"""The documents name every flag, every command and every setting, with its default."""

from __future__ import annotations

import json
import re
import tomllib

import pytest

from falcon_svc.cli.main import app
from falcon_svc.config import make_config
from falcon_svc.encoder_names import ENCODERS
from tests.cli.configuration_tables import tables
from tests.cli.conftest import ROOT, falcon

CONFIGURATION = (ROOT / "docs" / "configuration.md").read_text("utf-8")
CLI = (ROOT / "docs" / "cli.md").read_text("utf-8")
PAGE_OF_ENCODERS = (ROOT / "docs" / "encoders.md").read_text("utf-8")
CLIENT = (ROOT / "docs" / "client.md").read_text("utf-8")


@pytest.mark.parametrize(("section", "table"), tables().items())
def test_every_setting_is_documented_as_it_is(section, table):
    assert table in CONFIGURATION, f"run python -m tests.cli.configuration_tables ({section})"


def test_the_example_is_accepted():
    example = re.search(r"```toml\n(.*?)```", CONFIGURATION, re.DOTALL)
    assert make_config(tomllib.loads(example[1])).counts.n_fine == 40


def test_the_recipe_of_the_encoders_page_is_accepted():
    (recipe,) = re.findall(r"   ```toml\n(.*?)```", PAGE_OF_ENCODERS, re.DOTALL)
    settings = make_config(tomllib.loads(recipe.replace("\n   ", "\n")))
    assert (settings.encoder.moco.epochs, settings.joint.epochs) == (1000, 100)


def test_every_encoder_has_its_place_on_the_encoders_page():
    assert {name for name in ENCODERS if f"`{name}" not in PAGE_OF_ENCODERS} == set()


def test_the_example_of_counts_is_json():
    example = re.search(r"```json\n(.*?)```", CLI, re.DOTALL)
    assert json.loads(example[1]) == {"bird": 4, "fish": [2, 6]}


def commands(group=app, words=()):
    """The words of every command, those of groups among them."""
    found = [(*words, one.name or one.callback.__name__) for one in group.registered_commands]
    for part in group.registered_groups:
        found += commands(part.typer_instance, (*words, part.typer_instance.info.name))
    return found


@pytest.mark.parametrize("command", commands(), ids=" ".join)
def test_every_command_is_documented_with_its_flags(command):
    text = CLI + CLIENT
    assert f"`falcon {command[0]}" in text and command[-1] in text
    flags = set(re.findall(r"^  (--[a-z-]+)", falcon(*command, "--help").out, re.MULTILINE))
    assert {flag for flag in flags if flag not in text} <= {"--help"}
