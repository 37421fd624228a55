"""Tables of random types, names, dialects, orders and holes, of which is known what they say.

`plant(seed, folder)` writes one file and returns what has to be read from it. Features are written
in every way that we claim to read; beside them stand columns that are none. Some tables are spoilt
on purpose: these must be refused, or come with a note of the given code.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import feather

Rng = np.random.Generator

WORDS = (
    "bird",
    "fish",
    "cat",
    "Ärger",
    "north sea",
    "01",
    "1.5",
    "x,y",
    'in "quotes"',
    "a;b",
    "日本",
)
LABEL_NAMES = (
    "coarse",
    "Coarse",
    "coarse_label",
    "label",
    "LABEL",
    "labels",
    "superclass",
    "class",
)
ID_NAMES = ("id", "ID", "ids", "Id")
FEATURE_NAMES = (
    *("e0", "height", "Width (cm)", "f.1", "größe", "x", "y", "score", "2", "10", "a b", "gene|1"),
    *("year", "valid", "android", "left", "k;m", 'with "q"', "tab", "bird"),
)
STYLES = (
    *("float", "int", "small", "big", "bool", "science", "decimal", "coded"),
    *("Fortran", "formula", "apostrophe", "numpy", "wide"),
)
TEXT_FORMATS = ("csv", "csv", "csv", "tsv", "csv.gz")
ARROW_FORMATS = ("parquet", "parquet", "feather", "jsonl")


WIDE = str.maketrans("0123456789", "\uff10\uff11\uff12\uff13\uff14\uff15\uff16\uff17\uff18\uff19")
PACKINGS: dict[str, Callable[[str], str]] = {
    "formula": lambda text: f'="{text}"',
    "apostrophe": lambda text: f"'{text}",
    "numpy": lambda text: f"np.float64({text})",
    "wide": lambda text: text.translate(WIDE),
}


@dataclass
class Column:
    """One column: plain values for Arrow and JSON, `texts` for text formats."""

    name: str
    values: list[Any]
    texts: list[str]
    arrow: pa.DataType | None = None


@dataclass
class Planted:
    """What a file says: features by name and order, labels as words ("" = none), ids or None.

    `vector` names the column that holds all features as lists, if there is one; `settings` are
    those to read it with.
    """

    path: Path
    features: dict[str, list[float]]
    labels: list[str]
    ids: list[str] | None
    told: set[str] = field(default_factory=set)
    refused: set[str] = field(default_factory=set)
    recipe: dict[str, Any] = field(default_factory=dict)
    vector: str | None = None
    settings: dict[str, Any] = field(default_factory=dict)


def plant(seed: int, folder: Path) -> Planted:
    """Write table number `seed`."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(12, 40))
    is_text = bool(rng.random() < 0.6)
    kind = str(rng.choice(TEXT_FORMATS if is_text else ARROW_FORMATS))
    comma = is_text and bool(rng.random() < 0.35)
    labels = label_column(rng, n, kind)
    features = feature_columns(rng, n, comma, kind)
    ids = id_column(rng, n) if rng.random() < 0.5 else None
    others = other_columns(rng, n, comma)
    vector = vector_column(rng, features, kind) if rng.random() < 0.15 else None
    if vector is not None:  # the numbers beside it are no features
        others += [Column(f"beside {c.name}", c.values, c.texts, c.arrow) for c in features[:2]]
        features = [vector]
    columns = [labels, *features, *others, *([ids] if ids else [])]
    rng.shuffle(columns)  # type: ignore[arg-type]
    told: set[str] = set()
    refused: set[str] = set()
    if vector is None and rng.random() < 0.3:
        spoil(rng, kind, features, labels, told, refused)
    path = folder / f"table{seed}.{kind}"
    recipe = write(rng, path, kind, columns, comma)
    order = [column.name for column in columns if column in features]
    by_name = {column.name: column for column in features}
    read = {name: [number(value) for value in by_name[name].values] for name in order if not vector}
    if vector is not None:
        parts = np.array(vector.values, dtype=np.float64).T
        read = {str(place): part.tolist() for place, part in enumerate(parts)}
    return Planted(
        path,
        read,
        [label_word(value) for value in labels.values],
        [str(value).strip() for value in ids.values] if ids else None,
        told,
        refused,
        {"kind": kind, "comma": comma, **recipe},
        vector and vector.name,
    )


def number(value: Any) -> float:
    """Return what a cell says, NaN for a spoilt one."""
    return float("nan") if value is None or isinstance(value, str) else float(value)


def label_word(value: Any) -> str:
    """Return how a label must be read."""
    if value is None or value == -1 or (isinstance(value, float) and np.isnan(value)):
        return ""
    if isinstance(value, float):
        return str(int(value))
    return str(value).strip()


def label_column(rng: Rng, n: int, kind: str) -> Column:
    name = str(rng.choice(LABEL_NAMES))
    count = int(rng.integers(2, 5))
    style = str(rng.choice(["words", "blanks", "whole", "floats", "bools", "categories"]))
    if style == "bools":
        values: list[Any] = [bool(i % 2) for i in range(n)]
    elif style in ("whole", "floats"):
        values = [int(v) for v in rng.integers(0, count, n)]
        values[:count] = range(count)
    else:
        words = rng.choice(WORDS, count, replace=False)
        values = [str(v) for v in rng.choice(words, n)]
        values[:count] = map(str, words)
    if style == "blanks":
        values = [str(rng.choice(["", " ", "  "])) + v + str(rng.choice(["", " "])) for v in values]
    if rng.random() < 0.2 and style != "bools":
        values[-1] = None
    if style == "floats":
        values = [None if v is None else float(v) for v in values]
    texts = ["" if v is None else str(v) for v in values]
    arrow = pa.dictionary(pa.int16(), pa.string()) if style == "categories" else None
    return Column(name, values, texts, arrow)


def vector_column(rng: Rng, parts: list[Column], kind: str) -> Column:
    """Return the features as one column of lists, under any name."""
    rows = [[float(v) for v in row] for row in zip(*(part.values for part in parts), strict=True)]
    name = str(rng.choice(["x", "embedding", "embeddings", "features", "emb_v2", "Vektor", "h"]))
    style = str(rng.choice(["json", "numpy"]))
    mark = ", " if style == "json" else "  "
    texts = ["[" + mark.join(map(repr, row)) + "]" for row in rows]
    lists = [
        pa.list_(pa.float64()),
        pa.large_list(pa.float64()),
        pa.list_(pa.float64(), len(parts)),
    ]
    arrow = lists[int(rng.integers(3))] if kind in ("parquet", "feather") else None
    return Column(name, list(rows), texts, arrow)


def feature_columns(rng: Rng, n: int, comma: bool, kind: str) -> list[Column]:
    names = rng.choice(FEATURE_NAMES, int(rng.integers(2, 6)), replace=False)
    return [feature(rng, str(name), n, comma, kind) for name in names]


def feature(rng: Rng, name: str, n: int, comma: bool, kind: str) -> Column:
    style = str(rng.choice(STYLES))
    arrow = None
    if style == "int":
        values: list[Any] = [int(v) for v in rng.integers(-50, 50, n)]
    elif style == "bool":
        values = [bool(v) for v in rng.random(n) < 0.5]
    elif style == "big":
        values = [round(float(v), 3) for v in rng.normal(size=n) * 1e6]
    else:
        values = [round(float(v), 4) for v in rng.normal(size=n) * (3 if style != "small" else 0.3)]
    if kind in ("parquet", "feather"):
        widths = [pa.float32(), pa.float64(), pa.float16()] if style != "big" else [pa.float64()]
        if style == "int":
            widths = [pa.int8(), pa.int32(), pa.int64()]
        if style != "bool":
            arrow = widths[int(rng.integers(len(widths)))]
        if arrow == pa.float16():
            values = [float(np.float16(v)) for v in values]
        if style == "decimal":
            values, arrow = [Decimal(f"{v:.4f}") for v in values], pa.decimal128(12, 4)
        if style == "coded":
            arrow = pa.dictionary(pa.int8(), pa.float64())
    return Column(name, values, [written(v, style, comma) for v in values], arrow)


def written(value: Any, style: str, comma: bool) -> str:
    """Return a number as text in the file's manner."""
    if isinstance(value, bool):
        return str(value)
    if style == "science":
        text = f"{value:.6e}"
    elif style == "Fortran":
        text = f"{value:.6E}".replace("E", "D")
    elif style == "big":
        text = f"{value:,.3f}" if not comma else f"{value:.3f}"
    else:
        text = repr(value)
    text = text.replace(".", ",") if comma else text
    return PACKINGS[style](text) if style in PACKINGS else text


def id_column(rng: Rng, n: int) -> Column:
    values = [f"s{i:03d}" for i in rng.permutation(n)]
    return Column(str(rng.choice(ID_NAMES)), list(values), list(values))


def other_columns(rng: Rng, n: int, comma: bool) -> list[Column]:
    """Return columns that are no features: none of them may be read as one."""
    days = [date(2024, 1, 1) + timedelta(int(d)) for d in rng.integers(0, 300, n)]
    notes = [str(v) for v in rng.choice(["good", "bad, very", "line\nend", 'a "b"'], n)]
    splits = [str(v) for v in rng.choice(["train", "test"], n)]
    numbers = [int(v) for v in rng.integers(1000, 9999, n)]
    rows = [int(v) for v in rng.permutation(n)]
    bins = [f"({v % 3}.5, {v % 3 + 1}.5]" for v in rows]
    places = [f"(52.{v}, 13.{v})" for v in rows]
    shares = [v / 1e4 for v in numbers]
    seconds = [1_700_000_000 + 977 * v for v in numbers]
    choices = [
        Column("taken on", list(days), [d.isoformat() for d in days]),
        Column("remark", notes, notes),
        Column("split", splits, splits),
        Column("customer_id", list(numbers), [str(v) for v in numbers]),
        Column("empty", [None] * n, [""] * n),
        Column("Unnamed: 0", list(rows), [str(v) for v in rows]),
        Column("serial", list(rows), [str(v) for v in rows]),
        Column("fine", splits, splits),
        Column("bin", bins, bins),
        Column("location", places, places),
        Column("timestamp", list(seconds), [str(v) for v in seconds]),
        Column("confidence", list(shares), [_decimal(v, comma) for v in shares]),
        Column("cluster", [v % 3 for v in numbers], [str(v % 3) for v in numbers]),
    ]
    return [column for column in choices if rng.random() < 0.25]


def _decimal(value: float, comma: bool) -> str:
    return repr(value).replace(".", ",") if comma else repr(value)


def spoil(
    rng: Rng,
    format_name: str,
    features: list[Column],
    labels: Column,
    told: set[str],
    refused: set[str],
) -> None:
    """Spoil one thing, and say by which code it must show."""
    column = features[int(rng.integers(len(features)))]
    row = int(rng.integers(len(column.values)))
    kind = str(rng.choice(["word", "hole", "sentinel", "case", "nan label"]))
    typed = format_name in ("parquet", "feather") or isinstance(column.values[0], bool)
    if kind == "word" and not typed:
        column.texts[row] = str(rng.choice(["#DIV/0!", "n/d", "<0.01", "1.2.3", "12 kg"]))
        column.values = [*column.values]
        column.values[row] = column.texts[row]
        refused |= {"bad_number", "bad_dtype"}
    elif kind == "hole" and not isinstance(column.values[0], bool):
        column.values[row], column.texts[row] = None, ""
        refused.add("non_finite")
    elif kind == "sentinel" and _is_small(column):
        column.values[row], column.texts[row] = -999999.0, "-999999"
        told |= {"sentinels", "scales"}
    elif (
        kind == "case" and isinstance(labels.values[1], str) and labels.values[1].strip().islower()
    ):
        labels.values[0] = labels.values[1].strip().upper()
        labels.texts[0] = labels.values[0]
        told |= {"near_equal_labels"}
    elif kind == "nan label" and isinstance(labels.values[0], str):
        labels.values[0], labels.texts[0] = None, "nan"
        told |= {"missing_as_text", "unlabelled"}


def _is_small(column: Column) -> bool:
    first = column.values[0]
    return column.arrow is None and isinstance(first, float) and max(map(abs, column.values)) < 1e3


def write(rng: Rng, path: Path, kind: str, columns: list[Column], comma: bool) -> dict[str, Any]:
    if kind == "jsonl":
        rows = zip(*(column.values for column in columns), strict=True)
        names = [column.name for column in columns]
        lines = [json.dumps(dict(zip(names, row, strict=True)), default=str) for row in rows]
        path.write_text("\n".join(lines) + "\n", "utf-8")
        return {}
    if kind in ("parquet", "feather"):
        arrays = {c.name: pa.array(c.values, c.arrow) for c in columns}
        table = pa.table(arrays)
        if kind == "feather":
            feather.write_feather(table, path)
        else:
            pq.write_table(table, path, row_group_size=int(rng.integers(5, 50)))
        return {}
    return write_text(rng, path, kind, columns, comma)


def write_text(
    rng: Rng, path: Path, kind: str, columns: list[Column], comma: bool
) -> dict[str, Any]:
    """Write a dialect: separator, quotes, line ends, encoding, an index, closing separators."""
    separator = "\t" if kind == "tsv" else str(rng.choice([";"] if comma else [",", ",", ";", "|"]))
    quoting = csv.QUOTE_ALL if rng.random() < 0.2 else csv.QUOTE_MINIMAL
    end = "\r\n" if rng.random() < 0.4 else "\n"
    index = str(rng.choice(["none", "none", "none", "pandas", "R"]))
    closing = bool(index == "none" and rng.random() < 0.1)
    header = [column.name for column in columns]
    rows = [list(row) for row in zip(*(column.texts for column in columns), strict=True)]
    if index != "none":
        rows = [[str(i + (index == "R")), *row] for i, row in enumerate(rows)]
        header = ["", *header] if index == "pandas" or rng.random() < 0.5 else header
    if closing:
        rows = [[*row, ""] for row in rows]
        header = [*header, ""]
    out = io.StringIO()
    told = separator in ",;" and bool(rng.random() < 0.15)
    if told:
        out.write(f"sep={separator}{end}")
    writer = csv.writer(out, delimiter=separator, quoting=quoting, lineterminator=end)
    writer.writerow(header)
    writer.writerows(rows)
    encoding = str(rng.choice(["utf-8", "utf-8", "utf-8-sig", "utf-16"]))
    content = out.getvalue().encode(encoding)
    if kind == "csv.gz":
        content = gzip.compress(content)
    path.write_bytes(content)
    return {"sep": separator, "index": index, "closing": closing, "told": told, "enc": encoding}
