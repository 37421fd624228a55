"""A damaged checkpoint gives way to the one before, in an attempt that goes on from it."""

from __future__ import annotations

import json
import logging
import os
import shutil
from pathlib import Path

import pytest

from falcon_svc.checkpoint import CheckpointStore, Saved
from falcon_svc.discovery.training import trainer
from tests.faults.desk import Desk, resumed_epochs
from tests.faults.faults import Fault, patch
from tests.faults.history import check_history

pytestmark = pytest.mark.faults
TENSORS, NUMBERS, MANIFEST = "state.safetensors", "state.json", "manifest.json"
STOPPED = 7


@pytest.fixture(scope="module")
def killed(tmp_path_factory):
    """A data directory in which an attempt was killed with checkpoints of epochs 3 and 4."""
    folder = tmp_path_factory.mktemp("killed")
    desk = Desk(folder / "data")
    with pytest.MonkeyPatch.context() as monkeypatch:
        fault = Fault("falcon_svc.checkpoint:CheckpointStore.save", call=5)
        patch(monkeypatch, [fault], folder / "marks")
        job_id = desk.submit(desk.add_dataset())
        assert desk.attempt(job_id) < 0
    assert [path.name for path in checkpoints(desk)] == ["epoch-000003", "epoch-000004"]
    return desk.folder, job_id


def checkpoints(desk: Desk) -> list[Path]:
    return sorted((desk.folder / "work").rglob("epoch-*"))


@pytest.fixture
def desk(killed, tmp_path):
    shutil.copytree(killed[0], tmp_path / "data")
    return Desk(tmp_path / "data")


@pytest.fixture
def notes(tmp_path):
    """A folder for what attempts write down, with their log."""
    folder = tmp_path / "notes"
    folder.mkdir()
    handler, log = logging.FileHandler(folder / "log"), logging.getLogger("falcon_svc")
    log.addHandler(handler)
    yield folder
    log.removeHandler(handler)
    handler.close()


def truncate(folder: Path) -> None:
    os.truncate(folder / TENSORS, 100)


def flip_a_bit(folder: Path) -> None:
    content = bytearray((folder / TENSORS).read_bytes())
    content[-1] ^= 1
    (folder / TENSORS).write_bytes(content)


def empty(folder: Path) -> None:
    (folder / NUMBERS).write_bytes(b"")


def wrong_sha(folder: Path) -> None:
    manifest = json.loads((folder / MANIFEST).read_text())
    manifest["sha256"][NUMBERS] = "0" * 64
    (folder / MANIFEST).write_text(json.dumps(manifest))


def newer_version(folder: Path) -> None:
    manifest = json.loads((folder / MANIFEST).read_text())
    (folder / MANIFEST).write_text(json.dumps({**manifest, "format_version": 2}))


def other_shape(folder: Path) -> None:
    """Whole, with the right sums, but of another model."""
    run, store = json.loads((folder / MANIFEST).read_text())["run"], CheckpointStore(folder.parent)
    saved = store.load(run)
    tensors = {name: tensor.new_zeros(3) for name, tensor in saved.tensors.items()}
    store.save(run, 4, Saved(tensors, saved.numbers))


@pytest.mark.parametrize(
    "damage", [truncate, flip_a_bit, empty, wrong_sha, newer_version, other_shape, shutil.rmtree]
)
def test_the_one_before_is_used_and_the_log_says_so(desk, killed, notes, monkeypatch, damage):
    damage(checkpoints(desk)[-1])
    epochs = resumed_epochs(notes, monkeypatch)
    monkeypatch.setattr(trainer, "_train_epoch", lambda *_: os._exit(STOPPED))
    assert desk.attempt(killed[1]) == STOPPED
    assert epochs() == [3]
    assert damage is shutil.rmtree or "is damaged" in (notes / "log").read_text()


def test_without_a_whole_one_training_begins_again_and_ends_the_same(
    desk, killed, notes, monkeypatch
):
    for folder in checkpoints(desk):
        flip_a_bit(folder)
    epochs = resumed_epochs(notes, monkeypatch)
    job = desk.until_ended(killed[1])
    assert (job.state, epochs()) == ("succeeded", [0])
    other = desk.until_ended(desk.submit(job.dataset_id))
    for name in ("assignments.parquet", "arrays.safetensors"):
        assert desk.result(job, name) == desk.result(other, name)
    check_history(desk, [job.id, other.id])


def test_the_last_two_are_kept_and_go_with_the_job(desk, killed):
    assert len(checkpoints(desk)) == 2
    assert desk.until_ended(killed[1]).state == "succeeded"
    assert checkpoints(desk) == []
