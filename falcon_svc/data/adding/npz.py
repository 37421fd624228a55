"""Arrays added to an `.npz`: -1, NaN and "" stand for rows without a value."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path

import numpy as np

from falcon_svc.data.adding import Columns, by_row, check_free
from falcon_svc.types import BoolArray

MISSING = {"i": -1, "f": np.nan, "U": ""}


def write(source: Path, target: Path, kept: BoolArray | None, columns: Columns) -> None:
    """Write the copy; the arrays that are there are copied as bytes."""
    shutil.copyfile(source, target)
    with zipfile.ZipFile(target, "a", zipfile.ZIP_DEFLATED) as archive:
        check_free([name.removesuffix(".npy") for name in archive.namelist()], columns, source)
        for name, values in columns.items():
            missing = MISSING[values.dtype.kind]
            found = [missing if v is None else v for v in by_row(values, kept)]
            with archive.open(f"{name}.npy", "w") as stream:
                np.lib.format.write_array(stream, np.array(found, values.dtype))
