"""Attempts at a job follow each other in its work folder, and never share it."""

from __future__ import annotations

import pytest

from falcon_svc.worker.work_folder import take_over


def test_the_first_attempt_finds_an_empty_folder(tmp_path):
    own = take_over(tmp_path, 1)
    assert own == tmp_path / "1"
    assert list(own.iterdir()) == []


def test_an_attempt_has_the_files_of_the_latest_before_it(tmp_path):
    (take_over(tmp_path, 1) / "checkpoint").write_text("1")
    own = take_over(tmp_path, 4)  # 2 and 3 were lost before they had a folder
    assert (own / "checkpoint").read_text() == "1"
    assert [path.name for path in tmp_path.iterdir()] == ["4"]
    assert take_over(tmp_path, 4) == own


def test_an_attempt_that_was_given_up_and_goes_on_spoils_nothing(tmp_path):
    lost = take_over(tmp_path, 1)
    (lost / "checkpoint").write_text("good")
    own = take_over(tmp_path, 2)
    with pytest.raises(FileNotFoundError):
        (lost / "checkpoint").write_text("late")
    lost.mkdir()  # should it make its folder again
    (lost / "checkpoint").write_text("late")
    assert (own / "checkpoint").read_text() == "good"
    assert (take_over(tmp_path, 3) / "checkpoint").read_text() == "good"
