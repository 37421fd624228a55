"""A resumed run ends with the bytes of an uninterrupted one, wherever it was cut."""

from __future__ import annotations

import hashlib
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from falcon_svc.checkpoint import CheckpointStore
from falcon_svc.discovery.training.config import TrainConfig
from falcon_svc.discovery.training.epoch_report import EpochReport
from falcon_svc.discovery.training.trained_head import TrainedHead
from falcon_svc.discovery.training.trainer import train_head
from falcon_svc.errors import StorageError
from tests.discovery.planted import SHORT, planted

KILLED = SHORT.model_copy(update={"epochs": 25})


class CutError(Exception):
    """Stands for a kill at the end of an epoch."""


def run(folder: Path | None, config: TrainConfig, *, cut_after: int | None = None) -> TrainedHead:
    data = planted(parents=((0, 0, 1, 1), (0, 1, 0, 1)))

    def cut(report: EpochReport) -> None:
        if report.epoch == cut_after:
            raise CutError

    return train_head(
        data.features,
        data.sources,
        data.neighbors,
        data.random_start(),
        config,
        seed=3,
        checkpoints=None if folder is None else CheckpointStore(folder),
        on_epoch=cut,
    )


def fingerprint(head: TrainedHead) -> str:
    digest = hashlib.sha256()
    for name, tensor in sorted(head.tensors().items()):
        digest.update(name.encode() + tensor.numpy().tobytes())
    digest.update(repr([row["coarse_loss"] for row in head.history]).encode())
    return digest.hexdigest()


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
@pytest.mark.parametrize("cuts", [(1,), (1, 2, 3), (4,)])
def test_resuming_equals_going_on(tmp_path: Path, optimizer: str, cuts: tuple[int, ...]) -> None:
    config = SHORT.model_copy(update={"optimizer": optimizer, "solve_every": 3})
    for cut_after in cuts:
        with pytest.raises(CutError):
            run(tmp_path, config, cut_after=cut_after)
    assert fingerprint(run(tmp_path, config)) == fingerprint(run(None, config))


def test_a_damaged_newest_checkpoint_changes_nothing(tmp_path: Path) -> None:
    with pytest.raises(CutError):
        run(tmp_path, SHORT, cut_after=3)
    (tmp_path / "epoch-000003" / "state.safetensors").write_bytes(b"")
    assert fingerprint(run(tmp_path, SHORT)) == fingerprint(run(None, SHORT))


def test_a_finished_run_is_not_trained_again(tmp_path: Path) -> None:
    first = run(tmp_path, SHORT)
    again = run(tmp_path, SHORT, cut_after=1)  # would be cut if it trained
    assert fingerprint(first) == fingerprint(again)


def test_other_settings_do_not_take_over_a_checkpoint(tmp_path: Path) -> None:
    run(tmp_path, SHORT)
    with pytest.raises(StorageError, match="other data, settings or seed"):
        run(tmp_path, SHORT.model_copy(update={"weight_balance": 0.5}))


def start_child(folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.discovery.test_trainer_resume", str(folder)],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        cwd=Path(__file__).parents[2],
    )


def test_a_kill_at_any_moment_costs_at_most_the_epoch(tmp_path: Path) -> None:
    folder, moments = tmp_path / "checkpoints", random.Random(0)
    child = start_child(folder)
    while not list(folder.glob("epoch-*")) and child.poll() is None:
        time.sleep(0.01)
    time.sleep(moments.uniform(0, 0.3))
    child.send_signal(signal.SIGKILL)
    child.communicate()
    finished = fingerprint(run(folder, KILLED))
    assert finished == fingerprint(run(None, KILLED))


if __name__ == "__main__":
    print(fingerprint(run(Path(sys.argv[1]), KILLED)))
