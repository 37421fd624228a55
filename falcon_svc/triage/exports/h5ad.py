"""A copy of the user's `.h5ad` with the classes in `obs` and what they are in `uns`.

The copy is made first and only it is opened for writing. Columns follow AnnData's on-disk format
(categorical 0.2.0, string-array 0.2.0): `falcon_class`, `falcon_class_id`, `falcon_coarse`,
`falcon_confidence`; `uns/falcon` holds the revision and the data set's digest.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from falcon_svc.errors import InputError
from falcon_svc.triage.exports.table import review_table
from falcon_svc.triage.session import Session

PREFIX = "falcon_"


def write_h5ad(session: Session, source: Path, target: Path) -> None:
    """Copy `source` to `target` and add the review.

    Raises
    ------
    InputError
        `source` is no `.h5ad`, or none of its cells is in the result.
    """
    import h5py

    if source.suffix != ".h5ad" or not source.is_file():
        raise InputError(
            f"An .h5ad file was expected to copy, found {source.name!r}; give the file that the "
            "result was made of, or choose another format."
        )
    shutil.copyfile(source, target)
    with h5py.File(target, "r+") as file:
        _add(session, file, source)


def _add(session: Session, file: Any, source: Path) -> None:
    obs = file["obs"]
    names = [_text(name) for name in obs[obs.attrs["_index"]][:]]
    row_of = session.review.row_of
    rows = np.array([row_of.get(name, row_of.get(str(i), -1)) for i, name in enumerate(names)])
    if not (rows >= 0).any():
        raise InputError(
            f"None of the {len(names):,} cells of {source.name!r} is in this result; give the "
            "file that the result was made of."
        )
    table = review_table(session)
    for name in ("class", "class_id", "coarse"):
        values = table.column(name).to_pylist()
        _categorical(obs, PREFIX + name, [values[r] if r >= 0 else None for r in rows])
    confidence = table.column("confidence").to_numpy()
    shown = np.where(rows >= 0, confidence[np.maximum(rows, 0)], np.nan).astype(np.float32)
    _replace(obs, f"{PREFIX}confidence")
    made = obs.create_dataset(f"{PREFIX}confidence", data=shown)
    made.attrs.update({"encoding-type": "array", "encoding-version": "0.2.0"})
    order = [_text(c) for c in obs.attrs["column-order"]]
    fresh = [f"{PREFIX}{n}" for n in ("class", "class_id", "coarse", "confidence")]
    obs.attrs["column-order"] = np.array([c for c in order if c not in fresh] + fresh, dtype=object)
    _uns(session, file)


def _uns(session: Session, file: Any) -> None:
    uns = file.require_group("uns")
    uns.attrs.update({"encoding-type": "dict", "encoding-version": "0.1.0"})
    _replace(uns, "falcon")
    group = uns.create_group("falcon")
    group.attrs.update({"encoding-type": "dict", "encoding-version": "0.1.0"})
    digest = session.discovery.dataset_digest
    for name, text in {"revision": session.head, "dataset_digest": digest}.items():
        made = group.create_dataset(name, data=text)
        made.attrs.update({"encoding-type": "string", "encoding-version": "0.2.0"})


def _categorical(obs: Any, name: str, values: list[str | None]) -> None:
    categories = sorted({value for value in values if value is not None})
    place = {value: i for i, value in enumerate(categories)}
    codes = np.array([-1 if v is None else place[v] for v in values], np.int32)
    _replace(obs, name)
    group = obs.create_group(name)
    group.attrs.update(
        {"encoding-type": "categorical", "encoding-version": "0.2.0", "ordered": False}
    )
    _strings(group, "categories", categories)
    made = group.create_dataset("codes", data=codes)
    made.attrs.update({"encoding-type": "array", "encoding-version": "0.2.0"})


def _strings(group: Any, name: str, values: list[str]) -> None:
    import h5py

    data: NDArray[Any] = np.array(values, dtype=object)
    made = group.create_dataset(name, data=data, dtype=h5py.string_dtype())
    made.attrs.update({"encoding-type": "string-array", "encoding-version": "0.2.0"})


def _replace(group: Any, name: str) -> None:
    if name in group:
        del group[name]


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
