"""Samples of any kind as the vectors that a classifier is trained on, and new samples likewise.

Place: under `falcon train-classifier` and `falcon classify`. What makes an encoder again is kept
with the classifier: its settings and its `spec`, and the weights of a network. A file that the
settings name, such as a sentence model, must be there and be the same, byte for byte.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from falcon_svc.data import DataConfig, load_new_samples
from falcon_svc.encoder import (
    Encoder,
    EncoderConfig,
    EncoderRun,
    encode,
    notes_of,
    open_encoder,
)
from falcon_svc.encoder.features import open_kept
from falcon_svc.encoder.pass_through import PassThrough
from falcon_svc.errors import ConfigError, InputError, StorageError
from falcon_svc.hierarchy.classifier import HierarchicalClassifier
from falcon_svc.supervised.config import check_reusable
from falcon_svc.types import CoarseDataset, FloatArray, LabelSource, Note, Reading

FILES = frozenset({"encoder.json", "encoder.safetensors"})
"""What a network is kept as."""
READING = ("features", "id_column", "text_column", "vector_column", "obsm_key")


@dataclass(frozen=True, eq=False)
class Encoded:
    """Vectors, and what makes those of new samples.

    Parameters
    ----------
    vectors
        (N, D).
    record
        Settings and spec of the encoder, JSON-ready; None = the vectors are the samples.
    files
        A network's record and weights; empty for other encoders.
    notes
        What to know of the samples, such as texts that were cut.
    encoder
        What made the vectors.
    """

    vectors: FloatArray
    record: dict[str, Any] | None
    files: dict[str, bytes]
    notes: tuple[Note, ...]
    encoder: Encoder

    def by(self, encoder: Encoder) -> Encoded:
        """Return the same vectors with an encoder that was trained further since."""
        record = {**(self.record or {}), "spec": encoder.spec}
        return replace(self, record=record, files=encoder.files(), encoder=encoder)

    def keep_in(self, model: HierarchicalClassifier) -> None:
        """Put the encoder into a trained classifier, which saves it in its file."""
        if self.record is not None:
            model.card_["encoder"] = self.record
            model.encoder_files_ = self.files


def encode_samples(dataset: CoarseDataset, run: EncoderRun) -> Encoded:
    """Return the vectors of samples to train on, by the encoder that the settings name.

    Raises
    ------
    ConfigError
        There is no such encoder, or it cannot be applied to new samples: principal components of
        pixels belong to the images that they were made of.
    """
    check_reusable(run.config, dataset.kind)
    encoder, vectors = _encoded(dataset, run)
    if isinstance(encoder, PassThrough):
        return Encoded(vectors, None, {}, (), encoder)
    config, notes = run.config.model_dump(mode="json"), notes_of(encoder, dataset)
    record = {"samples": dataset.kind, "config": config, "spec": encoder.spec}
    told = {"notes": [note.text for note in notes]} if notes else {}
    return Encoded(vectors, record | told, encoder.files(), notes, encoder)


def vectors_of(dataset: CoarseDataset, run: EncoderRun) -> FloatArray:
    """Return the vectors (N, D) of samples that nothing else will be asked about.

    Raises
    ------
    ConfigError
        There is no such encoder, or none for samples of this kind.
    """
    return _encoded(dataset, run)[1]


def _encoded(dataset: CoarseDataset, run: EncoderRun) -> tuple[Encoder, FloatArray]:
    """Return the encoder and the vectors; tells of both as stages, where there is work to do."""
    if dataset.vectors is None:
        run.progress.stage("encoder", 1)
    encoder = open_encoder(dataset, run)
    return encoder, _vectors(encoder, dataset, run)


def _vectors(encoder: Encoder, dataset: CoarseDataset, run: EncoderRun) -> FloatArray:
    if not isinstance(encoder, PassThrough):
        run.progress.stage("features", len(dataset))
    return encode(encoder, dataset, run).vectors


def reading_of(dataset: CoarseDataset) -> dict[str, Any]:
    """Return what a model card keeps so that new samples are read alike."""
    return {name: getattr(dataset.reading, name) for name in READING}


def new_samples(
    model: HierarchicalClassifier,
    source: Any,
    config: DataConfig | None = None,
    given: Mapping[str, Any] | None = None,
) -> CoarseDataset:
    """Read samples as those were read that trained a classifier; they need no labels.

    Parameters
    ----------
    model
        The classifier, of `falcon_svc.supervised.train_classifier` or its file.
    source
        Path of a file or folder, or data in memory, texts too: N samples, one is enough.
    config
        Limits, and columns for those that the classifier does not remember; None = the defaults.
    given
        What a user says of these samples, such as ``coarse_column``; it wins.

    Returns
    -------
    CoarseDataset
        For `encode_like`.

    Raises
    ------
    InputError
        A column is missing, or anything else is wrong with the file.

    Examples
    --------
    Of a classifier that `falcon train-classifier` wrote::

        model = HierarchicalClassifier.load("birds.model")
        vectors = encode_like(model, new_samples(model, "more.zip"))
        classes = model.predict(vectors)
    """
    known = dict(model.card_.get("data_set", {}).get("reading", {}))
    if known.get("features") is not None:
        known["features"] = tuple(known["features"])
    return load_new_samples(source, config, Reading(**known), given)


def encode_like(
    model: HierarchicalClassifier,
    dataset: CoarseDataset,
    name: str = "memory",
    run: EncoderRun | None = None,
) -> FloatArray:
    """Return the vectors of new samples, by the encoder that a classifier was trained with.

    Parameters
    ----------
    model
        The classifier.
    dataset, name
        N samples, and what their file is called.
    run
        Where vectors are kept, and who is told; None = nowhere, nobody. Its settings of the
        encoder are the classifier's.

    Returns
    -------
    FloatArray
        (N, D) float32, for `HierarchicalClassifier.predict`.

    Raises
    ------
    InputError
        Another kind of samples, or vectors of another width than those that trained it.
    ConfigError
        The encoder's files are not what they were.
    StorageError
        The classifier's own are damaged.

    Examples
    --------
    See `new_samples`; a classifier of vectors takes them as they are::

        vectors = encode_like(model, new_samples(model, "more.npz"))
    """
    record = model.card_.get("encoder")
    wanted = "vectors" if record is None else record["samples"]
    if dataset.kind != wanted:
        raise InputError(
            f"Expected {wanted}, as the classifier was trained on, found {dataset.kind} in {name}; "
            "give samples of the same kind."
        )
    if record is None:
        assert dataset.vectors is not None
        return _checked(model, dataset.vectors)
    run = replace(run or EncoderRun(), config=EncoderConfig.model_validate(record["config"]))
    _check_names(model.encoder_files_)
    encoder = open_kept(model.encoder_files_, dataset, run)
    if encoder.spec != record["spec"]:
        raise ConfigError(
            f"Expected the encoder that the classifier was trained with ({record['spec']}), "
            f"found other files under its name ({encoder.spec}); put the earlier ones back, or "
            "train again.",
            code="bad_encoder",
        )
    return _checked(model, _vectors(encoder, dataset, run))


def _checked(model: HierarchicalClassifier, vectors: FloatArray) -> FloatArray:
    if vectors.shape[1] != model.n_features_in_:
        raise InputError(
            f"Expected vectors of {model.n_features_in_} numbers, as the classifier was trained "
            f"on, found {vectors.shape[1]}; take the same features."
        )
    return vectors


def _check_names(files: dict[str, bytes]) -> None:
    if files and set(files) != FILES:
        raise StorageError(
            f"Expected the files {', '.join(sorted(FILES))} of an encoder in the classifier, found "
            "others; train it again."
        )


def embed_names(names: Sequence[str], run: EncoderRun) -> dict[str, FloatArray]:
    """Return the text embedding of each class name; underscores are read as spaces.

    Parameters
    ----------
    names
        Of the classes; equal ones share their embedding.
    run
        With a text encoder, such as ``text`` or ``text:DIR``.

    Raises
    ------
    ConfigError, MissingExtraError
        There is no such sentence model, or what runs it is not installed.
    """
    known = list(dict.fromkeys(names))
    texts = tuple(name.replace("_", " ") for name in known)
    labels = LabelSource("coarse", np.zeros(len(texts), np.int64), ("class",))
    digest = hashlib.sha256("\n".join(texts).encode()).hexdigest()
    ids = tuple(map(str, range(len(texts))))
    dataset = CoarseDataset(None, None, ids, (labels,), digest, texts)
    vectors = encode(open_encoder(dataset, run), dataset, run).vectors
    return dict(zip(known, vectors, strict=True))
