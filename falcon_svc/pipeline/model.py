"""The model of a discovery, as it is written: feature space, head, relations, class names.

Files: `model.safetensors` (tensors) and `model.json` (all else), which
`falcon_svc.result.predictor` reads and predicts with.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

import safetensors.torch
import torch
from torch import nn

from falcon_svc.discovery.training.config import TrainConfig
from falcon_svc.discovery.training.feature_space import FeatureSpace
from falcon_svc.result.predictor import FORMAT_VERSION, RECORD, TENSORS
from falcon_svc.types import BoolArray, Scaling


@dataclass(frozen=True)
class DiscoveryModel:
    """All that predicts fine classes of new vectors.

    Parameters
    ----------
    space
        From features to head inputs.
    head, train
        The teacher, and the settings that say what kind of head it is.
    relations, sources
        (F, C) bool per label source, and each source's name and class names.
    encoder
        The encoder spec that made the features; new samples must come from the same.
    features
        (D,) names of the vectors' columns in order; None where they have none.
    scaling
        What brought the columns to one scale before the discovery; None = nothing did. New
        vectors come as they are and are scaled here.
    """

    space: FeatureSpace
    head: nn.Module
    train: TrainConfig
    relations: tuple[BoolArray, ...]
    sources: tuple[tuple[str, tuple[str, ...]], ...]
    encoder: str
    features: tuple[str, ...] | None = None
    scaling: Scaling | None = None

    @property
    def n_dims(self) -> int:
        """D, the dimensions of the vectors it takes."""
        return len(self.space.mean)

    def files(self) -> dict[str, bytes]:
        """Return the files' contents by name."""
        tensors = {
            "mean": torch.from_numpy(self.space.mean),
            "projection": torch.from_numpy(self.space.projection),
        }
        tensors |= {f"head.{name}": t for name, t in self.head.state_dict().items()}
        tensors |= {f"relation.{i}": torch.from_numpy(r) for i, r in enumerate(self.relations)}
        if self.scaling is not None:
            tensors["scaling.centre"] = torch.from_numpy(self.scaling.centre)
            tensors["scaling.scale"] = torch.from_numpy(self.scaling.scale)
        contiguous = {name: tensor.contiguous() for name, tensor in tensors.items()}
        record = {
            "format_version": FORMAT_VERSION,
            "encoder": self.encoder,
            "n_dims": self.n_dims,
            "features": None if self.features is None else list(self.features),
            "scaling": None if self.scaling is None else self.scaling.kind,
            "n_fine": len(self.relations[0]),
            "train": self.train.model_dump(mode="json"),
            "sources": [{"name": name, "classes": list(names)} for name, names in self.sources],
        }
        text = json.dumps(record, indent=1, ensure_ascii=False) + "\n"
        return {TENSORS: safetensors.torch.save(contiguous), RECORD: text.encode()}
