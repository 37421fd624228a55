"""A network with its weights and its way of seeing images, as an encoder: in use and at rest.

Place: what pre-training, timm, torchvision and joint training all end in. A result directory
holds `encoder.safetensors` (weights) and `encoder.json` (all else), so that new images go through
the same network; nothing is unpickled.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from pydantic import ValidationError
from safetensors import SafetensorError
from torch import nn

from falcon_svc.encoder.backbones.networks import NETWORKS, make_network
from falcon_svc.encoder.backbones.vector_network import VectorNetwork
from falcon_svc.encoder.backbones.weight_fit import fit_weights
from falcon_svc.encoder.preprocessing import SEEN, Seen, VectorInput
from falcon_svc.errors import InputError, StorageError
from falcon_svc.progress import Progress
from falcon_svc.types import CoarseDataset, FloatArray

Tensors = dict[str, torch.Tensor]

FORMAT_VERSION = 1
TENSORS, RECORD = "encoder.safetensors", "encoder.json"
MLP = "mlp:"


@dataclass(frozen=True, eq=False)
class NetworkEncoder:
    """A trained network and its preprocessing.

    Parameters
    ----------
    network
        (B, C, S, S) normalised images, or (B, n_dims) vectors -> (B, D).
    architecture
        What makes the same network without weights: a name of `networks`, `mlp:WIDTH` for
        vectors, or `timm:NAME`, `torchvision:NAME`.
    seen
        How samples become its input.
    origin
        How the weights came about, JSON-ready: method, settings, history.
    device, batch
        Where and how many samples at once.
    """

    network: nn.Module
    architecture: str
    seen: Seen
    origin: Mapping[str, Any] = field(default_factory=dict)
    device: str = "cpu"
    batch: int = 256

    @cached_property
    def dim(self) -> int:
        """D."""
        return int(self._run(torch.zeros(1, *self.seen.shape)).shape[1])

    @cached_property
    def spec(self) -> str:
        """Architecture, and a sha256 over weights and preprocessing."""
        digest = hashlib.sha256(self._weights())
        digest.update(self.seen.model_dump_json().encode())
        return f"{self.architecture},sha256={digest.hexdigest()}"

    def encode(self, dataset: CoarseDataset, out: FloatArray, progress: Progress) -> None:
        """Fill `out` (N, D) batch by batch."""
        n = len(dataset)
        for start in range(0, n, self.batch):
            stop = min(start + self.batch, n)
            samples = torch.tensor(self.seen.samples(dataset, start, stop), device=self.device)
            out[start:stop] = self._run(self.seen.normalise(samples)).cpu().numpy()
            _check_finite(out[start:stop], start)
            progress.advance(stop, {})

    def files(self) -> dict[str, bytes]:
        """Return the files' contents by name."""
        record = {
            "format_version": FORMAT_VERSION,
            "architecture": self.architecture,
            "preprocessing": self.seen.model_dump(mode="json"),
            "origin": dict(self.origin),
        }
        text = json.dumps(record, indent=1, ensure_ascii=False) + "\n"
        return {TENSORS: self._weights(), RECORD: text.encode()}

    @classmethod
    def load(cls, path: Path, *, device: str = "cpu") -> NetworkEncoder:
        """Read the encoder of a result directory, or a file of weights with its record beside it.

        Raises
        ------
        StorageError
            A file is missing or damaged, or of a newer version.
        ConfigError
            The weights are not of the network that the record names.
        """
        file = weights_file(path)

        def read() -> tuple[bytes, Tensors]:
            return file.with_suffix(".json").read_bytes(), safetensors.torch.load_file(file)

        return cls._made(read, str(path), device)

    @classmethod
    def of(cls, files: Mapping[str, bytes], *, where: str, device: str = "cpu") -> NetworkEncoder:
        """Read the encoder that `files` once returned; see `load` for the errors.

        Parameters
        ----------
        files
            Contents by name.
        where
            What holds them, for messages.
        device
            A torch device.
        """

        def read() -> tuple[bytes, Tensors]:
            return files[RECORD], safetensors.torch.load(files[TENSORS])

        return cls._made(read, where, device)

    @classmethod
    def _made(
        cls, read: Callable[[], tuple[bytes, Tensors]], where: str, device: str
    ) -> NetworkEncoder:
        try:
            text, tensors = read()
            record: dict[str, Any] = json.loads(text)
            if record["format_version"] != FORMAT_VERSION:
                raise ValueError(f"format version {record['format_version']}")
            seen = SEEN.validate_python(record["preprocessing"])
            architecture, origin = str(record["architecture"]), dict(record["origin"])
            network = untrained(architecture, seen)
        except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
            raise _unreadable(where, error) from error
        fit_weights(network, tensors, where=f"{architecture} in {where}")
        network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        return cls(network, architecture, seen, origin, device)

    def _weights(self) -> bytes:
        state = self.network.state_dict()
        return safetensors.torch.save({n: t.cpu().contiguous() for n, t in state.items()})

    @torch.inference_mode()
    def _run(self, x: torch.Tensor) -> torch.Tensor:
        x = x.to(self.device)
        if x.ndim == 4:
            x = x.contiguous(memory_format=torch.channels_last)
        features: torch.Tensor = self.network.eval()(x)
        return features.float()


def weights_file(path: Path) -> Path:
    """Return the file of weights: `path`, or the one that the directory `path` holds."""
    return path / TENSORS if path.is_dir() else path


def untrained(architecture: str, seen: Seen) -> nn.Module:
    """Return the network of a record, with random weights."""
    if isinstance(seen, VectorInput):
        return VectorNetwork(seen.n_dims, int(architecture.removeprefix(MLP)))
    if architecture in NETWORKS:
        return make_network(architecture, channels=seen.channels, side=seen.side)
    from falcon_svc.encoder.backbones.library_networks import make_backbone

    return make_backbone(architecture, side=seen.side).network


def _check_finite(features: FloatArray, start: int) -> None:
    if not torch.isfinite(torch.from_numpy(features)).all():
        raise InputError(
            f"Expected finite features, found NaN or infinity for images {start} to "
            f"{start + len(features) - 1}; train the encoder again, with a lower learning_rate.",
            code="non_finite",
        )


def _unreadable(where: str, error: Exception) -> StorageError:
    first = error.errors()[0]["msg"] if isinstance(error, ValidationError) else error
    return StorageError(
        f"Expected an encoder ({RECORD} and {TENSORS}, version {FORMAT_VERSION}) in {where}, "
        f"but it cannot be read ({first}); give the directory of a run with --encoder moco."
    )
