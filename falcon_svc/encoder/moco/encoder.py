"""`--encoder moco`: a network trained on the data set's own samples, from nothing or from a file.

Place: opened by `features`; joins samples, views, network and loop, and hands back an encoder.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from numpy.typing import NDArray
from torch import nn

from falcon_svc.encoder.backbones.network_encoder import (
    MLP,
    TENSORS,
    NetworkEncoder,
    untrained,
    weights_file,
)
from falcon_svc.encoder.backbones.vector_network import VectorNetwork
from falcon_svc.encoder.backbones.weight_files import read_safetensors
from falcon_svc.encoder.backbones.weight_fit import fit_weights
from falcon_svc.encoder.base import EncoderRun
from falcon_svc.encoder.moco.distributed import first_one_first, is_joint
from falcon_svc.encoder.moco.pretrain import pretrain
from falcon_svc.encoder.moco.pretrain_state import PretrainReport
from falcon_svc.encoder.moco.processes import run_processes
from falcon_svc.encoder.pixel_store import load_or_make_pixels
from falcon_svc.encoder.preprocessing import Seen, VectorInput
from falcon_svc.encoder.views.training_views import training_views
from falcon_svc.encoder.views.vector_views import are_logged_counts, some_rows
from falcon_svc.errors import ConfigError
from falcon_svc.progress import taken_over
from falcon_svc.types import CoarseDataset

CONTINUE = "continue="


def open_moco(argument: str, dataset: CoarseDataset, run: EncoderRun) -> NetworkEncoder:
    """Return an encoder that was trained on the images or the vectors of a data set.

    Parameters
    ----------
    argument
        Empty, or ``continue=PATH``: start from an earlier encoder, its directory or its weights.
    dataset, run
        As in `open_encoder`.

    Raises
    ------
    ConfigError
        There is no such encoder, or it is of another network (code ``bad_encoder``).
    CollapsedError, DivergedError, StorageError
        As in `pretrain`.
    """
    earlier = _earlier(argument)
    if run.config.moco.epochs == 0:
        return _as_it_is(earlier, run)
    folder = None if run.work_dir is None else run.work_dir / "encoder"
    samples, architecture, seen = _samples(dataset, run, folder)
    network = first_network(architecture, seen, seed=run.seed, earlier=earlier)
    if isinstance(network, VectorNetwork) and earlier is None:
        some = some_rows(samples)
        network.standardise_like(some, each=are_logged_counts(some))
    start = NetworkEncoder(network, architecture, seen, device=run.device)
    run.progress.stage("pretraining", run.config.moco.epochs)
    history = _train(start, samples, dataset, run, folder)
    return replace(start, origin=_origin(run, history))


def _samples(
    dataset: CoarseDataset, run: EncoderRun, folder: Path | None
) -> tuple[NDArray[Any], str, Seen]:
    """Return what is trained on, the network's name, and how it sees samples."""
    config = run.config
    if dataset.vectors is not None:
        seen = VectorInput(n_dims=dataset.vectors.shape[1])
        return dataset.vectors, f"{MLP}{config.moco.vectors.width}", seen
    with first_one_first():
        store = load_or_make_pixels(dataset, side=config.side, folder=folder, progress=run.progress)
    return store.pixels, config.moco.network, store.preprocessing


def _train(
    start: NetworkEncoder,
    samples: NDArray[Any],
    dataset: CoarseDataset,
    run: EncoderRun,
    folder: Path | None,
) -> tuple[PretrainReport, ...]:
    """Train the network in place, here or in processes of its own."""
    config, coarse = run.config.moco, dataset.coarse.labels
    trained = count(1)

    def tell(report: PretrainReport) -> None:
        metrics = {"loss": report.loss, "samples_per_s": report.samples_per_s}
        if report.coarse_purity is not None:
            metrics["coarse_purity"] = report.coarse_purity
        metrics |= taken_over(report.epoch - next(trained))
        run.progress.advance(report.epoch, metrics)

    with _place(folder, needed=config.processes > 1) as place:
        if place is not None and config.processes > 1 and not is_joint():
            run_processes(place, start, samples, coarse, config, seed=run.seed, on_epoch=tell)
        return pretrain(  # finds all epochs done, if processes did them
            samples,
            training_views(start.seen, samples, coarse, config),
            start.network,
            coarse,
            config,
            seed=run.seed,
            device=run.device,
            work_dir=place,
            on_epoch=tell,
        )


@contextmanager
def _place(folder: Path | None, *, needed: bool) -> Iterator[Path | None]:
    if folder is not None or not needed:
        yield folder
        return
    with TemporaryDirectory(prefix="falcon-moco-") as temporary:
        yield Path(temporary)


def first_network(name: str, seen: Seen, *, seed: int, earlier: Path | None = None) -> nn.Module:
    """Return a network before training.

    Parameters
    ----------
    name, seen
        Which, and for which samples.
    seed
        Draws its weights.
    earlier
        File of weights that it starts from instead.

    Raises
    ------
    ConfigError
        There is no such encoder, or it is of another network (code ``bad_encoder``).
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = untrained(name, seen)
    if earlier is not None:
        _check_architecture(earlier, name)
        where = f"{name} for samples of {' x '.join(map(str, seen.shape))} in {earlier}"
        fit_weights(network, read_safetensors(earlier), where=where)
    return network


def _earlier(argument: str) -> Path | None:
    """Return the file of weights that the encoder's argument names."""
    if not argument:
        return None
    file = weights_file(Path(argument.removeprefix(CONTINUE)))
    if not argument.startswith(CONTINUE) or not file.is_file():
        raise ConfigError(
            f"Expected moco:{CONTINUE}PATH with the result of an earlier run or its {TENSORS}, "
            f"found moco:{argument}; check the path.",
            code="bad_encoder",
        )
    return file


def _as_it_is(earlier: Path | None, run: EncoderRun) -> NetworkEncoder:
    if earlier is None:
        raise ConfigError(
            "Expected encoder.moco.epochs of 1 or more for a new encoder, found 0; name an "
            f"earlier one with moco:{CONTINUE}PATH, or train some epochs.",
            code="bad_encoder",
        )
    return NetworkEncoder.load(earlier, device=run.device)


def _check_architecture(earlier: Path, name: str) -> None:
    """Refuse an encoder whose record names another network; without a record, shapes decide."""
    try:
        found = json.loads(earlier.with_suffix(".json").read_text("utf-8"))["architecture"]
    except (OSError, ValueError, KeyError, TypeError):
        return
    if found != name:
        raise ConfigError(
            f"Expected an encoder with the network {name} to continue, found {found} in {earlier}; "
            "set encoder.moco.network (for vectors encoder.moco.vectors.width) to it.",
            code="bad_encoder",
        )


def _origin(run: EncoderRun, history: tuple[PretrainReport, ...]) -> dict[str, object]:
    return {
        "encoder": run.config.name,
        "seed": run.seed,
        "config": run.config.moco.model_dump(mode="json"),
        "history": [asdict(report) for report in history],
    }
