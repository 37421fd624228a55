"""Results for triage tests: blobs with a model, written as a real result directory."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from falcon_svc.core.heads import make_head
from falcon_svc.discovery.training.config import TrainConfig
from falcon_svc.discovery.training.feature_space import FeatureSpace
from falcon_svc.pipeline.model import DiscoveryModel
from falcon_svc.result.files import FEATURES, features_file, write_discovery
from falcon_svc.result.samples import samples_file
from falcon_svc.triage.state import Review
from falcon_svc.types import CoarseDataset
from tests.discoveries import blobs, pretend_dataset, pretend_discovery


def blob_review(**kwargs) -> Review:
    x, coarse, fine = blobs(**kwargs)
    return Review.of(pretend_discovery(pretend_dataset(x, coarse), x, fine))


def write_result(
    directory: Path, *, found=None, parts=None, names=None, **kwargs
) -> tuple[CoarseDataset, np.ndarray]:
    """Write a result; return (data set, true fine). `found` is what was found instead of it."""
    x, coarse, fine = blobs(**kwargs)
    dataset = pretend_dataset(x, coarse, **{"names": names, **(parts or {})})
    discovery = pretend_discovery(dataset, x, fine if found is None else found)
    dim, n_fine = x.shape[1], discovery.n_fine
    head = make_head(
        "linear",
        *(torch.zeros(n_fine, dim), torch.zeros(n_fine)),
        hidden=1,
        temperature=1.0,
        learned_temperature=False,
        generator=torch.Generator(),
    )
    model = DiscoveryModel(
        FeatureSpace(x.mean(axis=0), np.eye(dim, dtype=np.float32)),
        *(head, TrainConfig(), tuple(r.relation for r in discovery.relations)),
        tuple((source.name, source.names) for source in dataset.sources),
        encoder="none",
    )
    files = {**model.files(), FEATURES: features_file(x), **samples_file(dataset)}
    write_discovery(directory, discovery, model_files=files, report_html="")
    return dataset, fine
