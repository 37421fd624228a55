"""The one predictor: the head of a result in numpy, for the command line, the service and Python.

Place: reads `model.json` and `model.safetensors` of a result, which `falcon_svc.pipeline.model`
writes. It answers in milliseconds and needs no torch; a test holds it to the head in torch. Rows
are scored in pieces, so that no (N, F) table of a large N exists.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from falcon_svc.errors import InputError, StorageError
from falcon_svc.result.files import read_intact
from falcon_svc.result.record import Assignments
from falcon_svc.types import BoolArray, FloatArray, IntArray, Scaling

FORMAT_VERSION = 1
TENSORS, RECORD = "model.safetensors", "model.json"
EPSILON = 1e-12
_CHUNK_CELLS = 1 << 22  # cells of (rows, F): 16 MB

Labels = Sequence[str | None]
"""A coarse class name per sample, None where it is unknown."""


@dataclass(frozen=True)
class Predictions(Assignments):
    """Fine classes of new samples; rows as in `Assignments`.

    Parameters
    ----------
    coarse
        (N,) int64 coarse class of the first source: the given one, else the most probable.
    coarse_confidence
        (N,) float32 in [0, 1]: probability of the fine classes of the most probable coarse class.
    """

    coarse: IntArray
    coarse_confidence: FloatArray

    def abstained(self, least: float) -> BoolArray:
        """(N,) whether the confidence lies under `least` in [0, 1]."""
        return np.asarray(self.confidence < least)


@dataclass(frozen=True, eq=False)
class Predictor:
    """A head with its feature space and the relations of the label sources.

    Parameters
    ----------
    tensors
        As stored in `model.safetensors`.
    kind
        Kind of head: ``"linear"``, ``"mlp"`` or ``"prototype"``.
    sources
        Each label source's name and its class names, in the order of the relations.
    features
        (D,) names of the vectors' columns in order; None where they have none.
    encoder
        The encoder that made the features; new samples must come from the same.
    """

    tensors: Mapping[str, NDArray[Any]]
    kind: str
    sources: tuple[tuple[str, tuple[str, ...]], ...]
    features: tuple[str, ...] | None = None
    encoder: str = "none"

    @classmethod
    def load(cls, directory: Path) -> Predictor:
        """Read the model of a result directory.

        Raises
        ------
        InputError
            `directory` holds no result.
        StorageError
            A file is missing, not as it was written, or of a newer version.
        """
        names = (RECORD, TENSORS)
        return cls.of_files(dict(zip(names, read_intact(directory, names), strict=True)))

    @classmethod
    def of_files(cls, files: Mapping[str, bytes]) -> Predictor:
        """Make a predictor of the contents of the model's two files, by name."""
        from safetensors import SafetensorError
        from safetensors.numpy import load

        try:
            record = json.loads(files[RECORD])
            if record["format_version"] != FORMAT_VERSION:
                raise ValueError(f"format version {record['format_version']}")
            return cls(
                tensors=load(files[TENSORS]),
                kind=record["train"]["head"],
                sources=tuple((s["name"], tuple(s["classes"])) for s in record["sources"]),
                features=None if record.get("features") is None else tuple(record["features"]),
                encoder=record["encoder"],
            )
        except (ValueError, KeyError, TypeError, SafetensorError) as error:
            raise StorageError(
                f"Expected the model of a discovery (version {FORMAT_VERSION}), but it cannot be "
                f"read ({error}); run falcon discover again."
            ) from error

    @property
    def n_dims(self) -> int:
        """D, the dimensions of the vectors it takes."""
        return len(self.tensors["mean"])

    @property
    def n_fine(self) -> int:
        """F, the number of fine classes."""
        return len(self.tensors["relation.0"])

    @cached_property
    def relations(self) -> tuple[BoolArray, ...]:
        """(F, C) bool per label source."""
        return tuple(
            np.asarray(self.tensors[f"relation.{i}"], np.bool_) for i in range(len(self.sources))
        )

    def predict(
        self, vectors: FloatArray, coarse: Labels | Mapping[str, Labels] | None = None
    ) -> Predictions:
        """Assign every sample its most probable fine class.

        Parameters
        ----------
        vectors
            (N, D) numbers as the discovery's features were, before any scaling of columns.
        coarse
            N coarse class names of the first label source, or such names per label source; None
            = unknown. A sample's classes are the children of all its labels; where these share
            none, those of its first label; without a label, all.

        Raises
        ------
        InputError
            Other dimensions than the model's, numbers that are not finite, an unknown class name
            or label source.
        """
        rows = self._checked(vectors)
        labels = self._labels(len(rows), coarse)
        found = _empty(len(rows))
        for piece in self._pieces(len(rows)):
            scores = self._scores(rows[piece])
            allowed = self._allowed([part[piece] for part in labels], scores)
            prob = _softmax(scores, allowed)
            _fill(found, piece, scores, allowed, prob)
            parents = prob @ self.relations[0]
            likely = parents.argmax(axis=1)
            found.coarse[piece] = np.where(labels[0][piece] >= 0, labels[0][piece], likely)
            found.coarse_confidence[piece] = np.minimum(parents.max(axis=1), 1.0)
        return found

    def probabilities(
        self, vectors: FloatArray, coarse: Labels | Mapping[str, Labels] | None = None
    ) -> FloatArray:
        """Return (N, F) float32 probabilities; 0 where labels rule a class out, see `predict`."""
        rows = self._checked(vectors)
        labels = self._labels(len(rows), coarse)
        found = np.empty((len(rows), self.n_fine), np.float32)
        for piece in self._pieces(len(rows)):
            scores = self._scores(rows[piece])
            found[piece] = _softmax(scores, self._allowed([p[piece] for p in labels], scores))
        return found

    def _pieces(self, n: int) -> Iterator[slice]:
        step = max(1, _CHUNK_CELLS // max(1, self.n_fine))
        return (slice(first, first + step) for first in range(0, n, step))

    def _checked(self, vectors: FloatArray) -> FloatArray:
        rows = np.asarray(vectors)
        if rows.ndim != 2 or rows.shape[1] != self.n_dims or not len(rows):
            raise InputError(
                f"Expected vectors of {self.n_dims} numbers, as the model was trained on, but "
                f"found an array of shape {rows.shape}; use the same encoder as the discovery."
            )
        finite = np.isfinite(rows).all(axis=1)
        if not finite.all():
            raise InputError(
                "Expected finite numbers, but found NaN, infinity or one beyond 1e38 in row "
                f"{int(np.flatnonzero(~finite)[0])}; remove or impute it.",
                code="non_finite",
            )
        return rows

    def _labels(self, n: int, coarse: Labels | Mapping[str, Labels] | None) -> list[IntArray]:
        """Per given source (n,) class indices; -1 where unknown."""
        first = self.sources[0][0]
        given = {} if coarse is None else coarse if isinstance(coarse, Mapping) else {first: coarse}
        known = [name for name, _ in self.sources]
        if strange := [name for name in given if name not in known]:
            raise InputError(
                f"Expected label sources of the discovery ({', '.join(known)}), found "
                f"{strange[0]!r}; leave it out."
            )
        unknown: Labels = [None] * n
        return [_indices(given.get(name, unknown), n, names, name) for name, names in self.sources]

    def _allowed(self, labels: list[IntArray], scores: FloatArray) -> BoolArray:
        """(rows, F): the classes that each row's labels allow."""
        allowed: BoolArray = np.ones(scores.shape, np.bool_)
        for label, relation in zip(labels, self.relations, strict=True):
            children = np.where((label >= 0)[:, None], relation.T[label], True)
            both = allowed & children
            allowed = np.where(both.any(axis=1, keepdims=True), both, allowed)
        return allowed

    @cached_property
    def _map(self) -> FloatArray:
        """(D, F): a linear head in front of its space is one product instead of two."""
        return np.asarray(self.tensors["projection"] @ self.tensors["head.weight"].T)

    def _scores(self, vectors: FloatArray) -> FloatArray:
        rows = _unit(self._scaled(vectors) - self.tensors["mean"])
        weight, bias = self.tensors["head.weight"], self.tensors["head.bias"]
        if self.kind == "linear":
            return np.asarray(rows @ self._map + bias)
        inputs = rows @ self.tensors["projection"]
        if self.kind == "mlp":
            inner = inputs @ self.tensors["head.inner"].T + self.tensors["head.inner_bias"]
            inputs = inputs + np.maximum(inner, 0) @ self.tensors["head.outer"].T
        if self.kind == "prototype":
            cosine = _unit(inputs) @ _unit(weight).T + bias
            return np.asarray(cosine * np.exp(-self.tensors["head.log_temperature"]))
        return np.asarray(inputs @ weight.T + bias)

    def _scaled(self, vectors: FloatArray) -> FloatArray:
        """Return float32 columns as the discovery scaled them."""
        if "scaling.centre" not in self.tensors:
            return np.asarray(vectors, np.float32)
        centre, scale = self.tensors["scaling.centre"], self.tensors["scaling.scale"]
        return Scaling("standard", centre, scale).apply(np.asarray(vectors))


def _indices(names: Labels, n: int, known: tuple[str, ...], source: str) -> IntArray:
    if len(names) != n:
        raise InputError(
            f"Expected one coarse label for each of {n} vectors, found {len(names)}; give null "
            "where it is unknown."
        )
    index = {name: k for k, name in enumerate(known)}
    for row, name in enumerate(names):
        if name is not None and name not in index:
            raise InputError(
                f"Expected a coarse class of the discovery (label source {source}), found "
                f"{str(name)[:60]!r} in row {row}; leave it empty where it is unknown."
            )
    return np.array([-1 if name is None else index[name] for name in names], np.int64)


def _empty(n: int) -> Predictions:
    return Predictions(
        fine=np.empty(n, np.int64),
        confidence=np.empty(n, np.float32),
        margin=np.empty(n, np.float32),
        runner_up=np.empty(n, np.int64),
        fine_unmasked=np.empty(n, np.int64),
        coarse=np.empty(n, np.int64),
        coarse_confidence=np.empty(n, np.float32),
    )


def _fill(
    found: Predictions, piece: slice, scores: FloatArray, allowed: BoolArray, prob: FloatArray
) -> None:
    """Class, confidence, margin, runner-up and plain argmax of some rows."""
    rows = np.arange(len(prob))
    best = np.where(allowed, scores, -np.inf).argmax(axis=1)
    rest = allowed.copy()
    rest[rows, best] = False
    second = np.where(rest, scores, -np.inf).argmax(axis=1)
    alone = ~rest.any(axis=1)
    found.fine[piece] = best
    found.confidence[piece] = prob[rows, best]
    found.margin[piece] = np.where(alone, 1.0, prob[rows, best] - prob[rows, second])
    found.runner_up[piece] = np.where(alone, -1, second)
    found.fine_unmasked[piece] = scores.argmax(axis=1)


def _softmax(scores: FloatArray, allowed: BoolArray) -> FloatArray:
    masked = np.where(allowed, scores, -np.inf)
    odds = np.exp(masked - masked.max(axis=1, keepdims=True))
    return np.asarray(odds / odds.sum(axis=1, keepdims=True))


def _unit(rows: FloatArray) -> FloatArray:
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.maximum(length, EPSILON), np.float32)
