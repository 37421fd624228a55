"""The encoder `text`: tokens by the model's tokenizer, vectors by the model, of unit length.

Place: between `models`, which finds and checks a model, and the feature step.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from typing import Any, Protocol

import numpy as np

from falcon_svc.encoder.base import EncoderRun
from falcon_svc.encoder.text.batching import Batch, Tokens, batches
from falcon_svc.errors import InputError
from falcon_svc.progress import Progress
from falcon_svc.types import CoarseDataset, FloatArray, Note

TINY = 1e-12
_log = logging.getLogger(__name__)


class TextModel(Protocol):
    """A sentence model with its tokenizer."""

    @property
    def name(self) -> str:
        """Kind of the model, and a sha256 over all its files."""
        ...

    @property
    def most(self) -> int:
        """Tokens of a text that it reads."""
        ...

    @property
    def tokenizer(self) -> Any:
        """A `tokenizers.Tokenizer`."""
        ...

    def run(self, batches: Iterable[Batch]) -> Iterator[tuple[Batch, FloatArray]]:
        """Yield each batch with its (B, D) vectors, in order."""
        ...


def open_text(argument: str, dataset: CoarseDataset, run: EncoderRun) -> TextEncoder:
    """Return the encoder `text` (the extra's own model), or `text:FILE_OR_DIR_OR_NAME`.

    Parameters
    ----------
    argument
        What stands behind ``text:``; empty = the extra's own model.
    dataset
        N texts.
    run
        Settings, device, progress.

    Returns
    -------
    TextEncoder
        Ready to encode texts.

    Raises
    ------
    ConfigError
        No such model, one that holds pickles, or files that are not what they should be.
    MissingExtraError
        What runs it is not installed.

    Examples
    --------
    A model of your own, on the texts of `dataset`::

        encoder = open_text("/models/minilm", dataset, EncoderRun())
        encoder.spec, encoder.dim
    """
    from falcon_svc.encoder.text.models import find_model

    return TextEncoder(find_model(argument, run), run.config.max_tokens)


class TextEncoder:
    """A sentence model as an encoder.

    Parameters
    ----------
    model
        What makes vectors.
    max_tokens
        Tokens of a text that are read, >= 1, at most the model's own limit; None = that.

    Examples
    --------
    With the model of the extra ``text``::

        encoder = open_text("", dataset, EncoderRun())
        vectors = encode(encoder, dataset, EncoderRun()).vectors
    """

    def __init__(self, model: TextModel, max_tokens: int | None = None) -> None:
        self._model = model
        self._most = min(max_tokens or model.most, model.most)
        model.tokenizer.no_padding()
        model.tokenizer.enable_truncation(self._most)

    @property
    def spec(self) -> str:
        """The model with its digest, and how much of a text it reads."""
        return f"text:{self._model.name},max_tokens={self._most}"

    @cached_property
    def dim(self) -> int:
        """D."""
        _, found = next(iter(self._model.run(batches(self._tokens(["a"]), self._most))))
        return int(found.shape[1])

    def encode(self, dataset: CoarseDataset, out: FloatArray, progress: Progress) -> None:
        """Fill `out` (N, D), batch by batch of texts of like length."""
        done = 0
        for batch, found in self._model.run(batches(self._tokens(_texts(dataset)), self._most)):
            vectors = _unit(found[: len(batch.rows)])
            if not np.isfinite(vectors).all():
                raise InputError(
                    f"Expected finite vectors of texts, found NaN or infinity among "
                    f"{len(batch.rows)} texts of {batch.ids.shape[1]} tokens; use another model.",
                    code="non_finite",
                )
            out[batch.rows] = vectors
            done += len(batch.rows)
            progress.advance(done, {})

    def notes(self, dataset: CoarseDataset) -> tuple[Note, ...]:
        """Return how many texts are longer than what is read of them.

        Parameters
        ----------
        dataset
            N texts.

        Returns
        -------
        tuple of Note
            One note, or none.
        """
        texts = _texts(dataset)
        cut = sum(bool(found.overflowing) for found in self._model.tokenizer.encode_batch(texts))
        if not cut:
            return ()
        text = (
            f"{cut:,} of {len(texts):,} texts are longer than the {self._most:,} tokens that the "
        )
        text += "encoder reads; their ends do not count."
        _log.info(text)
        return (Note("texts_cut", text),)

    def files(self) -> dict[str, bytes]:
        """Nothing: the settings name the model."""
        return {}

    def _tokens(self, texts: Sequence[str]) -> list[Tokens]:
        return [found.ids for found in self._model.tokenizer.encode_batch(list(texts))]


def _texts(dataset: CoarseDataset) -> list[str]:
    assert dataset.texts is not None
    return list(dataset.texts)


def _unit(vectors: FloatArray) -> FloatArray:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(lengths, TINY), np.float32)
