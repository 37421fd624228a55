"""The encoder of a job that works by given labels: as settings name it, of the operator's."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from falcon_svc.encoder_files import resolve
from falcon_svc.worker.failures import OUT_OF_MEMORY, smaller_batches
from falcon_svc.worker.kinds import Order

if TYPE_CHECKING:
    from falcon_svc.encoder import EncoderRun
    from falcon_svc.hierarchy.classifier import HierarchicalClassifier
    from falcon_svc.progress import Progress
    from falcon_svc.settings import Settings
    from falcon_svc.supervised.config import LabelsConfig


def encoder_run(
    order: Order, config: LabelsConfig, folder: Path, told: Progress, device: str = "cpu"
) -> EncoderRun:
    """Return what an encoder is opened with.

    Parameters
    ----------
    order, config
        The job and its settings; a file that they name is one of the operator's.
    folder
        Of the job: vectors, pixels and checkpoints of a training are kept below it.
    told
        Told of the encoder's stages.
    device
        Where a network works.
    """
    from falcon_svc.encoder import EncoderConfig, EncoderRun

    tables = resolve({"encoder": config.encoder.model_dump(exclude_unset=True)}, order.settings)
    encoder = EncoderConfig.model_validate(tables["encoder"])
    smaller = smaller_batches(encoder, order.earlier.count(OUT_OF_MEMORY))
    place = place_of(order, folder) / "encoder"
    return EncoderRun(smaller, config.seed, device, work_dir=place, progress=told)


def place_of(order: Order, folder: Path) -> Path:
    """Return where an attempt keeps checkpoints: smaller batches are another training."""
    return folder / f"halved-{order.earlier.count(OUT_OF_MEMORY)}"


def find_encoder(model: HierarchicalClassifier, settings: Settings) -> None:
    """Let a classifier find its encoder's file among the operator's, by the name in its card.

    Raises
    ------
    ConfigError
        It is not there any more (code ``bad_encoder``).
    """
    record = model.card_.get("encoder")
    if record is not None and not model.encoder_files_:
        config = record["config"]
        named = resolve({"encoder": {"name": config["name"]}}, settings)["encoder"]
        model.card_["encoder"] = {**record, "config": {**config, **named}}
