"""`--encoder moco`: a network trained on the data set's own images, from nothing or from a file.

Place: opened by `features`; joins pixels, views, network and loop, and hands back an encoder.
"""

from __future__ import annotations

from dataclasses import asdict

import torch
from torch import nn

from falcon_svc.encoder.base import EncoderRun
from falcon_svc.encoder.network_encoder import NetworkEncoder
from falcon_svc.encoder.networks import make_network
from falcon_svc.encoder.pixel_store import load_or_make_pixels
from falcon_svc.encoder.preprocessing import Preprocessing
from falcon_svc.encoder.pretrain import pretrain
from falcon_svc.encoder.pretrain_state import PretrainReport
from falcon_svc.encoder.views import ImageViews
from falcon_svc.progress import Progress
from falcon_svc.types import CoarseDataset


def open_moco(argument: str, dataset: CoarseDataset, run: EncoderRun) -> NetworkEncoder:
    """Return an encoder that was trained on the images of a data set.

    Parameters
    ----------
    argument
        Empty, or ``continue=DIR``: start from the encoder of an earlier result.
    dataset, run
        As in `open_encoder`.
    """
    config = run.config.moco
    folder = None if run.work_dir is None else run.work_dir / "encoder"
    store = load_or_make_pixels(dataset, side=run.config.side, folder=folder, progress=run.progress)
    seen = store.preprocessing
    network = first_network(config.network, seen, seed=run.seed)
    run.progress.stage("pretraining", config.epochs)
    history = pretrain(
        store.pixels,
        ImageViews(seen, config.views),
        network,
        dataset.coarse.labels,
        config,
        seed=run.seed,
        device=run.device,
        work_dir=folder,
        on_epoch=lambda report: _tell(run.progress, report),
    )
    origin = {
        "method": "moco",
        "seed": run.seed,
        "config": config.model_dump(mode="json"),
        "history": [asdict(report) for report in history],
    }
    return NetworkEncoder(network, config.network, seen, origin, run.device)


def first_network(name: str, seen: Preprocessing, *, seed: int) -> nn.Module:
    """Return an untrained network; its weights are drawn from the seed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return make_network(name, channels=seen.channels, side=seen.side)


def _tell(progress: Progress, report: PretrainReport) -> None:
    metrics = {"loss": report.loss, "samples_per_s": report.samples_per_s}
    if report.coarse_purity is not None:
        metrics["coarse_purity"] = report.coarse_purity
    progress.advance(report.epoch, metrics)
