"""`falcon predict`: fine classes of new samples by the model of an earlier discovery."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from falcon_svc.cli import options
from falcon_svc.cli.adding import AddTo, Overwrite, check_add_to, class_columns
from falcon_svc.cli.settings import Flags, flag_tables
from falcon_svc.cli.show import warn
from falcon_svc.cli.table_file import check_name, write_table
from falcon_svc.errors import ConfigError

if TYPE_CHECKING:
    import pyarrow as pa

    from falcon_svc.pipeline.prediction import Predicted

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
    least_confidence: options.LeastConfidence = 0.0,
    precision: options.Precision = None,
    quiet: options.Quiet = False,
) -> None:
    """Assign fine classes of the discovery in DIR to the samples of INPUT, labelled or not.

    Columns, embedding and counts of genes are taken as the discovery read them; INPUT may be one
    sample, without labels, or with labels that the discovery did not know. The file of a
    classifier is for falcon classify, whose --inference says how deep it answers.
    """
    _check_outputs(source, out, add_to, overwrite=overwrite)
    from falcon_svc.data.adding import add_columns
    from falcon_svc.pipeline.prediction import predict_samples
    from falcon_svc.result.surety import ANY, Demand

    demand = Demand(least_confidence, precision)
    flags = Flags(coarse_column=coarse_column, label_sources=label_source)
    given = flag_tables(flags).get("data", {})
    new = predict_samples(directory, source, given, demand=demand)
    if not quiet:
        warn([note.text for note in new.notes])
    if out is not None:
        write_table(_table(new), out)
    if add_to is not None:
        columns = class_columns(new.found, new.model.fine_names)
        if demand != ANY:
            columns = {**columns, "falcon_abstained": new.found.abstained.astype("i8")}
        add_columns(source, add_to, new.dataset.kept, columns)
    if not quiet:
        written = ", ".join(str(path) for path in (out, add_to) if path is not None)
        silent = int(new.found.abstained.sum())
        of_them = f", {silent:,} of them not sure enough (abstained)" if silent else ""
        print(f"{len(new.dataset):,} samples assigned{of_them}: {written}")


def _check_outputs(source: Path, out: Path | None, add_to: Path | None, *, overwrite: bool) -> None:
    if out is None and add_to is None:
        raise ConfigError("Expected --out FILE or --add-to FILE, found neither; give one of them.")
    if out is not None:
        check_name(out)
    check_add_to(source, add_to, overwrite=overwrite)


def _table(new: Predicted) -> pa.Table:
    import pyarrow as pa

    found, model = new.found, new.model
    first, classes = model.sources[0]
    given = {
        "coarse" if name == first else f"coarse_{name}": pa.array(values, pa.string())
        for name, values in new.labels.items()
    }
    return pa.table(
        {
            "id": pa.array(new.dataset.ids, pa.string()),
            "coarse": pa.nulls(len(new.dataset), pa.string()),
            **given,
            "label_unknown": pa.array(found.label_unknown),
            "fine": pa.array(found.fine),
            "fine_name": pa.array(model.names_of(found.fine), pa.string()),
            "confidence": pa.array(found.confidence),
            "margin": pa.array(found.margin),
            "runner_up": pa.array(found.runner_up, mask=found.runner_up < 0),
            "fine_unmasked": pa.array(found.fine_unmasked),
            "likely_coarse": pa.array([classes[k] for k in found.coarse.tolist()], pa.string()),
            "distance": pa.array(found.distance, from_pandas=True),
            "abstained": pa.array(found.abstained),
        }
    )
