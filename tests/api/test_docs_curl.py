"""Every curl line of the documents is run; what they show is what the service answers."""

from __future__ import annotations

import base64
import json
import re
import time

import numpy as np
import pytest

from falcon_svc.api.problems import STATUS
from falcon_svc.service.datasets import OPTIONS
from falcon_svc.service.webhooks import signature
from tests.api.curl_blocks import blocks_of, misses, needs_curl, run
from tests.api.running import planted
from tests.architecture.sources import ROOT, within

API = (ROOT / "docs" / "api.md").read_text("utf-8")
SETTINGS = ("bad_config", "bad_encoder", "infeasible_constraints", "bad_input")
UNNAMED = {"internal": 500, "storage": 507, "storage_full": 507, **dict.fromkeys(SETTINGS, 422)}
"""Codes of errors whose kind tells the status."""


@pytest.fixture
def folder(tmp_path):
    """Where a reader stands: with birds.npz."""
    x, coarse = planted(n=240, dims=4)
    np.savez(tmp_path / "birds.npz", x=x, coarse=np.array(["land", "water"])[coarse])
    return tmp_path


@needs_curl
def test_the_lines_of_the_front_page_run(service, folder):
    answers = run(blocks_of("README.md"), service, folder)
    assert answers[-1].partition('{"items":')[2].count('"state":') >= 2
    found = json.loads((folder / "birds.json").read_text())
    assert len(found["classes"]) == 6 and len(found["assignments"]) == 240
    assert (folder / "birds.csv").read_text().count("\n") == 241
    for name in ("birds.graphml", "birds.html"):
        assert (folder / name).stat().st_size > 1000


@needs_curl
@pytest.mark.slow
def test_the_lines_of_the_guide_run_and_answer_as_shown(service, folder):
    blocks = blocks_of("docs/api.md")
    for block, answer in zip(blocks, run(blocks, service, folder), strict=True):
        if block.shown is not None:
            assert misses(json.loads(block.shown), json.loads(answer)) == [], block.lines


def test_the_guide_lists_every_problem_with_its_status():
    rows = re.findall(r"^\| (\d{3}) \| ([^|]+) \|", API, re.M)
    listed = {code: int(status) for status, codes in rows for code in re.findall(r"`(\w+)`", codes)}
    assert listed == {**STATUS, **UNNAMED}


def test_every_refusal_has_its_status():
    """A code that no table knows would be answered with 400."""
    raised = set()
    for module in within("falcon_svc.api", "falcon_svc.service"):
        raised |= set(re.findall(r'RequestError\([^()]*?code="(\w+)"', module.text, re.S))
    assert raised >= {"expired", "too_large", "not_finished"}
    assert raised <= set(STATUS)


def test_every_code_is_explained_somewhere():
    """A code is for programs, whose authors must find what it means."""
    pages = ("api.md", "input-formats.md", "operations.md", "cli.md")
    text = "".join((ROOT / "docs" / name).read_text("utf-8") for name in pages)
    sources = "".join(module.text for module in within("falcon_svc"))
    raised = set(re.findall(r'\bcode(?:: str)? ?= ?"(\w+)"', sources))
    bases = {"falcon_error", "service"}  # of classes that are raised with a code of their own
    assert len(raised) > 60 and raised - bases <= set(re.findall(r"`(\w+)`", text))


def test_codes_of_jobs_are_those_of_the_program():
    table = API.partition("### Errors of jobs")[2]
    codes = {c for row in re.findall(r"^\| (`[^|]+) \|", table, re.M) for c in row.split("`")[1::2]}
    text = "".join(module.text for module in within("falcon_svc"))
    assert codes and all(f'"{code}"' in text for code in codes)


def test_the_verifier_of_webhooks_accepts_ours_and_nothing_else():
    source = re.search(r"```python\n(.*?)```", API, re.S)[1]
    names = {}
    exec(source, names)
    secret = "whsec_" + base64.b64encode(b"k" * 32).decode()
    now, body = int(time.time()), b'{"type": "job.succeeded"}'
    signed = signature(secret, "msg_job_1", now, body)
    headers = {"webhook-id": "msg_job_1", "webhook-timestamp": str(now)}
    headers["webhook-signature"] = signed
    genuine = names["is_genuine"]
    assert genuine(headers, body, secret)
    assert not genuine(headers, body + b" ", secret)
    assert not genuine({**headers, "webhook-id": "msg_job_2"}, body, secret)
    old = {**headers, "webhook-timestamp": str(now - 600)}
    old["webhook-signature"] = signature(secret, "msg_job_1", now - 600, body)
    assert not genuine(old, body, secret)


def test_metrics_are_called_what_the_guide_calls_them(http, job):
    names = set(re.findall(r"`(falcon_\w+)`", API.partition("## Health")[2].partition("## ")[0]))
    text = http.get("/metrics").text
    assert all(re.search(rf"^(# TYPE )?{name}(_count|_bucket)?[{{ ]", text, re.M) for name in names)
    assert len(names) == 9


def test_limits_are_the_settings(http):
    from falcon_svc.settings import Settings

    names = re.findall(r"`FALCON_(\w+)`", API)
    assert {name.lower() for name in names} <= set(Settings.model_fields)


def test_the_guide_names_every_reading_option():
    text = API.partition("Reading\noptions are")[2].partition(".")[0]
    assert set(re.findall(r"`(\w+)`", text)) == OPTIONS
