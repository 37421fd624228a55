"""What people see of the samples: `samples.parquet`, a text or a thumbnail per sample, and columns.

Place: written beside a result by whoever read the data set, and read back by reviews and exports.
A result then shows its samples by itself: on a machine that never had the data, and in the
service, whose API opens no file of a stranger. Thumbnails are decoded and encoded anew, so no byte
of a user's image is in them; texts are kept whole. Columns that are no features
(year, city) are kept as ``about.NAME``.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from falcon_svc.result.files import intact_path
from falcon_svc.result.record import Discovery
from falcon_svc.types import AboutColumn, ByteArray, CoarseDataset, Images, Note, Resample

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

SAMPLES = "samples.parquet"
TEXT, THUMBNAIL, ABOUT = "text", "thumbnail", "about."
SIDE = 128
"""Pixels of a thumbnail's side."""

QUALITY = 82
MOST_THUMBNAILS = 100_000
"""About 4 kB each: beyond, a result would be more pictures than result."""

GROUP_ROWS, LARGE_GROUP_ROWS = 500, 50_000
"""Rows that are read at once to show a thumbnail; and where there are none."""

KEPT_GROUPS = 16


def samples_note(dataset: CoarseDataset) -> tuple[Note, ...]:
    """Return a note where a data set has too many images for their thumbnails to be kept."""
    if dataset.images is None or len(dataset) <= MOST_THUMBNAILS:
        return ()
    return (
        Note(
            "no_thumbnails",
            f"A result keeps thumbnails of at most {MOST_THUMBNAILS:,} images, and there are "
            f"{len(dataset):,}; to see them in a review, give the data set with --data.",
        ),
    )


def samples_file(
    dataset: CoarseDataset, *, on_rows: Callable[[int], None] = lambda _: None
) -> dict[str, Callable[[Path], None]]:
    """Return what writes `samples.parquet`, by that name; nothing for vectors and nothing beside.

    Parameters
    ----------
    dataset : CoarseDataset
        Its texts, images and columns about the samples are kept, row by row.
    on_rows : callable, optional
        Told how many rows are written.
    """
    has_images = dataset.images is not None and not samples_note(dataset)
    if dataset.texts is None and not has_images and not dataset.about:
        return {}
    return {SAMPLES: lambda path: _write(path, dataset, has_images, on_rows)}


def _write(
    path: Path, dataset: CoarseDataset, has_images: bool, on_rows: Callable[[int], None]
) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = [(TEXT, pa.string())] if dataset.texts is not None else []
    columns += [(THUMBNAIL, pa.binary())] if has_images else []
    columns += [(ABOUT + one.name, pa.dictionary(pa.int32(), pa.string())) for one in dataset.about]
    rows = GROUP_ROWS if has_images else LARGE_GROUP_ROWS
    with pq.ParquetWriter(path, pa.schema(columns), compression="zstd") as writer:
        for start in range(0, len(dataset), rows):
            stop = min(start + rows, len(dataset))
            writer.write_table(_group(dataset, start, stop, writer.schema))
            on_rows(stop)


def _group(dataset: CoarseDataset, start: int, stop: int, schema: pa.Schema) -> pa.Table:
    import pyarrow as pa

    held: dict[str, Any] = {}
    if TEXT in schema.names:
        assert dataset.texts is not None
        held[TEXT] = list(dataset.texts[start:stop])
    if THUMBNAIL in schema.names:
        assert dataset.images is not None
        held[THUMBNAIL] = list(map(jpeg, dataset.images.read(start, stop, side=SIDE)))
    for one in dataset.about:
        codes = one.codes[start:stop]
        index = pa.array(codes, pa.int32(), mask=codes < 0)
        held[ABOUT + one.name] = pa.DictionaryArray.from_arrays(index, pa.array(one.values))
    return pa.table(held, schema)


def jpeg(pixels: ByteArray) -> bytes:
    """Return (H, W, 3) uint8 pixels as JPEG."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=QUALITY)
    return buffer.getvalue()


class Thumbnails:
    """The images of a data set as its result keeps them: for looking at, not for training.

    Parameters
    ----------
    file : pyarrow.parquet.ParquetFile
        Groups of rows are read when they are asked for, and the last few kept.
    """

    def __init__(self, file: pq.ParquetFile) -> None:
        self._file = file
        self._group = lru_cache(KEPT_GROUPS)(self._read_group)

    def __len__(self) -> int:
        return int(self._file.metadata.num_rows)

    def encoded(self, row: int) -> bytes:
        """Return one thumbnail as JPEG of 128 x 128 pixels."""
        found: bytes = self._group(row // GROUP_ROWS)[row % GROUP_ROWS].as_py()
        return found

    def read(
        self, start: int, stop: int, *, side: int | None, resample: Resample = "bilinear"
    ) -> ByteArray:
        """Return (stop-start, side, side, 3) uint8 RGB, see `falcon_svc.types.Images`."""
        from PIL import Image

        size = SIDE if side is None else side
        out = np.empty((stop - start, size, size, 3), np.uint8)
        for place, row in enumerate(range(start, stop)):
            image = Image.open(io.BytesIO(self.encoded(row)), formats=("JPEG",))
            out[place] = np.asarray(image.resize((size, size), Image.Resampling[resample.upper()]))
        return out

    def _read_group(self, number: int) -> pa.ChunkedArray:
        return self._file.read_row_group(number, columns=[THUMBNAIL])[THUMBNAIL]


def read_samples(directory: Path, discovery: Discovery) -> CoarseDataset | None:
    """Return the data set as its result keeps it: texts and thumbnails in the discovery's order.

    Parameters
    ----------
    directory : Path
        A result.
    discovery : Discovery
        What `falcon_svc.result.files.read_discovery` read there.

    Returns
    -------
    CoarseDataset or None
        None where the result keeps no texts and no thumbnails.

    Raises
    ------
    StorageError
        The file is not as it was written.
    """
    import pyarrow.parquet as pq

    path = intact_path(directory, SAMPLES)
    if path is None:
        return None
    file = pq.ParquetFile(path)
    names = file.schema_arrow.names
    if TEXT not in names and THUMBNAIL not in names:
        return None
    texts = file.read(columns=[TEXT])[TEXT].to_pylist() if TEXT in names else None
    images: Images | None = Thumbnails(file) if THUMBNAIL in names else None
    return CoarseDataset(
        vectors=None,
        images=images,
        ids=discovery.ids,
        sources=discovery.sources,
        digest=discovery.dataset_digest,
        texts=None if texts is None else tuple(texts),
    )


def read_about(directory: Path) -> tuple[AboutColumn, ...]:
    """Return the columns about the samples that a result keeps; none where it keeps none.

    Raises
    ------
    StorageError
        The file is not as it was written.
    """
    import pyarrow.parquet as pq

    path = intact_path(directory, SAMPLES)
    if path is None:
        return ()
    file = pq.ParquetFile(path)
    names = [name for name in file.schema_arrow.names if name.startswith(ABOUT)]
    table = file.read(columns=names) if names else None
    return tuple(_about(name, table[name]) for name in names) if table is not None else ()


def _about(name: str, column: pa.ChunkedArray) -> AboutColumn:
    """Chunks may have dictionaries of their own; missing values are -1."""
    whole = column.unify_dictionaries().combine_chunks()
    whole = whole if not hasattr(whole, "chunks") else whole.chunk(0)
    codes = whole.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int32)
    return AboutColumn(name.removeprefix(ABOUT), tuple(whole.dictionary.to_pylist()), codes)
