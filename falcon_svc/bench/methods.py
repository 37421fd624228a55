"""The methods of the quality benchmark under one signature: (data set, seed) -> answer.

Several variants of a baseline (raw or unit rows, least cluster sizes) are all run, and the table
shows the one of highest accuracy, chosen WITH the fine truth: a head start for the baselines.
What is ours has one setting, its defaults.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import numpy as np

from falcon_svc.bench import baselines, peers
from falcon_svc.bench.bench_set import BenchSet
from falcon_svc.config import DiscoveryConfig
from falcon_svc.discovery.counts.config import CountConfig
from falcon_svc.discovery.training.config import TrainConfig
from falcon_svc.discovery.training.head_start import random_start
from falcon_svc.discovery.training.prediction import predict
from falcon_svc.discovery.training.trainer import train_head
from falcon_svc.errors import ConfigError
from falcon_svc.neighbors import search_neighbors
from falcon_svc.pipeline.device import choose_device
from falcon_svc.pipeline.discover import discover
from falcon_svc.pipeline.stages import N_NEIGHBORS
from falcon_svc.types import IntArray

HDBSCAN_SIZES = (5, 20)


@dataclass(frozen=True)
class Answer:
    """What a method found.

    Parameters
    ----------
    fine
        (N,) int64 fine ids; of a head, among the children of the coarse label.
    counts
        (C,) int64 fine classes that the method worked with, per coarse class.
    unmasked
        (N,) plain argmax of a head; None for methods that have no other form.
    interval
        (C, 2) int64 least and most fine classes that the method finds plausible; None where it
        was told the number or says nothing.
    verdicts
        Per coarse class whether the data speak for finer ones (`CountEstimate.verdict`); empty
        where the method says nothing.
    """

    fine: IntArray
    counts: IntArray
    unmasked: IntArray | None = None
    interval: IntArray | None = None
    verdicts: tuple[str, ...] = ()


Variant = Callable[[BenchSet, int], Answer]


@dataclass(frozen=True)
class Method:
    """One row of the table.

    Parameters
    ----------
    title
        As shown.
    variants
        Name -> how it is run; the best one is shown.
    seeded
        Whether the seed changes anything; without, it runs once.
    """

    title: str
    variants: Mapping[str, Variant]
    seeded: bool = True


def _baseline(
    cluster: baselines.Cluster, view: str, data: BenchSet, seed: int, *, proportional: bool = False
) -> Answer:
    source, counts = data.dataset.coarse, data.true_counts
    if proportional:
        sizes = np.array([len(rows) for rows in source.rows_by_class()])
        counts = baselines.proportional_counts(sizes, data.n_fine)
    fine = baselines.per_class(data.view(view), source, counts, cluster, seed)
    found = [len(np.unique(fine[rows])) for rows in source.rows_by_class()]
    return Answer(fine, np.array(found, np.int64))


def _views(cluster: baselines.Cluster, *, proportional: bool = False) -> dict[str, Variant]:
    return {
        view: partial(_baseline, cluster, view, proportional=proportional) for view in ("raw", "L2")
    }


def _raw(cluster: baselines.Cluster) -> dict[str, Variant]:
    """One variant, for what works by cosine or looks at nothing."""
    return {"raw": partial(_baseline, cluster, "raw")}


def paper(data: BenchSet, seed: int) -> Answer:
    """The paper's losses, schedule and random start on unit rows, total number given.

    Unit rows are scaled by sqrt(D): the paper's learning rate expects unit variance.
    """
    features = data.view("L2") * np.float32(data.features.shape[1] ** 0.5)
    sources = data.dataset.sources
    neighbors = tuple(search_neighbors(features, s, N_NEIGHBORS, seed=seed) for s in sources)
    start = random_start(data.n_fine, features.shape[1], sources, seed=seed)
    device, config = choose_device("auto"), TrainConfig.paper()
    head = train_head(features, sources, neighbors, start, config, seed=seed, device=device)
    found = predict(head.teacher, features, sources, head.relations)
    return Answer(found.fine, head.relations[0].sum(axis=0), found.fine_unmasked)


def ours(counts_of: Callable[[BenchSet], CountConfig], data: BenchSet, seed: int) -> Answer:
    """`falcon_svc.pipeline.discover` with its defaults, on the same features."""
    run = discover(data.dataset, DiscoveryConfig(counts=counts_of(data), seed=seed))
    found, counts = run.discovery.assignments, run.discovery.counts
    estimated = all(count.origin == "estimated" for count in counts)
    interval = np.array([(count.low, count.high) for count in counts], np.int64)
    return Answer(
        found.fine,
        np.array([count.n_fine for count in counts], np.int64),
        found.fine_unmasked,
        interval if estimated else None,
        tuple(count.verdict for count in counts),
    )


def _counts_given(data: BenchSet) -> CountConfig:
    names = data.dataset.coarse.names
    return CountConfig(n_fine_per_coarse=dict(zip(names, data.true_counts.tolist(), strict=True)))


def _total_given(data: BenchSet) -> CountConfig:
    return CountConfig(n_fine=data.n_fine)


def _nothing_given(data: BenchSet) -> CountConfig:
    return CountConfig()


def _ours(title: str, counts_of: Callable[[BenchSet], CountConfig]) -> Method:
    return Method(title, {"defaults": partial(ours, counts_of)})


METHODS: dict[str, Method] = {
    "kmeans": Method("k-means per class, true counts", _views(baselines.kmeans)),
    "kmeans-proportional": Method(
        "k-means per class, proportional counts", _views(baselines.kmeans, proportional=True)
    ),
    "spectral": Method("spectral per class, true counts", _views(baselines.spectral)),
    "ward": Method("Ward per class, true counts", _views(baselines.ward), seeded=False),
    "hdbscan": Method(
        "HDBSCAN per class",
        {
            f"{view}, least {least}": partial(_baseline, baselines.hdbscan(least), view)
            for view in ("raw", "L2")
            for least in HDBSCAN_SIZES
        },
        seeded=False,
    ),
    "no-split": Method("no split", _raw(peers.no_split), seeded=False),
    "leiden": Method(
        "Leiden per class",
        {
            f"{view}, {weights}": partial(_baseline, peers.leiden(weighted=weighted), view)
            for view in ("raw", "L2")
            for weights, weighted in (("UMAP weights", True), ("unweighted", False))
        },
    ),
    "umap-hdbscan": Method("UMAP + HDBSCAN per class", _raw(peers.umap_hdbscan)),
    "evoc": Method("EVoC per class", _raw(peers.evoc)),
    "plscan": Method("PLSCAN per class", _views(peers.plscan), seeded=False),
    "paper": Method("paper's recipe, total given", {"L2": paper}),
    "counts": _ours("ours, counts given", _counts_given),
    "total": _ours("ours, total given", _total_given),
    "auto": _ours("ours, auto", _nothing_given),
}
"""Name on the command line -> method, in the order of the table."""


Name = TypeVar("Name", bound=str)


def chosen_among(known: Iterable[Name], asked: Sequence[str] | None, *, what: str) -> list[Name]:
    """Return those of `known` that were asked for, in its order; None = all.

    Raises
    ------
    ConfigError
        There is no such name; the sentence lists those there are.
    """
    names = list(known)
    unknown = sorted(set(asked or ()) - set(names))
    if unknown:
        raise ConfigError(
            f"Expected {what} among {', '.join(names)}, found {', '.join(unknown)}; "
            f"leave --{what} out for the default."
        )
    return [name for name in names if asked is None or name in asked]
