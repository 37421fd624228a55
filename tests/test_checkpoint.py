from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import torch

from falcon_svc.checkpoint import CheckpointStore, Saved
from falcon_svc.errors import StorageError


def saved(epoch: int) -> Saved:
    tensors = {"weight": torch.full((3, 2), float(epoch)), "step": torch.tensor(epoch)}
    return Saved(tensors, {"epoch": epoch, "loss": 0.1 + epoch})


@pytest.fixture
def store(tmp_path: Path) -> CheckpointStore:
    store = CheckpointStore(tmp_path / "checkpoints")
    for epoch in (1, 2, 3):
        store.save("run", epoch, saved(epoch))
    return store


def newest(store: CheckpointStore) -> Path:
    return store.folder / "epoch-000003"


def test_the_newest_comes_back_bit_for_bit(store: CheckpointStore) -> None:
    loaded = store.load("run")
    assert loaded.numbers == saved(3).numbers
    assert all(torch.equal(loaded.tensors[k], v) for k, v in saved(3).tensors.items())


def test_the_last_two_are_kept_and_nothing_else(store: CheckpointStore) -> None:
    assert sorted(p.name for p in store.folder.iterdir()) == ["epoch-000002", "epoch-000003"]


def test_an_empty_folder_has_no_checkpoint(tmp_path: Path) -> None:
    assert CheckpointStore(tmp_path / "none").load("run") is None


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def newer_format(path: Path) -> None:
    manifest = json.loads(path.read_text())
    path.write_text(json.dumps(manifest | {"format_version": 99}))


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        ("state.safetensors", flip),
        ("state.safetensors", lambda path: path.write_bytes(path.read_bytes()[:-5])),
        ("state.safetensors", lambda path: path.write_bytes(b"")),
        ("state.safetensors", Path.unlink),
        ("state.json", flip),
        ("manifest.json", lambda path: path.write_text("{")),
        ("manifest.json", lambda path: path.write_text("[]")),
        ("manifest.json", lambda path: path.write_bytes(b"\xff\xfe")),
        ("manifest.json", newer_format),
    ],
)
def test_a_damaged_newest_gives_way_to_the_one_before(
    store: CheckpointStore, caplog: pytest.LogCaptureFixture, name: str, damage: object
) -> None:
    damage(newest(store) / name)
    assert store.load("run").numbers["epoch"] == 2
    assert "damaged" in caplog.text


@pytest.mark.parametrize("weight", [torch.zeros(2, 3), torch.zeros(3, 2, dtype=torch.float64)])
def test_a_newest_of_another_shape_gives_way_to_the_one_before(
    store: CheckpointStore, caplog: pytest.LogCaptureFixture, weight: torch.Tensor
) -> None:
    store.save("run", 4, Saved({**saved(4).tensors, "weight": weight}, saved(4).numbers))
    assert store.load("run", like=saved(0)).numbers["epoch"] == 3
    assert "weight" in caplog.text
    store.save("run", 5, Saved({}, {}))
    assert store.load("run", like=saved(0)) is None


def test_all_damaged_means_starting_anew(store: CheckpointStore) -> None:
    for path in store.folder.iterdir():
        (path / "manifest.json").unlink()
    assert store.load("run") is None


def test_a_damaged_epoch_is_written_over(store: CheckpointStore) -> None:
    flip(newest(store) / "state.json")
    store.save("run", 3, saved(3))
    assert store.load("run").numbers["epoch"] == 3


def test_another_runs_checkpoint_is_refused(store: CheckpointStore) -> None:
    with pytest.raises(StorageError, match="other data, settings or seed"):
        store.load("another")


def test_what_a_kill_left_behind_is_ignored_and_swept(store: CheckpointStore) -> None:
    left = store.folder / "epoch-000004.tmp"
    left.mkdir()
    (left / "state.json").write_text("half")
    assert store.load("run").numbers["epoch"] == 3
    store.save("run", 4, saved(4))
    assert store.load("run").numbers["epoch"] == 4
    assert not list(store.folder.glob("*.tmp"))


def test_a_full_disk_is_one_sentence_and_harms_nothing(
    store: CheckpointStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(StorageError, match="disk is full") as raised:
            store.save("run", 4, saved(4))
    assert raised.value.code == "storage_full"
    assert store.load("run").numbers["epoch"] == 3
