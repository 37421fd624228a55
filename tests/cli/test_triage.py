"""`falcon resolve` and `falcon export` on a real result directory."""

from __future__ import annotations

import json

import pytest

from falcon_svc.cli.main import run
from falcon_svc.cli.triage import To
from falcon_svc.triage.exports import FORMATS
from tests.triage.reviews import write_result


@pytest.fixture
def result(tmp_path):
    write_result(tmp_path / "result")
    return tmp_path / "result"


def test_corrections_from_a_file_then_an_export_that_holds_them(result, tmp_path, capsys):
    wishes = tmp_path / "wishes.json"
    wishes.write_text(
        json.dumps(
            [
                {"kind": "rename", "class_id": "c0", "name": "jay"},
                {"kind": "merge", "class_ids": ["c1", "c4"]},
            ]
        )
    )
    arguments = ["resolve", str(result), "--corrections", str(wishes), "--author", "Ada"]
    assert run([*arguments, "--dry-run"]) == 0
    assert not (result / "review").exists()
    assert run(arguments) == 0
    assert "samples moved" in capsys.readouterr().out
    out = tmp_path / "review.csv"
    assert run(["export", str(result), "--to", "csv", "--out", str(out)]) == 0
    text = out.read_text()
    assert '"jay"' in text
    assert '"c4"' not in text


def test_a_contradiction_is_one_sentence(result, tmp_path, capsys):
    wishes = tmp_path / "wishes.json"
    wishes.write_text(
        json.dumps(
            [
                {"kind": "pin", "class_id": "c0", "coarse": "coarse 0"},
                {"kind": "forbid", "class_id": "c0", "coarse": "coarse 0"},
            ]
        )
    )
    assert run(["resolve", str(result), "--corrections", str(wishes), "--json"]) == 2
    told = json.loads(capsys.readouterr().out.splitlines()[-1])["error"]
    assert told["code"] == "contradiction"
    assert "'coarse 0 1' (c0) never hangs under 'coarse 0'" in told["message"]


@pytest.mark.parametrize(
    ("text", "told"),
    [("{", "JSON list"), ("{}", "put [ ]"), ('[{"kind": "x"}]', "Correction 1 is of the kind 'x'")],
)
def test_files_that_are_no_corrections(result, tmp_path, capsys, text, told):
    path = tmp_path / "x.json"
    path.write_text(text)
    assert run(["resolve", str(result), "--corrections", str(path)]) == 2
    assert told in capsys.readouterr().err


def test_every_format_has_its_name_on_the_command_line():
    assert {to.value for to in To} == set(FORMATS)
