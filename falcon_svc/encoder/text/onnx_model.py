"""A sentence model as `model.onnx` with `tokenizer.json` beside it (extras `onnx` and `text`).

Input: `input_ids`, and `attention_mask` and `token_type_ids` where it has them, (B, L) int64.
Output: `sentence_embedding` or the first with shape (B, D); token vectors (B, L, D) are averaged
over the tokens, or the first is taken where `1_Pooling/config.json` says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from falcon_svc.encoder.onnx_session import open_session
from falcon_svc.encoder.text.batching import Batch
from falcon_svc.encoder.text.models import open_tokenizer, read_json, unfit
from falcon_svc.types import FloatArray, IntArray

POOLED = "sentence_embedding"


class OnnxTextModel:
    """An onnxruntime session.

    Parameters
    ----------
    path
        The ONNX file, in a folder that `models` has checked.
    name, most
        Its digest, and the tokens of a text that it reads.
    threads
        Threads of onnxruntime; 0 = its own choice.
    """

    def __init__(self, path: Path, name: str, most: int, threads: int) -> None:
        self.name, self.most = name, most
        self.tokenizer = open_tokenizer(path.parent)
        self._folder = path.parent
        self._session = _session(path, threads)
        self._inputs = {one.name for one in self._session.get_inputs()}
        self._first = _takes_first(path.parent)

    def run(self, batches: Iterable[Batch]) -> Iterator[tuple[Batch, FloatArray]]:
        """Yield each batch with its (B, D) sentence embeddings."""
        return ((batch, self._vectors(batch.ids, batch.mask)) for batch in batches)

    def _vectors(self, ids: IntArray, mask: IntArray) -> FloatArray:
        feed = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        try:
            found = self._session.run(None, {n: v for n, v in feed.items() if n in self._inputs})
        except Exception as error:  # onnxruntime's errors share no base but Exception
            reason = " ".join(str(error).split())[:200]
            raise unfit(self._folder.name, f"a model that runs on tokens ({reason})") from error
        names = [one.name for one in self._session.get_outputs()]
        return self._pooled(dict(zip(names, found, strict=True)), mask)

    def _pooled(self, outputs: dict[str, Any], mask: IntArray) -> FloatArray:
        flat = [one for one in outputs.values() if one.ndim == 2]
        if POOLED in outputs or (flat and not any(one.ndim == 3 for one in outputs.values())):
            return np.asarray(outputs.get(POOLED, flat[0] if flat else None), np.float32)
        tokens = next((one for one in outputs.values() if one.ndim == 3), None)
        if tokens is None:
            shapes = [one.shape for one in outputs.values()]
            raise unfit(self._folder.name, f"an output (B, D) or (B, L, D), found {shapes}")
        if self._first:
            return np.asarray(tokens[:, 0], np.float32)
        weights = mask[:, :, None].astype(np.float32)
        return np.asarray((tokens * weights).sum(axis=1) / weights.sum(axis=1), np.float32)


def _takes_first(folder: Path) -> bool:
    path = folder / "1_Pooling" / "config.json"
    return path.is_file() and bool(read_json(path).get("pooling_mode_cls_token"))


def _session(path: Path, threads: int) -> Any:
    return open_session(
        path,
        threads,
        extra="text",
        purpose="encoder text:DIR",
        unfit=lambda reason: unfit(path.name, f"an ONNX model ({reason})"),
    )
