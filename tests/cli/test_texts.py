"""Raw texts from a file to classes with names, and new texts into these classes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow.csv
import pyarrow.parquet
import pytest

from tests.cli.conftest import falcon
from tests.encoder.test_text import onnx_folder

POOLS = {"bank": (("lost", "card"), ("what", "balance")), "post": (("please",), ("freeze", "my"))}


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table of 160 texts of four kinds, a model for them, and what was discovered with it."""
    pytest.importorskip("onnxruntime")
    folder = tmp_path_factory.mktemp("texts")
    rng = np.random.default_rng(0)
    lines = ["said,category,year,fine"]
    for _ in range(40):
        for coarse, pools in POOLS.items():
            for k, pool in enumerate(pools):
                words = [*rng.choice(pool, 4), *rng.choice(["the", "account"], 1)]
                lines.append(f"{' '.join(words)},{coarse},,{coarse}{k}")
    (folder / "t.csv").write_text("\n".join(lines) + "\n")
    name = f"text:{onnx_folder(folder / 'model')}"
    done = falcon(
        *("discover", folder / "t.csv", "--encoder", name, "--n-fine", "4"),
        *("--out", folder / "out", "--quiet"),
    )
    assert done.code == 0, done.err
    return folder


def test_classes_of_texts_are_found_and_named_by_their_words(here: Path):
    document = json.loads((here / "out" / "discovery.json").read_text())
    names = {one["id"]: one["name"] for one in document["classes"]}
    assert len(set(names.values())) == 4
    assert {name.split(", ")[0] for name in names.values()} <= {
        *("lost", "card", "balance", "freeze", "account"),
        *(name for name in names.values() if name.startswith("like ")),
    }
    notes = {note["code"] for note in document["notes"]}
    assert "text_samples" in notes
    assert document["classes"][0]["name"] in (here / "out" / "report.html").read_text()
    graph = json.loads((here / "out" / "graph.json").read_text())
    fine = [node for node in graph["nodes"] if node["kind"] == "fine"]
    assert {node["label"] for node in fine} == {f"{i} {name}" for i, name in names.items()}
    done = falcon("evaluate", here / "out", "--truth", here / "t.csv")
    assert json.loads(done.out)["acc"] > 0.9


def test_new_texts_go_through_the_same_encoder(here: Path, tmp_path: Path):
    new = tmp_path / "new.csv"
    rows = ["other text,said,category", "x,card lost card the,bank", "y,my freeze freeze,post"]
    new.write_text("\n".join(rows) + "\n")
    assert falcon("predict", here / "out", new, "--out", tmp_path / "p.csv").code == 0
    table = pyarrow.csv.read_csv(tmp_path / "p.csv")
    assert table["coarse"].to_pylist() == ["bank", "post"]
    again = falcon("predict", here / "out", here / "t.csv", "--out", tmp_path / "a.parquet")
    assert again.code == 0
    found = pyarrow.parquet.read_table(tmp_path / "a.parquet")["fine"].to_pylist()
    before = pyarrow.parquet.read_table(here / "out" / "assignments.parquet")["fine"].to_pylist()
    assert found == before


def test_another_model_under_the_same_name_is_refused(here: Path, tmp_path: Path):
    path = here / "model" / "tokenizer_config.json"
    before = path.read_text()
    path.write_text('{"model_max_length": 4}')
    done = falcon("predict", here / "out", here / "t.csv", "--out", tmp_path / "p.csv")
    path.write_text(before)
    assert done.code == 2
    assert "Expected the encoder that the discovery used" in done.err


def test_validate_says_that_the_samples_are_texts(here: Path):
    done = falcon("validate", here / "t.csv")
    assert done.code == 0
    assert "160 texts" in done.out and "column 'said'" in done.out


def test_both_demos_at_once_are_refused():
    done = falcon("demo", "--images", "--text")
    assert done.code == 2 and "leave one out" in done.err
