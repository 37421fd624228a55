"""Documented examples hold values that there are: held against a real result, word by word."""

from __future__ import annotations

import io
import json
import re
import zipfile

import pytest

from falcon_svc.api import examples
from tests.architecture.sources import ROOT

PLACES = {
    "status", "method", "format", "origin", "kind", "state", "stage", "stages", "versions",
    "label_source", "source", "n_fine_origin", "directed", "multigraph",
}  # fmt: skip
"""Keys whose values are words of the program's, not of anybody's data."""


def words(value, place=""):
    """(key, word) of everything that the program names itself."""
    if isinstance(value, list):
        return {word for one in value for word in words(one, place)}
    if isinstance(value, dict):
        found = {word for key, one in value.items() for word in words(one, key)}
        if place == "versions":
            found |= {("versions", key) for key in value}
        if place == "stages":
            found |= {("stages", value.get("name"))}
        return found
    place = "name" if place == "stages" else place
    is_word = place in PLACES and isinstance(value, str | bool)
    return {(place, _kind_of_id(value))} if is_word else set()


def _kind_of_id(value):
    """Node ids by their form."""
    return re.sub(r"\d+", "N", value) if isinstance(value, str) else value


@pytest.fixture(scope="module")
def result(http, job):
    """All that a real job answers with."""
    place = f"/v1/jobs/{job['id']}"
    archive = zipfile.ZipFile(io.BytesIO(http.get(f"{place}/model").content))
    return {
        "discovery": json.loads(archive.read("discovery.json")),
        "job": http.get(place).json(),
        "graph": http.get(f"{place}/graph").json(),
        "relation": http.get(f"{place}/relation").json(),
        "counts": http.get(f"{place}/counts").json(),
        "dataset": http.get(f"/v1/datasets/{job['dataset_id']}").json(),
    }


def documented():
    page = (ROOT / "docs" / "result-files.md").read_text("utf-8")
    (shown,) = re.findall(r"```json\n(.*?)```", page, re.S)
    return json.loads(shown)


@pytest.mark.parametrize(
    ("shown", "answer"),
    [
        (documented(), "discovery"),
        (examples.JOB, "job"),
        (examples.GRAPH, "graph"),
        (examples.RELATION, "relation"),
        (examples.COUNT, "counts"),
        (examples.DATASET, "dataset"),
    ],
    ids=["result-files.md", "job", "graph", "relation", "count", "dataset"],
)
def test_every_word_of_an_example_is_one_that_the_program_says(result, shown, answer):
    unknown = words(shown) - words(result[answer])
    either = {("origin", "estimated"), ("n_fine_origin", "estimated")}  # this job had a total
    assert unknown <= either, unknown


def test_examples_are_consistent_in_themselves():
    summary = examples.DATASET["summary"]
    assert sum(summary["classes"]["coarse"].values()) == summary["n_samples"]
    relation = examples.RELATION
    for row, regrets in zip(relation["relation"], relation["regret"], strict=True):
        assert sum(row) == 1 and regrets[row.index(1)] == 0.0
    job = examples.JOB["summary"]
    assert sum(stage["seconds"] for stage in job["stages"]) == pytest.approx(job["seconds"])
    assert summary["n_samples"] == job["n_samples"]
    shown = documented()
    for count in shown["counts"]:
        assert count["low"] <= count["n_fine"] <= count["high"]
    assert all(one["gap"] == one["bound"] - one["objective"] for one in shown["relations"])
