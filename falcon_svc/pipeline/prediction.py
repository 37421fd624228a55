"""Samples of any kind to fine classes: read, encoded and predicted as a result's own samples were.

Place: under every door that takes more than vectors: `falcon predict`, `falcon_svc.predict`, the
service's process for files and texts. Torch is loaded only if the result's encoder needs it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import ArrayLike

from falcon_svc.data import DataConfig, load_new_samples
from falcon_svc.data.new_labels import labels_by_source
from falcon_svc.encoder import EncoderConfig, EncoderRun, encode, notes_of, open_saved
from falcon_svc.errors import ConfigError
from falcon_svc.result.files import read_settings
from falcon_svc.result.predictor import Predictions, Predictor
from falcon_svc.result.surety import ANY, Demand
from falcon_svc.types import CoarseDataset, FloatArray, Note


@dataclass(frozen=True)
class Predicted:
    """New samples and what a model says of them.

    Parameters
    ----------
    dataset
        The samples as they were read.
    labels
        Label source -> (N,) names of their coarse classes, None where there is none.
    model, found
        What predicted, and what it found.
    notes
        What to know before trusting this, reading and encoder included.
    """

    dataset: CoarseDataset
    labels: Mapping[str, list[str | None]]
    model: Predictor
    found: Predictions
    notes: tuple[Note, ...]


def predict_samples(
    directory: Path,
    data: Any,
    given: Mapping[str, Any] | None = None,
    *,
    labels: Mapping[str, ArrayLike] | None = None,
    config: DataConfig | None = None,
    model: Predictor | None = None,
    demand: Demand = ANY,
) -> Predicted:
    """Assign fine classes of a result to new samples.

    Parameters
    ----------
    directory
        A result directory; of the service's downloads, that of the model is enough.
    data
        Path of a file or folder, or data in memory; see `load_new_samples`.
    given
        Reading settings for these samples alone, such as ``coarse_column``.
    labels
        Columns that lie beside data in memory, name -> N values.
    config
        How to read instead of as the result's data set was.
    model
        The result's, if it is loaded already.
    demand
        How sure a prediction has to be not to be marked as abstained.

    Raises
    ------
    InputError, ConfigError, MissingExtraError, StorageError
        A feature is missing, the encoder cannot be applied, the result is damaged.

    Examples
    --------
    Cells like those that the result in ``out`` was made of::

        found = predict_samples(Path("out"), Path("new.h5ad"))
        found.found.fine, found.notes
    """
    settings = read_settings(directory)
    model = model or Predictor.load(directory)
    remembered = config or DataConfig.model_validate(settings.get("data", {}))
    dataset = load_new_samples(data, remembered, model.reading, given, labels=labels)
    vectors, notes = _vectors(directory, dataset, settings["encoder"], model.text_encoder)
    names = labels_by_source(dataset)
    found = model.predict(vectors, names, demand=demand)
    told = (*dataset.reading.notes, *notes, *found.notes)
    return Predicted(dataset, names, model, found, told)


def _vectors(
    directory: Path, dataset: CoarseDataset, settings: dict[str, Any], text_encoder: str | None
) -> tuple[FloatArray, tuple[Note, ...]]:
    """Features as in the discovery; pixel PCA is fitted to its data set and cannot be reused."""
    config = EncoderConfig.model_validate(settings)
    if dataset.images is not None and config.name in ("auto", "pixels"):
        raise ConfigError(
            "Expected a discovery on vectors or with a network, found one whose features are the "
            "pixels' principal components, which belong to its own images; discover with "
            "--encoder moco or onnx:FILE to predict on new images."
        )
    run = EncoderRun(config)
    encoder = open_saved(directory, dataset, run)
    if text_encoder is not None and encoder.spec != text_encoder:
        raise ConfigError(
            f"Expected the encoder that the discovery used ({text_encoder}), found other files "
            f"under its name ({encoder.spec}); put the earlier model back, or discover again.",
            code="bad_encoder",
        )
    return encode(encoder, dataset, run).vectors, notes_of(encoder, dataset)
