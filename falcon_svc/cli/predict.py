"""`falcon predict`: fine classes of new samples by the model of an earlier discovery."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from falcon_svc.cli import options
from falcon_svc.cli.settings import Flags, data_config
from falcon_svc.errors import ConfigError, StorageError

if TYPE_CHECKING:
    import pyarrow as pa

    from falcon_svc.discovery.result import Assignments
    from falcon_svc.types import CoarseDataset, FloatArray

Table = Annotated[Path, typer.Option("--out", metavar="FILE", help="A .parquet or .csv file.")]


def predict(
    directory: options.Result,
    source: options.Input,
    out: Table,
    coarse_column: options.CoarseColumn = None,
    quiet: options.Quiet = False,
) -> None:
    """Assign fine classes of the discovery in DIR to the samples of INPUT."""
    write = _writer(out)
    from falcon_svc.data import load_dataset
    from falcon_svc.pipeline.model import DiscoveryModel
    from falcon_svc.pipeline.result_files import read_discovery

    settings = read_discovery(directory).config["encoder"]
    model = DiscoveryModel.load(directory)
    dataset = load_dataset(source, data_config(Flags(coarse_column=coarse_column)))
    coarse = _coarse_names(dataset)
    found = model.predict(_vectors(dataset, settings), coarse)
    _replace(out, lambda path: write(_table(dataset.ids, coarse, found), path))
    if not quiet:
        print(f"{len(dataset):,} samples assigned: {out}")


def _vectors(dataset: CoarseDataset, settings: dict[str, Any]) -> FloatArray:
    """Features as in the discovery; pixel PCA is fitted to its data set and cannot be reused."""
    from falcon_svc.encoder import EncoderConfig, extract_features

    config = EncoderConfig.model_validate(settings)
    if dataset.images is not None and config.name in ("auto", "pixels"):
        raise ConfigError(
            "Expected a discovery on vectors or with an onnx encoder, found one whose features "
            "are the pixels' principal components, which belong to its own images; "
            "discover with --encoder onnx:FILE to predict on new images."
        )
    return extract_features(dataset, config).vectors


def _coarse_names(dataset: CoarseDataset) -> list[str | None]:
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


def _writer(out: Path) -> Callable[[Any, Path], None]:
    if out.suffix not in (".parquet", ".csv"):
        raise ConfigError(
            f"Expected --out to name a .parquet or .csv file, found {out.name!r}; rename it."
        )
    return _write_csv if out.suffix == ".csv" else _write_parquet


def _write_csv(table: pa.Table, path: Path) -> None:
    from pyarrow import csv

    csv.write_csv(table, path)


def _write_parquet(table: pa.Table, path: Path) -> None:
    import pyarrow.parquet as pq

    pq.write_table(table, path, compression="zstd")


def _replace(out: Path, write: Callable[[Path], None]) -> None:
    """Write a hidden sibling and rename it, so that `out` is whole or as before."""
    fresh = out.with_name(f".{out.name}.tmp")
    try:
        write(fresh)
        fresh.replace(out)
    except OSError as error:
        raise StorageError(
            f"Cannot write {out} ({error.strerror or error}); name another --out."
        ) from error
    finally:
        fresh.unlink(missing_ok=True)
