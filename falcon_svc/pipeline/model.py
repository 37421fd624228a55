"""The model of a discovery at rest and in use: feature space, head, relations, class names.

Files: `model.safetensors` (tensors) and `model.json` (all else). Nothing is unpickled.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import nn

from falcon_svc.core.heads import make_head
from falcon_svc.discovery.feature_space import FeatureSpace
from falcon_svc.discovery.prediction import predict
from falcon_svc.discovery.result import Assignments
from falcon_svc.discovery.train_config import TrainConfig
from falcon_svc.errors import InputError, StorageError
from falcon_svc.types import UNLABELLED, BoolArray, FloatArray, LabelSource, Scale, Scaling

FORMAT_VERSION = 1
TENSORS, RECORD = "model.safetensors", "model.json"


@dataclass(frozen=True)
class DiscoveryModel:
    """Predicts fine classes of new vectors.

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
    text_column, text_encoder
        The column whose texts were the samples, and the spec (digest included) of the encoder that
        made vectors of them; None where the samples were none.
    """

    space: FeatureSpace
    head: nn.Module
    train: TrainConfig
    relations: tuple[BoolArray, ...]
    sources: tuple[tuple[str, tuple[str, ...]], ...]
    encoder: str
    features: tuple[str, ...] | None = None
    scaling: Scaling | None = None
    text_column: str | None = None
    text_encoder: str | None = None

    @property
    def n_dims(self) -> int:
        """D, the dimensions of the vectors it takes."""
        return len(self.space.mean)

    def predict(
        self, vectors: FloatArray, coarse: Sequence[str | None] | None = None
    ) -> Assignments:
        """Assign fine classes.

        Parameters
        ----------
        vectors
            (N, D) float32 features, before any scaling of columns.
        coarse
            N coarse class names of the first label source, None where unknown; or None.

        Raises
        ------
        InputError
            Other dimensions than the model's, numbers that are not finite, an unknown class name.
        """
        self._check(vectors)
        labels = () if coarse is None else (self._labels(coarse),)
        plain = np.asarray(vectors, np.float32)
        inputs = self.space.apply(plain if self.scaling is None else self.scaling.apply(plain))
        return predict(self.head, inputs, labels, self.relations[: len(labels)])

    def _check(self, vectors: FloatArray) -> None:
        if vectors.ndim != 2 or vectors.shape[1] != self.n_dims:
            raise InputError(
                f"Expected vectors of {self.n_dims} numbers, as the model was trained on, but "
                f"found an array of shape {vectors.shape}; use the same encoder as the discovery."
            )
        if not np.isfinite(vectors).all():
            row = int(np.flatnonzero(~np.isfinite(vectors).all(axis=1))[0])
            raise InputError(
                f"Expected finite numbers, found NaN or infinity in row {row}; "
                "remove or impute it.",
                code="non_finite",
            )

    def _labels(self, coarse: Sequence[str | None]) -> LabelSource:
        name, names = self.sources[0]
        index = {known: k for k, known in enumerate(names)}
        for label in coarse:
            if label is not None and label not in index:
                raise InputError(
                    f"Expected coarse classes of the discovery, found {label!r}; leave unknown "
                    "ones empty."
                )
        labels = [UNLABELLED if label is None else index[label] for label in coarse]
        return LabelSource(name, np.array(labels, np.int64), names)

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
            "text_column": self.text_column,
            "text_encoder": self.text_encoder,
            "n_fine": len(self.relations[0]),
            "train": self.train.model_dump(mode="json"),
            "sources": [{"name": name, "classes": list(names)} for name, names in self.sources],
        }
        text = json.dumps(record, indent=1, ensure_ascii=False) + "\n"
        return {TENSORS: safetensors.torch.save(contiguous), RECORD: text.encode()}

    @classmethod
    def load(cls, directory: Path) -> DiscoveryModel:
        """Read the model of a result directory.

        Raises
        ------
        StorageError
            A file is missing or damaged, or of a newer version.
        """
        try:
            record: dict[str, Any] = json.loads((directory / RECORD).read_text("utf-8"))
            tensors = safetensors.torch.load_file(directory / TENSORS)
            return cls._from(record, tensors)
        except (OSError, ValueError, KeyError, SafetensorError) as error:
            raise StorageError(
                f"Expected the model of a discovery (version {FORMAT_VERSION}) in {directory}, "
                f"but it cannot be read ({error}); run falcon discover again."
            ) from error

    @classmethod
    def _from(cls, record: dict[str, Any], tensors: dict[str, torch.Tensor]) -> DiscoveryModel:
        if record["format_version"] != FORMAT_VERSION:
            raise ValueError(f"format version {record['format_version']}")
        sources = tuple((s["name"], tuple(s["classes"])) for s in record["sources"])
        train = TrainConfig.model_validate(record["train"])
        return cls(
            space=FeatureSpace(tensors["mean"].numpy(), tensors["projection"].numpy()),
            head=_head(train, {n[5:]: t for n, t in tensors.items() if n.startswith("head.")}),
            train=train,
            relations=tuple(tensors[f"relation.{i}"].numpy() for i in range(len(sources))),
            sources=sources,
            encoder=record["encoder"],
            features=None if record.get("features") is None else tuple(record["features"]),
            scaling=_scaling(record.get("scaling"), tensors),
            text_column=record.get("text_column"),
            text_encoder=record.get("text_encoder"),
        )


def _scaling(kind: Scale | None, tensors: dict[str, torch.Tensor]) -> Scaling | None:
    if kind is None:
        return None
    return Scaling(kind, tensors["scaling.centre"].numpy(), tensors["scaling.scale"].numpy())


def _head(train: TrainConfig, state: dict[str, torch.Tensor]) -> nn.Module:
    """A head of the kind that was trained, with its tensors."""
    head = make_head(
        train.head,
        state["weight"],
        state["bias"],
        hidden=train.hidden_units,
        temperature=train.head_temperature,
        learned_temperature=train.learn_head_temperature,
        generator=torch.Generator(),
    )
    head.load_state_dict(state)
    return head.requires_grad_(False).eval()
