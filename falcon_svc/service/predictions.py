"""Prediction without torch: the head of a result, in numpy, for the API process.

The same numbers as `DiscoveryModel.predict` up to rounding (a test holds them together): the API
must answer in milliseconds and carries no torch.
"""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load
from scipy.special import log_softmax

from falcon_svc.data.formats.npy_format import read_array, read_header
from falcon_svc.errors import InputError
from falcon_svc.result.files import read_intact
from falcon_svc.service import results
from falcon_svc.service.context import Context
from falcon_svc.service.keys import Caller
from falcon_svc.types import BoolArray, FloatArray, IntArray

KEPT = 8
EPSILON = 1e-12


@dataclass(frozen=True, eq=False)
class Model:
    """A head with its feature space and the relation of the first label source.

    Parameters
    ----------
    tensors
        As stored in `model.safetensors`.
    kind
        Of the head.
    coarse_names
        (C,) of the first label source.
    """

    tensors: dict[str, NDArray[Any]]
    kind: str
    coarse_names: tuple[str, ...]

    @classmethod
    def load(cls, path: Path) -> Model:
        """Read the model of a result directory; the eight last used are kept."""
        return _load(path)

    @property
    def relation(self) -> BoolArray:
        """(F, C) of the first label source."""
        return self.tensors["relation.0"].astype(np.bool_)

    def predict(
        self, vectors: FloatArray, coarse: list[str | None] | None, *, least: float
    ) -> list[dict[str, Any]]:
        """Return one record per vector.

        Parameters
        ----------
        vectors
            (N, D) float32.
        coarse
            N coarse class names, None where unknown; or None.
        least
            Confidence in [0, 1] under which `abstained` is true.

        Raises
        ------
        InputError
            Other dimensions, numbers that are not finite, unknown classes.
        """
        self._check(vectors)
        allowed = self._allowed(len(vectors), coarse)
        log_prob = log_softmax(np.where(allowed, self._scores(vectors), -np.inf), axis=1)
        prob = np.exp(log_prob)
        best = prob.argmax(axis=1)
        parents = prob @ self.relation
        confidence = np.take_along_axis(prob, best[:, None], axis=1)[:, 0]
        columns = {
            "fine": best.tolist(),
            "confidence": confidence.tolist(),
            "coarse": self._homes(parents, coarse),
            "coarse_confidence": np.minimum(parents.max(axis=1), 1.0).tolist(),
            "abstained": (confidence < least).tolist(),
        }
        return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]

    def _homes(self, parents: FloatArray, coarse: list[str | None] | None) -> list[str]:
        """Return the given coarse classes, else the likeliest: a shared class has several."""
        likely = [self.coarse_names[k] for k in parents.argmax(axis=1)]
        given = coarse or [None] * len(likely)
        return [
            name if name is not None else home for name, home in zip(given, likely, strict=True)
        ]

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
        """Return the columns as the discovery scaled them."""
        if "scaling.centre" not in self.tensors:
            return vectors
        scaled = (vectors - self.tensors["scaling.centre"]) / self.tensors["scaling.scale"]
        return np.asarray(scaled, np.float32)

    def _allowed(self, n: int, coarse: list[str | None] | None) -> BoolArray:
        table = np.vstack([self.relation.T, np.ones(len(self.relation), np.bool_)])
        labels: IntArray = np.full(n, len(self.coarse_names), np.int64)
        index = {name: k for k, name in enumerate(self.coarse_names)}
        if coarse is not None and len(coarse) != n:
            raise InputError(
                f"Expected one coarse label for each of {n} vectors, found {len(coarse)}; give "
                "null where it is unknown."
            )
        for row, name in enumerate(coarse or ()):
            if name is not None and name not in index:
                raise InputError(
                    f"Expected a coarse class of the discovery, found {name[:60]!r} in row {row}; "
                    "give null where it is unknown."
                )
            labels[row] = index[name] if name is not None else labels[row]
        return np.asarray(table[labels])

    def _check(self, vectors: FloatArray) -> None:
        dims = len(self.tensors["mean"])
        if vectors.ndim != 2 or vectors.shape[1] != dims or not len(vectors):
            raise InputError(
                f"Expected vectors of {dims} numbers, as the model was trained on, found shape "
                f"{vectors.shape}; use the same encoder as the discovery."
            )
        if not np.isfinite(vectors).all():
            raise InputError(
                "Expected finite numbers, found NaN, infinity or one beyond 1e38; remove or "
                "impute it.",
                code="non_finite",
            )


def predict(
    context: Context,
    caller: Caller,
    job_id: str,
    vectors: FloatArray,
    coarse: list[str | None] | None,
    *,
    least: float,
) -> list[dict[str, Any]]:
    """Return one record per vector by the model of a job; see `Model.predict`."""
    _, directory = results.directory(context, caller, job_id)
    model = results.whole_files(Model.load, directory)
    return model.predict(vectors, coarse, least=least)


def as_vectors(rows: list[list[float]]) -> FloatArray:
    """Return rows of numbers as (N, D) float32.

    Raises
    ------
    InputError
        The rows differ in length.
    """
    lengths = {len(row) for row in rows}
    if len(lengths) != 1:
        raise InputError(
            f"Expected vectors of one length, found {sorted(lengths)[:5]}; fill or drop the others."
        )
    with np.errstate(over="ignore"):
        return np.asarray(rows, np.float64).astype(np.float32)


def read_vectors(stream: BinaryIO) -> FloatArray:
    """Return the (N, D) numbers of a npy file as float32; nothing is unpickled.

    Raises
    ------
    InputError
        Not a npy file, other kinds of values, fewer bytes than it claims.
    """
    size = stream.seek(0, io.SEEK_END)
    stream.seek(0)
    values = read_array(stream, read_header(stream, size=size, where="the request's body"))
    if values.dtype.kind not in "fiu":
        raise InputError(f"Expected numbers, found values of type {values.dtype}; convert them.")
    with np.errstate(over="ignore"):
        return values.astype(np.float32)


@lru_cache(KEPT)
def _load(path: Path) -> Model:
    text, tensors = read_intact(path, ["model.json", "model.safetensors"])
    record = json.loads(text)
    names = tuple(record["sources"][0]["classes"])
    return Model(load(tensors), record["train"]["head"], names)


def _unit(rows: FloatArray) -> FloatArray:
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.maximum(length, EPSILON), np.float32)
