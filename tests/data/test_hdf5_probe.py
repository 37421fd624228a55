"""A file that kills or stalls the HDF5 library costs a child process, not the program."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from falcon_svc.data import load_dataset
from tests.data.builders import refused
from tests.data.test_h5ad import write_h5ad


def child_that(folder: Path, does: str) -> str:
    path = folder / "python"
    path.write_text(f"#!/bin/sh\n{does}\n")
    path.chmod(0o700)
    return str(path)


def test_a_sound_file_passes_the_real_child(tmp_path: Path) -> None:
    assert len(load_dataset(write_h5ad(tmp_path))) == 6


def test_a_crash_of_the_child_is_a_refusal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", child_that(tmp_path, "kill -SEGV $$"))
    refused(write_h5ad(tmp_path), "unreadable", "signal 11")


def test_a_child_that_hangs_is_a_refusal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", child_that(tmp_path, "exec sleep 60"))
    refused(write_h5ad(tmp_path), "unreadable", "takes more than", hdf5_time_limit_s=0.2)


def test_a_child_that_cannot_start_leaves_the_judgement_to_the_reader(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", child_that(tmp_path, "exit 1"))
    assert len(load_dataset(write_h5ad(tmp_path))) == 6
