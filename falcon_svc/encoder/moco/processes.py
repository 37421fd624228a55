"""Pre-training in several processes of this machine, watched from one that goes on when it is done.

    python -m torch.distributed.run --nproc-per-node N -m falcon_svc.encoder.moco.processes FOLDER

Place: used by `moco_encoder` where `encoder.moco.processes` > 1. FOLDER holds what determines the
training: samples, labels, settings, the network before training. The processes leave their
checkpoints there; the first one prints a line of JSON per epoch. They end when their stdin does,
so that none outlives its parent.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from falcon_svc import errors
from falcon_svc.encoder.backbones.network_encoder import NetworkEncoder
from falcon_svc.encoder.moco.config import MocoConfig
from falcon_svc.encoder.moco.distributed import joined, rank
from falcon_svc.encoder.moco.pretrain import pretrain
from falcon_svc.encoder.moco.pretrain_state import PretrainReport
from falcon_svc.encoder.views.training_views import training_views
from falcon_svc.types import IntArray

MODULE = "falcon_svc.encoder.moco.processes"
OnEpoch = Callable[[PretrainReport], None]


def run_processes(
    folder: Path,
    start: NetworkEncoder,
    samples: NDArray[Any],
    coarse: IntArray,
    config: MocoConfig,
    *,
    seed: int,
    on_epoch: OnEpoch,
) -> None:
    """Call `pretrain` in `config.processes` processes; checkpoints are left in `folder`.

    Raises
    ------
    FalconError
        What the first process raised.
    RuntimeError
        Processes ended otherwise; the text is the end of what they wrote to stderr.
    """
    _write_task(folder, start, samples, coarse, config, seed=seed)
    log = folder / "processes.log"
    with log.open("wb") as stderr, _started(folder, config.processes, stderr) as started:
        try:
            for line in started.stdout or ():
                _hear(json.loads(line), on_epoch)
        except BaseException:
            started.terminate()
            raise
    if started.returncode:
        raise RuntimeError(f"pre-training processes failed:\n{log.read_text('utf-8')[-2000:]}")


def _started(folder: Path, processes: int, stderr: Any) -> subprocess.Popen[bytes]:
    agent = ["torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
    command = [sys.executable, "-m", *agent, "-m", MODULE, str(folder)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr)


def _hear(told: dict[str, Any], on_epoch: OnEpoch) -> None:
    """Pass a report on, or raise the error that a process told of."""
    if "error" in told:
        kind: type[errors.FalconError] = getattr(errors, told["error"])
        raise kind(told["message"], code=told["code"])
    on_epoch(PretrainReport(**told))


def _write_task(
    folder: Path,
    start: NetworkEncoder,
    samples: NDArray[Any],
    coarse: IntArray,
    config: MocoConfig,
    *,
    seed: int,
) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in start.files().items():
        (folder / name).write_bytes(content)
    np.save(folder / "coarse.npy", coarse)
    task = {
        "samples": str(_file_of(samples, folder)),
        "config": config.model_dump(mode="json"),
        "seed": seed,
        "device": start.device,
    }
    (folder / "task.json").write_text(json.dumps(task))


def _file_of(samples: NDArray[Any], folder: Path) -> Path:
    """Return the file of a whole memory map, or write the samples into one."""
    if isinstance(samples, np.memmap) and samples.filename is not None:
        whole = np.load(samples.filename, mmap_mode="r", allow_pickle=False)
        if whole.shape == samples.shape:
            return Path(samples.filename)
    np.save(folder / "samples.npy", samples)
    return folder / "samples.npy"


def main(folder: Path) -> int:
    """Do this process's share of the task in `folder`."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    task = json.loads((folder / "task.json").read_text())
    config = MocoConfig.model_validate(task["config"])
    with joined(task["device"]) as device:
        start = NetworkEncoder.load(folder, device=device)
        samples = np.load(task["samples"], mmap_mode="r", allow_pickle=False)
        coarse = np.load(folder / "coarse.npy", allow_pickle=False)
        try:
            pretrain(
                samples,
                training_views(start.seen, samples, coarse, config),
                start.network,
                coarse,
                config,
                seed=task["seed"],
                device=device,
                work_dir=folder,
                on_epoch=lambda report: _print(asdict(report)),
            )
        except errors.FalconError as error:
            _print({"error": type(error).__name__, "code": error.code, "message": str(error)})
            return 1
    return 0


def _print(told: dict[str, Any]) -> None:
    if rank() == 0:
        print(json.dumps(told), flush=True)


def _end_with_parent() -> None:
    os.read(sys.stdin.fileno(), 1)  # nothing is ever written: returns at its end
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
