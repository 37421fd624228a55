"""Any feature extractor that a user has as an ONNX file, run by onnxruntime (extra `onnx`).

Input: float32 RGB ``(pixels - mean) * scale``, NCHW or NHWC, square. Output: the first with shape
(N, D); (N, D, H, W) and (N, H, W, D) feature maps are averaged over H and W.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np

from falcon_svc.encoder.base import EncoderRun
from falcon_svc.encoder.onnx_session import open_session
from falcon_svc.errors import ConfigError, InputError
from falcon_svc.progress import Progress
from falcon_svc.types import CoarseDataset, FloatArray

DEFAULT_SIDE = 192
PIECE = 1 << 20


class OnnxEncoder:
    """An onnxruntime session with its preprocessing."""

    def __init__(self, argument: str, dataset: CoarseDataset, run: EncoderRun) -> None:
        images, config = dataset.images, run.config
        assert images is not None
        self._path = Path(argument)
        self._config = config
        self._weights = _file_digest(self._path)
        self._session = _open_session(self._path, config.threads)
        self._input = self._session.get_inputs()[0]
        self._channels_first, self._side = self._geometry()
        self.dim = self._run(images.read(0, 1, side=self._side)).shape[1]

    @property
    def spec(self) -> str:
        """The file's sha256 and the whole preprocessing."""
        c = self._config
        mean, scale = (",".join(f"{v:.9g}" for v in values) for values in (c.mean, c.scale))
        order = "NCHW" if self._channels_first else "NHWC"
        return f"onnx:{self._weights},side={self._side},mean={mean},scale={scale},{order}"

    def encode(self, dataset: CoarseDataset, out: FloatArray, progress: Progress) -> None:
        """Fill `out` (N, D) batch by batch."""
        images = dataset.images
        assert images is not None
        n, size = len(images), self._batch()
        for start in range(0, n, size):
            stop = min(start + size, n)
            out[start:stop] = self._run(images.read(start, stop, side=self._side))
            if not np.isfinite(out[start:stop]).all():
                raise InputError(
                    f"Expected finite features, found NaN or infinity for images {start} to "
                    f"{stop - 1} from {self._path.name}; check mean, scale and layout.",
                    code="non_finite",
                )
            progress.advance(stop, {})

    def files(self) -> dict[str, bytes]:
        """Nothing: the settings name the file."""
        return {}

    def _batch(self) -> int:
        fixed = self._input.shape[0]
        return fixed if isinstance(fixed, int) else self._config.batch

    def _geometry(self) -> tuple[bool, int]:
        """Return whether channels come before pixels, and the side."""
        shape = list(self._input.shape)
        if len(shape) != 4:
            raise self._unfit(f"an image input of four axes, found {shape}")
        layout = self._config.layout
        first = layout == "NCHW" or (layout == "auto" and shape[3] != 3)
        sides = shape[2:4] if first else shape[1:3]
        fixed = next((side for side in sides if isinstance(side, int)), None)
        if fixed and self._config.side not in (None, fixed):
            raise self._unfit(f"side {fixed}, found side = {self._config.side} in the settings")
        return first, self._config.side or fixed or DEFAULT_SIDE

    def _run(self, pixels: Any) -> FloatArray:
        """Return (B, D) for (B, side, side, 3) uint8; a fixed batch is filled up with zeros."""
        mean, scale = (np.array(v, np.float32) for v in (self._config.mean, self._config.scale))
        batch = (pixels.astype(np.float32) - mean) * scale
        if self._channels_first:
            batch = batch.transpose(0, 3, 1, 2)
        count, size = len(batch), self._input.shape[0]
        if isinstance(size, int) and count < size:
            batch = np.concatenate([batch, np.zeros((size - count, *batch.shape[1:]), np.float32)])
        kind = np.float16 if self._input.type == "tensor(float16)" else np.float32
        feed = {self._input.name: np.ascontiguousarray(batch, dtype=kind)}
        try:
            outputs = self._session.run(None, feed)
        except Exception as error:  # onnxruntime's errors share no base but Exception
            raise self._unfit(
                f"a model that runs on {feed[self._input.name].shape}: {error}"
            ) from error
        return self._pooled(outputs)[:count]

    def _pooled(self, outputs: list[Any]) -> FloatArray:
        for output in outputs:
            if output.ndim == 2:
                return np.asarray(output, dtype=np.float32)
        for output in outputs:
            if output.ndim == 4:
                axes = (2, 3) if self._channels_first else (1, 2)
                return np.asarray(output.mean(axis=axes), dtype=np.float32)
        shapes = [output.shape for output in outputs]
        raise self._unfit(f"an output of shape (N, D), found {shapes}")

    def _unfit(self, reason: str) -> ConfigError:
        reason = " ".join(reason.split())[:300]
        return ConfigError(
            f"Encoder {self._path.name}: expected {reason}; export the model with one image input "
            "and a pooled output, or set side and layout.",
            code="bad_encoder",
        )


def _open_session(path: Path, threads: int) -> Any:
    def unfit(reason: str) -> ConfigError:
        return ConfigError(
            f"Encoder: expected an ONNX model, found {reason} in {path.name}; export the model "
            "again.",
            code="bad_encoder",
        )

    return open_session(path, threads, extra="onnx", purpose="encoder onnx:FILE", unfit=unfit)


def _file_digest(path: Path) -> str:
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while piece := file.read(PIECE):
                digest.update(piece)
    except OSError as error:
        raise ConfigError(
            f"Encoder: expected a readable ONNX file, found {error.strerror} at {path}; "
            "check the path after 'onnx:'.",
            code="bad_encoder",
        ) from error
    return digest.hexdigest()
