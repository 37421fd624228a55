"""docs/result-files.md says what discovery.json holds, key by key."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from falcon_svc.result.document import discovery_document, json_bytes
from falcon_svc.result.files import write_discovery
from tests.discoveries import judged, pretend_blobs

PAGE = Path(__file__).parents[2] / "docs" / "result-files.md"
FREE = {"config", "versions", "files", "certificate"}


@pytest.fixture(scope="module")
def page() -> str:
    return PAGE.read_text()


@pytest.fixture(scope="module")
def document():
    written = json_bytes(discovery_document(judged(pretend_blobs()[2]), {"run.jsonl": "00"}))
    return json.loads(written)


def shape(value, key: str = ""):
    """Keys and types; a list is known by its first entry, a free mapping is not looked into."""
    if key in FREE:
        return "mapping" if isinstance(value, dict) else "wrong"
    if isinstance(value, dict):
        return {k: shape(v, k) for k, v in value.items()}
    if isinstance(value, list):
        return [shape(value[0])]
    return type(value).__name__


def test_documented_example_has_the_shape_of_a_real_document(page: str, document) -> None:
    example = json.loads(re.search(r"```json\n(.*?)```", page, re.DOTALL).group(1))
    assert shape(example) == shape(document)


def test_every_top_level_key_is_documented_in_order(page: str, document) -> None:
    table = page.split("## discovery.json")[1].split("An example", maxsplit=1)[0]
    assert re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE) == list(document)


def test_every_file_is_documented(page: str, tmp_path: Path) -> None:
    names = (f"{part}.{kind}" for part in ("model", "encoder") for kind in ("safetensors", "json"))
    model = dict.fromkeys((*names, "features.npy", "samples.parquet"), b"")
    discovery = pretend_blobs()[2]
    proven = tuple(replace(relation, proof=b"x") for relation in discovery.relations)
    discovery = replace(discovery, relations=proven)
    write_discovery(tmp_path / "o", discovery, model_files=model, report_html="")
    table = page.split("## discovery.json", maxsplit=1)[0]
    named = set(re.findall(r"`(\w+\.(?:\d\.)?\w+)`", table)) - {"solver.verify_file"}
    assert {p.name for p in (tmp_path / "o").iterdir()} == named


def test_user_given_counts_have_no_estimate() -> None:
    discovery = pretend_blobs()[2]
    given = tuple(replace(c, origin="given", low=c.n_fine, high=c.n_fine) for c in discovery.counts)
    document = discovery_document(replace(discovery, counts=given, total=None), {})
    assert document["n_fine_estimated"] is None
    assert document["n_fine_interval"] == [7, 7]


def test_each_class_and_edge_has_its_own_line() -> None:
    discovery = pretend_blobs()[2]
    text = json_bytes(discovery_document(discovery, {})).decode()
    assert len(re.findall(r'^  \{"id": ', text, re.MULTILINE)) == discovery.n_fine
    assert len(re.findall(r'^  \{"source": .*"fine": ', text, re.MULTILINE)) == discovery.n_fine
