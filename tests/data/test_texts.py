"""Texts as samples: which column, what is told, what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from falcon_svc.data import DataConfig, inspect_dataset, load_dataset, load_new_samples
from falcon_svc.types import Reading
from tests.data.builders import refused

TEXTS = [f"please {verb} my {noun} today" for verb in ("block", "open") for noun in ("card", "box")]
LABELS = ["bank", "bank", "post", "post"]


def csv(folder: Path, columns: dict[str, list[object]]) -> Path:
    path = folder / "t.csv"
    rows = zip(*columns.values(), strict=True)
    lines = [",".join(columns), *(",".join("" if v is None else str(v) for v in r) for r in rows)]
    path.write_text("\n".join(lines) + "\n")
    return path


def codes(path: Path, **settings) -> list[str]:
    return [note.code for note in inspect_dataset(path, DataConfig(**settings)).notes]


@pytest.mark.parametrize("name", ["text", "Sentence", "query", "title", "was_written"])
def test_a_table_of_texts_and_labels_is_a_data_set_of_texts(tmp_path, name):
    path = csv(tmp_path, {name: TEXTS, "category": LABELS})
    data = load_dataset(path)
    assert data.kind == "texts"
    assert data.vectors is None and data.images is None
    assert data.texts == tuple(TEXTS)
    assert data.reading.text_column == name
    assert codes(path) == ["text_samples"]
    found = inspect_dataset(path)
    assert (found.kind, found.n_dims, found.duplicates, found.ok) == ("texts", None, 0, True)


def test_every_format_gives_the_same_texts_and_digest(tmp_path):
    table = {"text": TEXTS, "label": LABELS}
    pq.write_table(pa.table(table), tmp_path / "t.parquet")
    (tmp_path / "t.jsonl").write_text(
        "".join(
            json.dumps({"text": t, "label": k}) + "\n" for t, k in zip(TEXTS, LABELS, strict=True)
        )
    )
    np.savez(tmp_path / "t.npz", x=np.eye(4), **{k: np.array(v) for k, v in table.items()})
    paths = [csv(tmp_path, table), *(tmp_path / f"t.{s}" for s in ("parquet", "jsonl", "npz"))]
    found = [load_dataset(path, DataConfig(samples="texts")) for path in paths]
    assert {data.digest for data in found} == {found[0].digest}
    assert {data.texts for data in found} == {tuple(TEXTS)}
    other = csv(tmp_path, {"text": [*TEXTS[:3], "else"], "label": LABELS})
    assert load_dataset(other).digest != found[0].digest


def test_vectors_and_numbers_stay_the_features_unless_texts_are_asked_for(tmp_path):
    numbers = {"a": [1.5, 2, 3, 4], "b": [0.5, 7, 1, 2]}
    path = csv(tmp_path, {"text": TEXTS, "label": LABELS, **numbers})
    assert load_dataset(path).kind == "vectors"
    assert "texts_not_used" in codes(path)
    data = load_dataset(path, DataConfig(samples="texts"))
    assert data.kind == "texts"
    assert dict(data.reading.left_out) == dict.fromkeys("ab", "the samples are texts")


def test_bad_numbers_beside_texts_do_not_matter(tmp_path):
    path = csv(tmp_path, {"text": TEXTS, "label": LABELS, "year": [1999, None, "n/d", 2001]})
    assert load_dataset(path, DataConfig(samples="texts")).kind == "texts"


def test_a_setting_names_the_column(tmp_path):
    path = csv(tmp_path, {"text": TEXTS, "title": TEXTS[::-1], "label": LABELS})
    data = load_dataset(path, DataConfig(text_column="title"))
    assert data.texts == tuple(TEXTS[::-1])
    assert "'text'" in data.reading.notes[0].text  # the other one is named
    refused(path, "no_such_column", "texts", "text_column", samples="texts", text_column="body")


def test_two_columns_of_sentences_without_a_usual_name_are_refused(tmp_path):
    path = csv(tmp_path, {"one": TEXTS, "two": TEXTS, "label": LABELS})
    refused(path, "no_such_column", "'one', 'two'", "text_column", samples="texts")


def test_words_labels_and_truth_are_no_texts(tmp_path):
    path = csv(tmp_path, {"town": list("abca"), "label": LABELS, "fine": TEXTS})
    refused(path, "no_such_column", samples="texts")
    refused(path, "no_such_column")


def test_rows_without_text_are_refused_by_row(tmp_path):
    path = csv(tmp_path, {"text": [TEXTS[0], None, "  ", TEXTS[3]], "label": LABELS})
    refused(path, "empty_text", "row 1", "1 further row", samples="texts")
    assert [p.row for p in inspect_dataset(path).problems if p.severity == "error"] == [1, 2]


def test_long_texts_are_whole_where_they_are_the_samples(tmp_path):
    path = csv(tmp_path, {"text": ["word " * 900 + str(i) for i in range(4)], "label": LABELS})
    data = load_dataset(path, DataConfig(max_text_letters=10))
    assert len(set(data.texts)) == 4


def test_repeated_texts_are_told(tmp_path):
    path = csv(tmp_path, {"text": [TEXTS[0], TEXTS[0], *TEXTS[2:]], "label": LABELS})
    assert inspect_dataset(path).duplicates == 1


def test_new_texts_are_read_as_those_of_the_discovery(tmp_path):
    path = csv(tmp_path, {"body": TEXTS, "text": TEXTS[::-1], "label": LABELS})
    assert load_new_samples(path, None, Reading(text_column="body")).texts == tuple(TEXTS)
