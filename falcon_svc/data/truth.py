"""Reading the fine truth: for a part of the samples, and with names that repeat across classes.

Only metrics and benchmarks call this; nothing that trains or selects does.
"""

from __future__ import annotations

import numpy as np

from falcon_svc.data.column_names import Roles, fine_column
from falcon_svc.data.config import DataConfig
from falcon_svc.data.identity import id_column, read_ids
from falcon_svc.data.labels import Encoded, encode, id_findings
from falcon_svc.data.refusal import listed, quoted, refusal
from falcon_svc.data.source import Source, check_column, flat_column
from falcon_svc.types import BoolArray, EvalLabels, IntArray, Note

ONE_CLASS_SHARE = 0.9
JOIN = "/"
SHOWN = 5


def truth(source: Source, config: DataConfig) -> EvalLabels:
    """Return ids and fine labels; rows without a fine label are left out.

    A fine name that occurs in several coarse classes of the same file stands for one fine class in
    each, unless 90 % of its samples lie in one: then the others count as wrong coarse labels.
    """
    column = fine_column(source.columns(), config) or config.fine_column
    check_column(source, column, "the fine truth", "fine_column")
    values = flat_column(source, column)
    fine = encode(
        values, source.class_names(column), what=column, where=source.where, config=config
    )
    ids = read_ids(source, config, None, len(values))
    problems = fine.findings + id_findings(ids.values, config)
    if problems:
        raise problems[0].error(source.where)
    codes, names, notes = _told_apart(fine, _coarse(source, column, config))
    known = np.flatnonzero(codes >= 0)
    if not known.size:
        raise refusal(
            f"fine labels in {quoted(column)}",
            "none",
            where=source.where,
            remedy="give a file with the fine truth",
            code="no_data",
        )
    kept = tuple(ids.values[i] for i in known)
    named = id_column(source, config)
    return EvalLabels(kept, codes[known], names, named, notes, n_rows=len(values))


def _coarse(source: Source, fine: str, config: DataConfig) -> Encoded | None:
    """Return the coarse labels beside the truth, where there are any."""
    column = next((c for _, c in Roles.of(source.columns(), config).sources), None)
    if column is None or column == fine or column not in source.columns():
        return None
    values = flat_column(source, column)
    return encode(
        values, source.class_names(column), what=column, where=source.where, config=config
    )


def _told_apart(
    fine: Encoded, coarse: Encoded | None
) -> tuple[IntArray, tuple[str, ...], tuple[Note, ...]]:
    """Return fine classes, those of one name in several coarse classes told apart."""
    if coarse is None or len(coarse.codes) != len(fine.codes):
        return fine.codes, fine.names, fine.notes
    both = (fine.codes >= 0) & (coarse.codes >= 0)
    shape = len(fine.names), len(coarse.names)
    cells = fine.codes[both] * shape[1] + coarse.codes[both]
    table = np.bincount(cells, minlength=shape[0] * shape[1]).reshape(shape)
    spread = table.max(axis=1, initial=0) < ONE_CLASS_SHARE * table.sum(axis=1)
    if not spread.any():
        return fine.codes, fine.names, fine.notes
    apart = both & spread[fine.codes]
    pairs = np.where(apart, fine.codes * shape[1] + coarse.codes, -1)
    kinds = np.unique(pairs[apart])
    codes = np.where(apart, shape[0] + np.searchsorted(kinds, pairs), fine.codes)
    apart_names = [coarse.names[k % shape[1]] + JOIN + fine.names[k // shape[1]] for k in kinds]
    used = np.unique(codes[codes >= 0])
    names = tuple(np.array([*fine.names, *apart_names], dtype=object)[used].tolist())
    codes = np.where(codes >= 0, np.searchsorted(used, codes), -1).astype(np.int64)
    return codes, names, (*fine.notes, _repeated(fine.names, spread))


def _repeated(names: tuple[str, ...], spread: BoolArray) -> Note:
    repeated = [name for name, is_spread in zip(names, spread, strict=True) if is_spread]
    text = f"{len(repeated):,} fine names occur in several coarse classes "
    text += f"({listed(repeated[:SHOWN])}) and count as one fine class in each."
    return Note("repeated_fine_names", text)
