"""The model of a discovery, as it is written: feature space, head, relations, class names.

Files: `model.safetensors` (tensors) and `model.json` (all else), which
`falcon_svc.result.predictor` reads and predicts with.
"""

from __future__ import annotations

import json
from collections import ChainMap
from dataclasses import dataclass, field

import safetensors.torch
import torch
from torch import nn

from falcon_svc.discovery.training.config import TrainConfig
from falcon_svc.discovery.training.feature_space import FeatureSpace
from falcon_svc.result.model_reading import reading_record, reading_tensors
from falcon_svc.result.predictor import FORMAT_VERSION, RECORD, TENSORS
from falcon_svc.result.reach import Reach
from falcon_svc.result.surety import Surety
from falcon_svc.types import BoolArray, Reading


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
    reading
        How the data set was read: names and scaling of columns, the recipe on counts.
    reach, surety
        How far the fine classes reach, and how precise the model is from which confidence on;
        None = not measured.
    text_encoder
        The spec (digest included) of the encoder that made vectors of texts; None where the
        samples were none.
    """

    space: FeatureSpace
    head: nn.Module
    train: TrainConfig
    relations: tuple[BoolArray, ...]
    sources: tuple[tuple[str, tuple[str, ...]], ...]
    encoder: str
    reading: Reading = field(default_factory=Reading)
    reach: Reach | None = None
    surety: Surety | None = None
    text_encoder: str | None = None

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
        measured = [one.tensors() for one in (self.reach, self.surety) if one]
        numbers = reading_tensors(self.reading) | dict(ChainMap(*measured))
        tensors |= {name: torch.from_numpy(values.copy()) for name, values in numbers.items()}
        contiguous = {name: tensor.contiguous() for name, tensor in tensors.items()}
        record = {
            "format_version": FORMAT_VERSION,
            "encoder": self.encoder,
            "n_dims": self.n_dims,
            **reading_record(self.reading),
            "text_encoder": self.text_encoder,
            "n_fine": len(self.relations[0]),
            "train": self.train.model_dump(mode="json"),
            "sources": [{"name": name, "classes": list(names)} for name, names in self.sources],
        }
        text = json.dumps(record, indent=1, ensure_ascii=False) + "\n"
        return {TENSORS: safetensors.torch.save(contiguous), RECORD: text.encode()}
