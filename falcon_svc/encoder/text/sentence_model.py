"""A directory of sentence-transformers, run by that library, from safetensors only.

On a CPU several batches run side by side, each on one thread: their matrices are too small to be
shared out, and a vector then does not depend on the number of threads.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Any

from falcon_svc.encoder.text.batching import Batch
from falcon_svc.encoder.text.models import open_tokenizer, unfit
from falcon_svc.errors import MissingExtraError
from falcon_svc.types import FloatArray

AHEAD = 8  # batches per thread that are made before the first of them is asked for


class SentenceModel:
    """Transformer, pooling and what else the directory's modules are.

    Parameters
    ----------
    folder
        Checked by `models`.
    name, most
        Its digest, and the tokens of a text that it reads.
    device
        A torch device.
    """

    def __init__(self, folder: Path, name: str, most: int, device: str) -> None:
        self.name, self.most = name, most
        self.tokenizer = open_tokenizer(folder)
        self._device = device
        self._network = _load(folder, device)

    def run(self, batches: Iterable[Batch]) -> Iterator[tuple[Batch, FloatArray]]:
        """Yield each batch with its (B, D) sentence embeddings."""
        import torch

        if self._device != "cpu":
            yield from ((batch, self._vectors(batch)) for batch in batches)
            return
        threads, every = torch.get_num_threads(), iter(batches)
        try:
            with ThreadPoolExecutor(threads, "texts", torch.set_num_threads, (1,)) as pool:
                while some := list(islice(every, AHEAD * threads)):
                    yield from zip(some, pool.map(self._vectors, some), strict=True)
        finally:
            torch.set_num_threads(threads)

    def _vectors(self, batch: Batch) -> FloatArray:
        import torch

        with torch.inference_mode():
            tokens = {
                "input_ids": torch.from_numpy(batch.ids).to(self._device),
                "attention_mask": torch.from_numpy(batch.mask).to(self._device),
            }
            found: FloatArray = self._network(tokens)["sentence_embedding"].float().cpu().numpy()
        return found


def _load(folder: Path, device: str) -> Any:
    try:
        from sentence_transformers import SentenceTransformer
        from transformers.utils import logging as library_log
    except ImportError as error:
        raise MissingExtraError(
            "sentence-transformers", extra="text", purpose="encoder text"
        ) from error
    library_log.disable_progress_bar()
    try:
        return SentenceTransformer(
            str(folder),
            device=device,
            local_files_only=True,
            trust_remote_code=False,
            model_kwargs={"use_safetensors": True},
        ).eval()
    except Exception as error:  # the library's errors share no base but Exception
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise unfit(
            folder.name, f"a model that sentence-transformers can open ({reason})"
        ) from error
