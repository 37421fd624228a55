"""The fine truth: of a part of the samples, and with names that repeat across coarse classes."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from falcon_svc.data import DataConfig, load_truth
from falcon_svc.types import EvalLabels
from tests.data.builders import vectors


def truth(folder: Path, fine: list[object], coarse: list[str] | None = None) -> EvalLabels:
    arrays = {"x": vectors(len(fine)), "fine": np.array(fine)}
    if coarse is not None:
        arrays["coarse"] = np.array(coarse)
    np.savez(folder / "data.npz", **arrays)
    return load_truth(folder / "data.npz")


def named(found: EvalLabels) -> list[str]:
    return [found.names[k] for k in found.fine]


def test_a_part_of_the_samples_may_have_truth(tmp_path: Path) -> None:
    found = truth(tmp_path, ["a", "", "b", "", "", "a"])
    assert (found.ids, named(found)) == (("0", "2", "5"), ["a", "b", "a"])


def test_names_that_repeat_across_coarse_classes_are_different_classes(tmp_path: Path) -> None:
    found = truth(tmp_path, [0, 1, 0, 1, 2, 2], ["b", "b", "f", "f", "f", "f"])
    assert named(found) == ["b/0", "b/1", "f/0", "f/1", "2", "2"]
    assert len(set(found.fine.tolist())) == len(found.names) == 5
    assert [note.code for note in found.notes] == ["repeated_fine_names"]


def test_few_samples_under_another_coarse_label_are_wrong_labels(tmp_path: Path) -> None:
    fine = ["cod"] * 20 + ["owl"] * 20
    coarse = ["bird"] + ["fish"] * 19 + ["bird"] * 20
    found = truth(tmp_path, fine, coarse)
    assert found.names == ("cod", "owl")
    assert found.notes == ()


def test_samples_without_coarse_label_keep_their_fine_name(tmp_path: Path) -> None:
    found = truth(tmp_path, ["0", "0", "0", "1", "1", "1"], ["a", "b", "", "a", "b", "b"])
    assert named(found) == ["a/0", "b/0", "0", "a/1", "b/1", "b/1"]


def test_whole_numbers_are_one_fine_class_however_written(tmp_path: Path) -> None:
    assert truth(tmp_path, [1.0, 2.0, np.nan, 1.0]).names == ("1", "2")


def test_usual_names_of_the_truth_are_known(tmp_path: Path) -> None:
    path = tmp_path / "truth.csv"
    path.write_text("ID,Fine_Label\ns1,a\ns2,b\n")
    found = load_truth(path)
    assert (found.ids, found.id_column, found.names) == (("s1", "s2"), "ID", ("a", "b"))
    path.write_text("id,species\ns1,a\ns2,b\n")
    assert load_truth(path, DataConfig(fine_column="species")).names == ("a", "b")
