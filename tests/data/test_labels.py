"""Labels: one spelling for one class, missing ones, several at once, and what looks odd."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from falcon_svc.data import DataConfig, inspect_dataset, load_dataset
from falcon_svc.data.labels import Encoded, encode
from falcon_svc.types import CoarseDataset
from tests.data.builders import refused, vectors, write_npz


def encoded(*values: Any) -> Encoded:
    column = np.array([*values, None], dtype=object)[:-1]
    return encode(column, None, what="coarse", where="here", config=DataConfig())


def notes(found: Encoded) -> list[str]:
    return [note.code for note in found.notes]


def read(folder: Path, labels: list[str] | np.ndarray, **more: Any) -> CoarseDataset:
    x = vectors(len(labels))
    return load_dataset(write_npz(folder, x=x, coarse=np.array(labels), fine=None, **more))


WHOLE = {
    "integers": np.array([1, 2, -1, 10]),
    "floats": np.array([1.0, 2.0, np.nan, 10.0]),
    "text": np.array(["1", "2", "", "10"]),
    "text of floats": np.array(["1.0", "2.00", "nan", "10.0"]),
    "both": np.array(["1", "2.0", "-1.0", "10"]),
    "blanks": np.array([" 1", "2 ", " ", "10.0 "]),
    "bytes": np.array([b"1", b"2.0", b"", b"10"]),
}


@pytest.mark.parametrize("name", WHOLE)
def test_whole_numbers_are_one_label_however_written(name: str) -> None:
    found = encode(WHOLE[name], None, what="coarse", where="here", config=DataConfig())
    assert found.names == ("1", "2", "10")
    assert found.codes.tolist() == [0, 1, -1, 2]
    assert found.findings == []


def test_whole_numbers_with_decimal_commas_are_the_same_label() -> None:
    assert encoded("1,0", "2,00", "10", "").names == ("1", "2", "10")
    assert encoded("1,0", "1,5").names == ("1,0", "1,5")


def test_fractions_keep_their_spelling() -> None:
    assert encoded("1.0", "1.5", "2.0").names == ("1.0", "1.5", "2.0")
    assert encoded("01", "1").names == ("01", "1")


def test_what_looks_the_same_is_the_same_label() -> None:
    found = encoded("air\u200b", "\ufeffair", "air", "Vo\u0308gel", "V\u00f6gel")
    assert found.names == ("V\u00f6gel", "air") and notes(found) == []
    assert notes(encoded("sea\u200blion", "sealion")) == ["near_equal_labels"]


def test_numbers_or_ids_as_labels_are_told(tmp_path: Path) -> None:
    for labels in ([f"u{i}" for i in range(12)], np.random.default_rng(0).random(12).astype(str)):
        data = read(tmp_path, labels)
        assert [note.code for note in data.reading.notes] == ["many_classes"]
    assert read(tmp_path, ["a", "b", "c", "d"] * 3).reading.notes == ()


def test_labels_written_one_hot_are_refused(tmp_path: Path) -> None:
    kinds = np.arange(12) % 3
    columns = {f"coarse_{name}": (kinds == k).astype(int) for k, name in enumerate("abc")}
    path = write_npz(tmp_path, x=vectors(12), coarse=None, fine=None, **columns)
    refused(path, "one_hot_labels", "'coarse_a', 'coarse_b', 'coarse_c'", "label_sources")
    named = {"label_sources": {"a": "coarse_a", "b": "coarse_b"}}
    assert [s.name for s in load_dataset(path, DataConfig(**named)).sources] == ["a", "b"]
    columns["coarse_c"][0] = 1 - columns["coarse_c"][0]  # a row in two classes: attributes
    path = write_npz(tmp_path, x=vectors(12), coarse=None, fine=None, **columns)
    assert len(load_dataset(path).sources) == 3


def test_fractions_are_no_further_label_source(tmp_path: Path) -> None:
    scores = (np.arange(12) % 4 / 10).astype(str)
    data = read(tmp_path, ["a", "b"] * 6, coarse_score=scores)
    assert [s.name for s in data.sources] == ["coarse"]
    assert [note.code for note in data.reading.notes] == ["source_left_out"]


def test_a_source_of_batches_is_told_from_one_of_kinds(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    kinds, farms = np.repeat(["cow", "goat"], 60), rng.integers(0, 8, 120).astype(str)
    told = read(tmp_path, kinds, coarse_farm=farms).reading.notes
    assert [note.code for note in told] == ["unrelated_source"] and "'farm'" in told[0].text
    breeds = np.char.add(kinds, rng.integers(0, 3, 120).astype(str))
    assert read(tmp_path, kinds, coarse_breed=breeds).reading.notes == ()


def test_outer_blanks_do_not_count() -> None:
    found = encoded("air", " air", "air ", "air\u00a0", "\tsea")
    assert found.names == ("air", "sea")
    assert found.codes.tolist() == [0, 0, 0, 0, 1]


def test_case_and_inner_blanks_are_told_not_merged() -> None:
    found = encoded("Air", "air", "north sea", "north  sea", "North-Sea", "land")
    assert len(found.names) == 6
    assert notes(found) == ["near_equal_labels"]
    assert "'Air' and 'air'" in found.notes[0].text


@pytest.mark.parametrize("word", ["nan", "NaN", "<NA>", "NaT"])
def test_pandas_missing_values_as_text_are_not_labelled(word: str) -> None:
    found = encoded("a", word, "b")
    assert found.codes.tolist() == [0, -1, 1]
    assert notes(found) == ["missing_as_text"]


@pytest.mark.parametrize("word", ["None", "NA", "null", "unknown", "?", "N/A"])
def test_words_that_may_mean_missing_stay_classes_and_are_told(word: str) -> None:
    found = encoded("a", word, "b")
    assert len(found.names) == 3
    assert notes(found) == ["looks_missing"]


def test_a_label_of_several_classes_allows_each_of_them() -> None:
    found = encoded("land", "land|sea", "sea", "sea; land", "air")
    assert found.names == ("air", "land", "sea")
    assert found.codes.tolist() == [1, -1, 2, -1, 0]
    assert found.several == {1: (1, 2), 3: (1, 2)}
    assert notes(found) == ["several_labels"]


def test_lists_written_as_text_are_their_values() -> None:
    found = encoded("['land']", "['land', \"sea\"]", "[ 'sea' ]", "[]", "")
    assert found.names == ("land", "sea")
    assert found.codes.tolist() == [0, -1, 1, -1, -1]
    assert found.several == {1: (0, 1)}
    assert encoded("[land]", "['sea']").names == ("['sea']", "[land]")


def test_other_combinations_stay_classes_and_are_told() -> None:
    assert notes(encoded("land", "sea", "land/sea")) == ["combined_labels"]
    assert notes(encoded("land", "sea", "land and sea")) == ["combined_labels"]
    assert notes(encoded("land", "sea", "land|moon")) == ["combined_labels"]
    assert notes(encoded("land", "sea", "bed & breakfast", "a|b")) == []


def test_several_classes_reach_the_data_set_and_its_digest(tmp_path: Path) -> None:
    labels = ["land", "land|sea", "sea", "land", "sea", "sea"]
    data = read(tmp_path, labels)
    assert data.coarse.several == {1: (0, 1)}
    assert [note.code for note in data.reading.notes] == ["several_labels"]
    assert data.digest != read(tmp_path, ["land", "", *labels[2:]]).digest


def test_true_and_false_are_labels(tmp_path: Path) -> None:
    data = read(tmp_path, np.array([True, False, True, False, True, True]))
    assert data.coarse.names == ("False", "True")


def test_a_column_of_labels_may_stand_upright(tmp_path: Path) -> None:
    assert read(tmp_path, np.array([[0], [1], [0], [1], [0], [1]])).coarse.names == ("0", "1")


def test_samples_without_label_are_read_and_told(tmp_path: Path) -> None:
    data = read(tmp_path, [0, 0, 1, 1, -1, 1])
    assert data.coarse.labels.tolist() == [0, 0, 1, 1, -1, 1]
    assert [note.code for note in data.reading.notes] == ["unlabelled"]
    found = inspect_dataset(tmp_path / "data.npz")
    assert found.ok
    assert [(p.row, p.code, p.severity) for p in found.problems] == [(4, "unlabelled", "warning")]


def test_a_source_that_only_its_name_makes_one_is_left_out_if_it_is_none(tmp_path: Path) -> None:
    labels = ["a", "b", "a", "b", "a", "b"]
    confidence = np.array([0.5, 0.25, 0.125, 0.75, 0.1, 0.2])
    data = read(tmp_path, labels, coarse_confidence=confidence.astype(str))
    assert [source.name for source in data.sources] == ["coarse"]
    assert [note.code for note in data.reading.notes] == ["source_left_out"]
    assert "coarse_confidence" in dict(data.reading.left_out)
    data = read(tmp_path, labels, coarse_site=np.array(["sea"] * 6))
    assert [source.name for source in data.sources] == ["coarse"]


def test_float_scores_as_a_further_source_are_left_out(tmp_path: Path) -> None:
    scores = np.array([0.5, 0.25, 0.125, 0.75, 0.1, 0.2])
    data = read(tmp_path, ["a", "b"] * 3, coarse_confidence=scores)
    assert [note.code for note in data.reading.notes] == ["source_left_out"]


def test_ids_are_stripped_and_whole(tmp_path: Path) -> None:
    data = read(tmp_path, ["a", "b"] * 3, ids=np.array([1.0, 2, 3, 4, 5, 7]))
    assert data.ids == ("1", "2", "3", "4", "5", "7")
    data = read(tmp_path, ["a", "b"] * 3, ids=np.array([" s1", "s2 ", "s3", "s4", "s5", "s6"]))
    assert data.ids[:2] == ("s1", "s2")
