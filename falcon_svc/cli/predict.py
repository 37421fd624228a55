"""`falcon predict`: fine classes of new samples by the model of an earlier discovery."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from falcon_svc.cli import options
from falcon_svc.cli.adding import AddTo, Overwrite, check_add_to, class_columns
from falcon_svc.cli.settings import Flags, flag_tables
from falcon_svc.cli.show import warn
from falcon_svc.cli.table_file import check_name, write_table
from falcon_svc.errors import ConfigError

if TYPE_CHECKING:
    import pyarrow as pa

    from falcon_svc.result.predictor import Predictions, Predictor
    from falcon_svc.types import CoarseDataset, FloatArray

Labels = dict[str, list[str | None]]
Table = Annotated[
    Path | None, typer.Option("--out", metavar="FILE", help="A .parquet or .csv file to write.")
]


def predict(
    directory: options.Result,
    source: options.Input,
    out: Table = None,
    add_to: AddTo = None,
    overwrite: Overwrite = False,
    coarse_column: options.CoarseColumn = None,
    label_source: options.LabelSources = None,
    quiet: options.Quiet = False,
) -> None:
    """Assign fine classes of the discovery in DIR to the samples of INPUT, labelled or not.

    Columns, embedding and counts of genes are taken as the discovery read them; INPUT may be one
    sample, without labels, or with labels that the discovery did not know.
    """
    _check_outputs(source, out, add_to, overwrite=overwrite)
    from falcon_svc.data.adding import add_columns
    from falcon_svc.data.new_labels import labels_by_source
    from falcon_svc.result.files import read_settings
    from falcon_svc.result.predictor import Predictor

    settings = read_settings(directory)
    model = Predictor.load(directory)
    flags = Flags(coarse_column=coarse_column, label_sources=label_source)
    dataset = _read(source, model, settings, flag_tables(flags).get("data", {}))
    labels = labels_by_source(dataset)
    vectors = _vectors(directory, dataset, settings["encoder"], model.text_encoder)
    found = model.predict(vectors, labels)
    if not quiet:
        warn([note.text for note in (*dataset.reading.notes, *found.notes)])
    if out is not None:
        write_table(_table(dataset.ids, labels, found, model), out)
    if add_to is not None:
        add_columns(source, add_to, dataset.kept, class_columns(found))
    if not quiet:
        written = ", ".join(str(path) for path in (out, add_to) if path is not None)
        print(f"{len(dataset):,} samples assigned: {written}")


def _check_outputs(source: Path, out: Path | None, add_to: Path | None, *, overwrite: bool) -> None:
    if out is None and add_to is None:
        raise ConfigError("Expected --out FILE or --add-to FILE, found neither; give one of them.")
    if out is not None:
        check_name(out)
    check_add_to(source, add_to, overwrite=overwrite)


def _read(
    source: Path, model: Predictor, settings: dict[str, Any], given: dict[str, Any]
) -> CoarseDataset:
    """Read INPUT as the discovery read its data set; what a flag names must be there."""
    from falcon_svc.data import DataConfig, load_new_samples

    remembered = DataConfig.model_validate(settings.get("data", {}))
    return load_new_samples(source, remembered, model.reading, given)


def _vectors(
    directory: Path, dataset: CoarseDataset, settings: dict[str, Any], text_encoder: str | None
) -> FloatArray:
    """Features as in the discovery; pixel PCA is fitted to its data set and cannot be reused."""
    from falcon_svc.encoder import EncoderConfig, EncoderRun, encode, notes_of, open_saved

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
    for note in notes_of(encoder, dataset):
        print(f"note: {note.text}", file=sys.stderr)
    return encode(encoder, dataset, run).vectors


def _table(ids: tuple[str, ...], labels: Labels, found: Predictions, model: Predictor) -> pa.Table:
    import pyarrow as pa

    classes = model.sources[0][1]
    given = {
        "coarse" if name == model.sources[0][0] else f"coarse_{name}": pa.array(values, pa.string())
        for name, values in labels.items()
    }
    return pa.table(
        {
            "id": pa.array(ids, pa.string()),
            "coarse": pa.nulls(len(ids), pa.string()),
            **given,
            "label_unknown": pa.array(found.label_unknown),
            "fine": pa.array(found.fine),
            "confidence": pa.array(found.confidence),
            "margin": pa.array(found.margin),
            "runner_up": pa.array(found.runner_up, mask=found.runner_up < 0),
            "fine_unmasked": pa.array(found.fine_unmasked),
            "likely_coarse": pa.array([classes[k] for k in found.coarse.tolist()], pa.string()),
            "distance": pa.array(found.distance, from_pandas=True),
        }
    )
