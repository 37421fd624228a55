"""An encoder alone, trained on a data set and written to a directory of its own.

Place: `falcon pretrain`; under torchrun every process calls `pretrain_to`, on a work folder that
all of them see, and the first one writes. `--encoder moco:continue=DIR` starts from the result.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from falcon_svc.config import DiscoveryConfig
from falcon_svc.durable.atomic_directory import check_replaceable, replace_directory
from falcon_svc.encoder import EncoderRun, open_encoder
from falcon_svc.encoder.backbones.network_encoder import NetworkEncoder
from falcon_svc.encoder.moco.distributed import first_one_first, joined, rank
from falcon_svc.errors import ConfigError
from falcon_svc.pipeline.device import choose_device
from falcon_svc.progress import Progress
from falcon_svc.types import CoarseDataset

TRAINED = "moco"


def pretrain_to(
    directory: Path,
    dataset: CoarseDataset,
    config: DiscoveryConfig,
    *,
    resume: bool,
    progress: Progress,
) -> NetworkEncoder:
    """Train the encoder that the settings name and write its files.

    Parameters
    ----------
    directory
        Must not exist, or be empty.
    dataset, config, progress
        As in `falcon_svc.pipeline.discover.discover_to`; the encoder's name is `moco` or
        `moco:continue=PATH`.
    resume
        Go on from what a killed run of the same data and settings left beside `directory`.

    Raises
    ------
    ConfigError, StorageError, DeviceError, DivergedError, CollapsedError
        One sentence each; `directory` is as it was.
    """
    _check_name(config.encoder.name)
    check_replaceable(directory)
    work_dir = directory.parent / f".{directory.name}.work"
    with joined(choose_device(config.device)) as device:
        with first_one_first():
            if not resume and rank() == 0:
                shutil.rmtree(work_dir, ignore_errors=True)
        run = EncoderRun(config.encoder, config.seed, device, work_dir, progress)
        encoder = open_encoder(dataset, run)
        assert isinstance(encoder, NetworkEncoder)
        if rank() == 0:
            replace_directory(directory, encoder.files())
            shutil.rmtree(work_dir, ignore_errors=True)
    return encoder


def _check_name(name: str) -> None:
    if name.partition(":")[0] != TRAINED:
        raise ConfigError(
            f"Expected the encoder {TRAINED} or {TRAINED}:continue=PATH to pre-train, found "
            f"{name!r}; the others are not trained here.",
            code="bad_encoder",
        )
