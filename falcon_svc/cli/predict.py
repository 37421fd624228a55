"""`falcon predict`: fine classes of new samples by the model of an earlier discovery."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from falcon_svc.cli import options
from falcon_svc.cli.settings import Flags, data_config
from falcon_svc.cli.table_file import TableFile, check_name, write_table
from falcon_svc.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

    import pyarrow as pa

    from falcon_svc.result.record import Assignments
    from falcon_svc.types import CoarseDataset, FloatArray


def predict(
    directory: options.Result,
    source: options.Input,
    out: TableFile,
    coarse_column: options.CoarseColumn = None,
    quiet: options.Quiet = False,
) -> None:
    """Assign fine classes of the discovery in DIR to the samples of INPUT."""
    check_name(out)
    from falcon_svc.data import load_dataset
    from falcon_svc.result.files import read_settings
    from falcon_svc.result.predictor import Predictor
    from falcon_svc.types import Reading

    settings = read_settings(directory)
    model = Predictor.load(directory)
    reading = data_config(Flags(coarse_column=coarse_column))
    dataset = load_dataset(source, reading, like=Reading(features=model.features))
    coarse = coarse_names(dataset)
    found = model.predict(_vectors(directory, dataset, settings["encoder"]), coarse)
    write_table(_table(dataset.ids, coarse, found), out)
    if not quiet:
        print(f"{len(dataset):,} samples assigned: {out}")


def _vectors(directory: Path, dataset: CoarseDataset, settings: dict[str, Any]) -> FloatArray:
    """Features as in the discovery; pixel PCA is fitted to its data set and cannot be reused."""
    from falcon_svc.encoder import EncoderConfig, EncoderRun, encode, open_saved

    config = EncoderConfig.model_validate(settings)
    if dataset.images is not None and config.name in ("auto", "pixels"):
        raise ConfigError(
            "Expected a discovery on vectors or with a network, found one whose features are the "
            "pixels' principal components, which belong to its own images; discover with "
            "--encoder moco or onnx:FILE to predict on new images."
        )
    run = EncoderRun(config)
    return encode(open_saved(directory, dataset, run), dataset, run).vectors


def coarse_names(dataset: CoarseDataset) -> list[str | None]:
    """Return the coarse class of each sample; None where it has none."""
    from falcon_svc.types import UNLABELLED

    names = dataset.coarse.names
    return [None if k == UNLABELLED else names[k] for k in dataset.coarse.labels.tolist()]


def _table(ids: tuple[str, ...], coarse: list[str | None], found: Assignments) -> pa.Table:
    import pyarrow as pa

    return pa.table(
        {
            "id": pa.array(ids, pa.string()),
            "coarse": pa.array(coarse, pa.string()),
            "fine": pa.array(found.fine),
            "confidence": pa.array(found.confidence),
            "margin": pa.array(found.margin),
            "runner_up": pa.array(found.runner_up, mask=found.runner_up < 0),
            "fine_unmasked": pa.array(found.fine_unmasked),
        }
    )
