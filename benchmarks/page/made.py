"""A made result of any size, as `falcon discover` would write it: blobs, nothing trained."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from falcon_svc.core.heads import make_head
from falcon_svc.discovery.training.config import TrainConfig
from falcon_svc.discovery.training.feature_space import FeatureSpace
from falcon_svc.durable.atomic_directory import FileContent
from falcon_svc.pipeline.model import DiscoveryModel
from falcon_svc.result.files import FEATURES, features_file, write_discovery
from falcon_svc.result.record import (
    Assignments,
    CountEstimate,
    Discovery,
    FineClass,
    SourceRelation,
)
from falcon_svc.types import FloatArray, IntArray, LabelSource

DIM = 16
MAPPED = 4_000
N_COARSE_PER_FINE = 100
"""Fine classes under each coarse one."""


def made_result(directory: Path, n_samples: int, n_fine: int, *, seed: int = 0) -> None:
    """Write a result.

    Parameters
    ----------
    directory
        Must not exist, or hold a result.
    n_samples, n_fine
        Samples, and classes of about equal size.
    seed
        Seed of the blobs.
    """
    rng = np.random.default_rng(seed)
    fine = np.sort(rng.integers(0, n_fine, n_samples))
    n_coarse = max(1, n_fine // N_COARSE_PER_FINE)
    parent = np.arange(n_fine) % n_coarse
    centres = rng.normal(size=(n_fine, DIM)).astype(np.float32) * 3
    x = centres[fine] + rng.normal(size=(n_samples, DIM)).astype(np.float32)
    source = LabelSource("coarse", parent[fine], tuple(f"coarse {q}" for q in range(n_coarse)))
    found = _discovery(x, fine, source, parent, rng)
    files: dict[str, FileContent] = {**_model(x, found).files(), FEATURES: features_file(x)}
    write_discovery(directory, found, model_files=files, report_html="")


def _discovery(
    x: FloatArray,
    fine: IntArray,
    source: LabelSource,
    parent: IntArray,
    rng: np.random.Generator,
) -> Discovery:
    n, rows = len(fine), np.arange(0, len(fine), max(1, len(fine) // MAPPED))
    relation = np.eye(source.n_coarse, dtype=np.bool_)[parent]
    regret = np.where(relation, 0, rng.gamma(2, 0.1, relation.shape)).astype(np.float32)
    return Discovery(
        ids=tuple(f"s{i:07d}" for i in range(n)),
        dataset_digest="ab" * 32,
        sources=(source,),
        assignments=_assignments(fine, parent, source.n_coarse, rng),
        classes=_classes(fine, parent, rng),
        relations=(
            SourceRelation(
                source="coarse",
                coarse_names=source.names,
                relation=relation,
                regret=regret,
                status="optimal",
                method="made",
                objective=1.0,
                bound=1.0,
                gap=0.0,
                seconds=0.0,
                certificate={},
            ),
        ),
        counts=tuple(
            CountEstimate(q, int(size), int(size), int(size), "given")
            for q, size in enumerate(relation.sum(axis=0))
        ),
        map_rows=rows,
        map_xy=x[rows, :2],
        history=(),
        stages=(),
        seed=0,
        config={},
        versions={},
    )


def _assignments(
    fine: IntArray, parent: IntArray, n_coarse: int, rng: np.random.Generator
) -> Assignments:
    n, n_fine = len(fine), len(parent)
    confidence = rng.beta(8, 2, n).astype(np.float32)
    other = (fine + n_coarse * rng.integers(1, 4, n)) % n_fine
    other = np.where(parent[other] == parent[fine], other, -1)
    margin = np.where(other < 0, 1.0, np.maximum(2 * confidence - 1, 0)).astype(np.float32)
    return Assignments(fine, confidence, margin, np.where(other == fine, -1, other), fine)


def _classes(fine: IntArray, parent: IntArray, rng: np.random.Generator) -> tuple[FineClass, ...]:
    starts = np.searchsorted(fine, np.arange(len(parent) + 1))
    stability = rng.beta(6, 2, len(parent))
    return tuple(
        FineClass(
            id=i,
            coarse={"coarse": int(parent[i])},
            size=int(starts[i + 1] - starts[i]),
            mean_confidence=0.8,
            medoids=tuple(range(starts[i], min(starts[i] + 8, starts[i + 1]))),
            stability=float(stability[i]),
        )
        for i in range(len(parent))
    )


def _model(x: FloatArray, found: Discovery) -> DiscoveryModel:
    head = make_head(
        "linear",
        *(torch.zeros(found.n_fine, DIM), torch.zeros(found.n_fine)),
        hidden=1,
        temperature=1.0,
        learned_temperature=False,
        generator=torch.Generator(),
    )
    return DiscoveryModel(
        FeatureSpace(x.mean(axis=0), np.eye(DIM, dtype=np.float32)),
        *(head, TrainConfig(), tuple(r.relation for r in found.relations)),
        tuple((source.name, source.names) for source in found.sources),
        encoder="none",
    )
