"""The one predictor: the head of a result in numpy, for the command line, the service and Python.

Place: reads `model.json` and `model.safetensors` of a result, which `falcon_svc.pipeline.model`
writes. It answers in milliseconds and needs no torch; a test holds it to the head in torch. Rows
are scored in pieces, so that no (N, F) table of a large N exists.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from falcon_svc.errors import InputError, StorageError
from falcon_svc.result.files import read_fine_names, read_intact
from falcon_svc.result.given_labels import GivenLabels, Labels
from falcon_svc.result.model_reading import arranged, stored_reading
from falcon_svc.result.reach import UNLIKE, Reach
from falcon_svc.result.record import Assignments
from falcon_svc.result.surety import ANY, Demand, Surety, abstains
from falcon_svc.types import BoolArray, FloatArray, IntArray, LabelSource, Note, Reading, Scaling

FORMAT_VERSION = 1
TENSORS, RECORD = "model.safetensors", "model.json"
EPSILON = 1e-12
_CHUNK_CELLS = 1 << 22  # cells of (rows, F): 16 MB


@dataclass(frozen=True)
class Predictions(Assignments):
    """Fine classes of new samples; rows as in `Assignments`.

    Parameters
    ----------
    coarse
        (N,) int64 coarse class of the first source: the given one, else the most probable.
    coarse_confidence
        (N,) float32 in [0, 1]: probability of the fine classes of the most probable coarse class.
    distance
        (N,) float32, see `Reach.distance`; NaN in models that were made without it.
    label_unknown
        (N,) whether a label was given that the model does not know.
    abstained
        (N,) whether the prediction is less sure than was demanded, and to be left out.
    notes
        What to know before trusting this: unknown labels, columns left out, samples far off.
    """

    coarse: IntArray
    coarse_confidence: FloatArray
    distance: FloatArray
    label_unknown: BoolArray
    abstained: BoolArray
    notes: tuple[Note, ...] = ()


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
    reading
        How the data set was read that the model was made with: names of features, the recipe on
        counts, columns of labels and ids.
    encoder
        The encoder that made the features; new samples must come from the same.
    text_encoder
        What made vectors of texts, digest included; None where the samples were none.
    fine_names
        (F,) working names of the fine classes; empty where there are none.
    """

    tensors: Mapping[str, NDArray[Any]]
    kind: str
    sources: tuple[tuple[str, tuple[str, ...]], ...]
    reading: Reading = field(default_factory=Reading)
    encoder: str = "none"
    text_encoder: str | None = None
    fine_names: tuple[str, ...] = ()

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
        files = dict(zip(names, read_intact(directory, names), strict=True))
        return replace(cls.of_files(files), fine_names=read_fine_names(directory))

    @classmethod
    def of_files(cls, files: Mapping[str, bytes]) -> Predictor:
        """Make a predictor of the contents of the model's two files; it knows no working names."""
        from safetensors import SafetensorError
        from safetensors.numpy import load

        try:
            record = json.loads(files[RECORD])
            if record["format_version"] != FORMAT_VERSION:
                raise ValueError(f"format version {record['format_version']}")
            tensors = load(files[TENSORS])
            return cls(
                tensors=tensors,
                kind=record["train"]["head"],
                sources=tuple((s["name"], tuple(s["classes"])) for s in record["sources"]),
                reading=stored_reading(record, tensors),
                encoder=record["encoder"],
                text_encoder=record.get("text_encoder"),
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

    def names_of(self, fine: IntArray) -> list[str | None]:
        """Return (N,) working names of fine classes; None where the model knows none."""
        names = np.array([*(name or None for name in self.fine_names), None], dtype=object)
        rows: list[str | None] = names[fine if self.fine_names else np.zeros_like(fine)].tolist()
        return rows

    @cached_property
    def relations(self) -> tuple[BoolArray, ...]:
        """(F, C) bool per label source."""
        return tuple(
            np.asarray(self.tensors[f"relation.{i}"], np.bool_) for i in range(len(self.sources))
        )

    @cached_property
    def reach(self) -> Reach | None:
        """How far the fine classes reach; None in models that were made without."""
        return Reach.stored(self.tensors)

    @cached_property
    def surety(self) -> Surety | None:
        """How precise the model is from which confidence on; None in models made without."""
        return Surety.stored(self.tensors)

    def predict(
        self,
        vectors: FloatArray,
        coarse: Labels | Mapping[str, Labels] | None = None,
        *,
        columns: Sequence[str] | None = None,
        demand: Demand = ANY,
    ) -> Predictions:
        """Assign every sample its most probable fine class.

        Parameters
        ----------
        vectors
            (N, D) numbers as the discovery's features were, before any scaling of columns.
        coarse
            N coarse class names of the first label source, or such names per label source; None
            = unknown. A sample's classes are the children of all its labels; where these share
            none, those of its first label; without a label, all. A name that the model does not
            know counts as none and is marked.
        columns
            Names of the vectors' columns, in any order and with others among them: the features
            are taken by name, and counts of genes go through the model's recipe. None = `vectors`
            has the model's D columns in its order.
        demand
            How sure a prediction has to be not to be marked as `abstained`.

        Raises
        ------
        InputError
            A feature is missing; other dimensions than the model's, numbers that are not finite,
            an unknown label source; a precision of a model that does not know its own.
        """
        taken, told = arranged(self.reading, self.n_dims, vectors, columns)
        rows = self._checked(taken)
        labels = GivenLabels.of(coarse, len(rows), self.sources)
        found = _empty(len(rows), labels.unknown)
        for piece in self._pieces(len(rows)):
            scores = self._scores(rows[piece])
            allowed = self._allowed(labels.sources, piece, scores)
            prob = _softmax(scores, allowed)
            _fill(found, piece, scores, allowed, prob)
            parents = prob @ self.relations[0]
            first = labels.sources[0].labels[piece]
            found.coarse[piece] = np.where(first >= 0, first, parents.argmax(axis=1))
            found.coarse_confidence[piece] = np.minimum(parents.max(axis=1), 1.0)
            if self.reach is not None:
                found.distance[piece] = self.reach.distance(self._scaled(rows[piece]))
        labelled = np.any([source.labels >= 0 for source in labels.sources], axis=0)
        abstained, promised = abstains(self.surety, demand, found.confidence, labelled)
        notes = (*told, *labels.notes, *_far_off(found.distance), *promised)
        return replace(found, abstained=abstained, notes=notes)

    def probabilities(
        self, vectors: FloatArray, coarse: Labels | Mapping[str, Labels] | None = None
    ) -> FloatArray:
        """Return (N, F) float32 probabilities; 0 where labels rule a class out, see `predict`."""
        rows = self._checked(vectors)
        labels = GivenLabels.of(coarse, len(rows), self.sources)
        found = np.empty((len(rows), self.n_fine), np.float32)
        for piece in self._pieces(len(rows)):
            scores = self._scores(rows[piece])
            found[piece] = _softmax(scores, self._allowed(labels.sources, piece, scores))
        return found

    def inputs_of(self, features: FloatArray) -> FloatArray:
        """Return (N, K) head inputs of (N, D) features as they were scaled in the discovery."""
        found = np.empty((len(features), self.tensors["projection"].shape[1]), np.float32)
        for piece in self._pieces(len(features)):
            rows = _unit(np.asarray(features[piece], np.float32) - self.tensors["mean"])
            found[piece] = rows @ self.tensors["projection"]
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
        if rows.dtype.kind not in "biuf":
            raise InputError(
                f"Expected numbers, found an array of type {rows.dtype}; give the features of the "
                "discovery. Files, data frames and texts are for falcon_svc.predict.",
                code="bad_dtype",
            )
        finite = np.isfinite(rows).all(axis=1)
        if not finite.all():
            raise InputError(
                "Expected finite numbers, but found NaN, infinity or one beyond 1e38 in row "
                f"{int(np.flatnonzero(~finite)[0])}; remove or impute it.",
                code="non_finite",
            )
        return rows

    def _allowed(
        self, labels: tuple[LabelSource, ...], piece: slice, scores: FloatArray
    ) -> BoolArray:
        """(rows, F): the classes that each row's labels allow."""
        allowed: BoolArray = np.ones(scores.shape, np.bool_)
        for source, relation in zip(labels, self.relations, strict=True):
            label = source.labels[piece]
            children = np.where((label >= 0)[:, None], relation.T[label], True)
            for row, classes in source.several.items():
                if piece.start <= row < piece.stop:
                    children[row - piece.start] = relation[:, classes].any(axis=1)
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


def _empty(n: int, unknown: BoolArray) -> Predictions:
    return Predictions(
        fine=np.empty(n, np.int64),
        confidence=np.empty(n, np.float32),
        margin=np.empty(n, np.float32),
        runner_up=np.empty(n, np.int64),
        fine_unmasked=np.empty(n, np.int64),
        coarse=np.empty(n, np.int64),
        coarse_confidence=np.empty(n, np.float32),
        distance=np.full(n, np.nan, np.float32),
        label_unknown=unknown,
        abstained=np.zeros(n, np.bool_),
    )


def _far_off(distance: FloatArray) -> tuple[Note, ...]:
    """Return the note on samples that are unlike anything the model was made with."""
    count = int((distance > UNLIKE).sum())
    if not count:
        return ()
    text = f"{count:,} samples lie more than {UNLIKE:g} times as far from every fine class as its "
    return (Note("far_off", text + "own samples do: their classes say little, however confident."),)


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
