"""More ways in which tables and folders say what they hold: read right, told, or refused.

Beside `test_real_files`; each kind gave a wrong result without a word before.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from falcon_svc.data import DataConfig, load_dataset
from falcon_svc.errors import InputError

N = 54
CODES = np.repeat([0, 1, 2], N // 3)
WORDS = np.array(["air", "land", "sea"])[CODES]
X = (np.random.default_rng(0).normal(size=(N, 4)) * 3 + CODES[:, None] * 9).round(3)
NAMES = ["h", "w", "len", "mass"]
FINE = 2 * CODES + np.arange(N) % 2


def frame(**more: Any) -> pd.DataFrame:
    return pd.DataFrame(X, columns=NAMES).assign(**more, coarse=WORDS)


def written(path: Path, write: Callable[[float], str], columns: tuple[int, ...]) -> Path:
    """Write the table with the numbers of some columns in another way."""
    out = io.StringIO()
    rows = csv.writer(out)
    rows.writerow([*NAMES, "coarse"])
    for x, word in zip(X.tolist(), WORDS, strict=True):
        rows.writerow([*(write(v) if k in columns else v for k, v in enumerate(x)), word])
    path.write_text(out.getvalue(), encoding="utf-8")
    return path


def codes(path: Any) -> set[str]:
    return {note.code for note in load_dataset(path).reading.notes}


def other_digits(zero: int, mark: str) -> Callable[[float], str]:
    return lambda v: str(v).translate({48 + k: zero + k for k in range(10)} | {46: mark})


READ: dict[str, Callable[[float], str]] = {
    "comma and exponent": lambda v: f"{v:.6e}".replace(".", ","),
    "Fortran": lambda v: f"{v:.6E}".replace("E", "D"),
    "formula": lambda v: f'="{v}"',
    "apostrophe": lambda v: f"'{v}",
    "numpy's scalars": lambda v: f"np.float64({v})",
    "tensors": lambda v: f"tensor({v})",
    "lists of one": lambda v: f"[{v}]",
    "wide digits": other_digits(0xFF10, "."),
    "Arabic digits": other_digits(0x660, "\u066b"),
}


@pytest.mark.parametrize("columns", [(1,), (0, 1, 2, 3)], ids=["one", "all"])
@pytest.mark.parametrize("way", READ)
def test_the_same_numbers_in_other_writing(
    tmp_path: Path, way: str, columns: tuple[int, ...]
) -> None:
    data = load_dataset(written(tmp_path / "t.csv", READ[way], columns))
    assert data.reading.features == tuple(NAMES) and data.reading.notes == ()
    assert np.allclose(data.vectors, X, atol=1e-4)


BESIDE: dict[str, Callable[[float], str]] = {
    "error": lambda v: f"{v}±0.2",
    "error in parentheses": lambda v: f"{v} (0.2)",
    "currency before": lambda v: f"USD {v}",
    "about": lambda v: f"~{v}",
    "less": lambda v: f"<{v}",
    "two units": lambda v: f"{v} kg/m^2",
    "power of ten": lambda v: f"{v / 10:.4f}x10^1",
    "fraction": lambda v: f"{int(v)}/10",
    "range": lambda v: f"{v}-{v + 1}",
    "hours": lambda v: f"{int(abs(v))}h {int(abs(v) * 60) % 60}m",
    "star": lambda v: f"{v}*",
    "parentheses": lambda v: f"({abs(v)})",
    "inches": lambda v: f"{abs(int(v))}'{abs(int(v)) % 12}\"",
}


@pytest.mark.parametrize("way", BESIDE)
def test_numbers_with_something_beside_them_are_told(tmp_path: Path, way: str) -> None:
    data = load_dataset(written(tmp_path / "t.csv", BESIDE[way], (1,)))
    assert data.reading.features == ("h", "len", "mass")
    (note,) = data.reading.notes
    assert note.code == "units" and "'w'" in note.text


@pytest.mark.parametrize(
    "words",
    ["sample_{k}", "B{k}", "2024-01-{k}", "12.03.20{k}", "10.0.0.{k}", "img_{k}.png", "note {k}"],
)
def test_codes_dates_and_names_with_digits_are_no_numbers(tmp_path: Path, words: str) -> None:
    frame(what=[words.format(k=k + 10) for k in range(N)]).to_csv(tmp_path / "t.csv", index=False)
    data = load_dataset(tmp_path / "t.csv")
    assert data.reading.features == tuple(NAMES) and data.reading.notes == ()


LABELS: dict[str, Callable[[int, str], str]] = {
    "quotes": lambda k, word: f"'{word}'" if k % 3 else word,
    "stops": lambda k, word: f"{word}." if k % 3 else word,
    "Cyrillic": lambda k, word: word.replace("a", "\u0430") if k % 2 else word,
    "web": lambda k, word: f"{word} &amp; x" if k % 2 else f"{word} & x",
    "zeros": lambda k, word: f"{'0' * (k % 2)}{len(word)}",
    "exponents": lambda k, word: f"{len(word)}{'e0' * (k % 2)}",
}


@pytest.mark.parametrize("way", LABELS)
def test_labels_that_look_alike_are_told(tmp_path: Path, way: str) -> None:
    words = [LABELS[way](k, word) for k, word in enumerate(WORDS)]
    frame().assign(coarse=words).to_csv(tmp_path / "t.csv", index=False)
    assert "near_equal_labels" in codes(tmp_path / "t.csv")


def test_a_thousand_is_not_one(tmp_path: Path) -> None:
    words = [f"{k % 2 + 1},000" if k % 3 else "1" for k in range(N)]
    frame().assign(coarse=words).to_csv(tmp_path / "t.csv", index=False)
    assert set(load_dataset(tmp_path / "t.csv").coarse.names) == {"1", "1,000", "2,000"}


COLUMNS: dict[str, tuple[Any, set[str]]] = {
    "sum": (X.sum(axis=1), {"total_column"}),
    "mean": (X.mean(axis=1), {"total_column"}),
    "again": (X[:, 2], {"repeated_columns"}),
    "year": (1990 + np.arange(N) % 30, {"like_dates"}),
    "Tag": (45_000 + np.arange(N) * 7 % 300, {"like_dates"}),
    "day": (20_240_101 + np.arange(N) % 28, {"like_dates"}),
    "begun": (1_700_000_000 + 86_400 * (np.arange(N) * 7 % 50), {"like_dates", "scales"}),
    "code": (np.where(np.arange(N) % 14, FINE, 0), {"nested_numbers"}),
    "batch": (np.arange(N) % 4, {"left_out"}),
    "Fold_ID": (np.arange(N) % 5, {"left_out"}),
    "hdbscan_label": (np.arange(N) % 5, {"left_out"}),
    "Kategorie": (np.arange(N) % 5, {"left_out"}),
    "height of a tree": (X[:, 0] * 2, set()),
}


@pytest.mark.parametrize("name", COLUMNS)
def test_columns_that_are_no_property_of_a_sample_are_told(tmp_path: Path, name: str) -> None:
    values, notes = COLUMNS[name]
    frame(**{name: values}).to_csv(tmp_path / "t.csv", index=False)
    assert codes(tmp_path / "t.csv") == notes


def test_one_hot_categories_are_told(tmp_path: Path) -> None:
    sites = pd.get_dummies(pd.Series([f"s{k % 3}" for k in range(N)], name="site"), prefix="site")
    table = frame(**{name: sites[name] for name in sites})
    table.to_parquet(tmp_path / "t.parquet")
    (note,) = load_dataset(tmp_path / "t.parquet").reading.notes
    assert note.code == "one_hot" and "'site' (3 columns)" in note.text


def totals(kind: str) -> pd.DataFrame:
    """Return the table with rows that sum up others."""
    table, numbers = frame(), pd.DataFrame(X, columns=NAMES)
    row = {name: numbers[name].sum().round(2) for name in NAMES} | {"coarse": "Total"}
    if kind == "first":
        return pd.concat([pd.DataFrame([row]), table])
    if kind == "two":
        means = numbers.mean().round(3).to_dict() | {"coarse": "Mean"}
        return pd.concat([table, pd.DataFrame([row, means])])
    if kind == "described":
        return pd.concat([table, numbers.describe().round(4).assign(coarse=lambda d: d.index)])
    own = (lambda word: word) if kind == "means of blocks" else (lambda word: f"{word} Total")
    figure = "mean" if kind == "means of blocks" else "sum"
    blocks = []
    for word, block in table.groupby("coarse"):
        summed = block[NAMES].agg(figure).round(3).to_dict() | {"coarse": own(word)}
        blocks += [block, pd.DataFrame([summed])]
    return pd.concat(blocks)


@pytest.mark.parametrize("kind", ["first", "two", "described", "blocks", "means of blocks"])
def test_rows_of_totals_are_refused(tmp_path: Path, kind: str) -> None:
    totals(kind).to_csv(tmp_path / "t.csv", index=False)
    with pytest.raises(InputError, match=r"the (sum|mean) of") as caught:
        load_dataset(tmp_path / "t.csv")
    assert caught.value.code == "totals_row"


def test_a_row_called_as_a_summary_is_told(tmp_path: Path) -> None:
    spread = X.std(axis=0).round(3).tolist()
    frame().set_axis([*NAMES, "coarse"], axis=1).to_csv(tmp_path / "t.csv", index=False)
    with (tmp_path / "t.csv").open("a") as stream:
        stream.write(",".join(map(str, spread)) + ",std\n")
    assert "summary_rows" in codes(tmp_path / "t.csv")


def test_small_whole_numbers_are_no_totals() -> None:
    """A row is often the sum of some others where numbers are few: no block is one of totals."""
    rng = np.random.default_rng(1)
    for seed in range(30):
        table = pd.DataFrame(rng.integers(0, 3, (40, 2)), columns=["a", "b"])
        data = load_dataset(table.assign(coarse=np.repeat(["x", "y"], 20)))
        assert len(data) == 40, seed


def test_a_table_of_one_value_per_row_is_told_to_be_pivoted(tmp_path: Path) -> None:
    long = frame(sample=[f"s{k}" for k in range(N)]).melt(id_vars=["sample", "coarse"])
    long.to_csv(tmp_path / "t.csv", index=False)
    with pytest.raises(InputError, match="pivot a table"):
        load_dataset(tmp_path / "t.csv")


def test_an_empty_feature_is_said_to_be_empty(tmp_path: Path) -> None:
    frame().assign(w=None).to_csv(tmp_path / "t.csv", index=False)
    with pytest.raises(InputError, match="nothing but empty cells"):
        load_dataset(tmp_path / "t.csv", DataConfig(feature_columns=("h", "w")))


def records(k: int) -> dict[str, Any]:
    return {"values": dict(zip(NAMES, X[k].tolist(), strict=True)), "coarse": str(WORDS[k])}


def test_records_within_records_are_columns(tmp_path: Path) -> None:
    rows = [records(k) for k in range(N)]
    (tmp_path / "t.jsonl").write_text("\n".join(map(json.dumps, rows)))
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "t.parquet", row_group_size=20)
    read = [load_dataset(tmp_path / "t.jsonl"), load_dataset(tmp_path / "t.parquet")]
    read.append(load_dataset(pa.Table.from_pylist(rows)))
    for data in read:
        assert data.reading.features == tuple(f"values.{name}" for name in NAMES)
        assert np.allclose(data.vectors, X, atol=1e-5)


@pytest.mark.parametrize(("name", "used"), [("meta", "h w"), ("features", "features.a features.b")])
def test_records_are_not_mixed_with_numbers_beside_them(name: str, used: str) -> None:
    inside = [{"a": k * 1.5, "b": float(k % 7)} for k in range(N)]
    data = load_dataset(pa.table({"h": X[:, 0], "w": X[:, 1], name: inside, "coarse": WORDS}))
    assert data.reading.features == tuple(used.split())
    assert {note.code for note in data.reading.notes} == {"numbers_left_out"}


def test_names_of_records_meet_no_others(tmp_path: Path) -> None:
    rows = [{"a": {"b": 1.0, "c": k}, "a.b": 2.0, "coarse": "x"} for k in range(9)]
    (tmp_path / "t.jsonl").write_text("\n".join(map(json.dumps, rows)))
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "t.parquet")
    for name in ("t.jsonl", "t.parquet"):
        with pytest.raises(InputError, match=r"'a\.b' more than once"):
            load_dataset(tmp_path / name)


@pytest.mark.parametrize("kind", ["bytes", "map"])
def test_vectors_that_are_not_read_are_told(tmp_path: Path, kind: str) -> None:
    packed = pa.array([row.astype("<f4").tobytes() for row in X])
    pairs = [list(zip(NAMES, row, strict=True)) for row in X.tolist()]
    mapped = pa.array(pairs, pa.map_(pa.string(), pa.float64()))
    columns = {"v": packed if kind == "bytes" else mapped, "a": X[:, 0], "b": X[:, 1]}
    pq.write_table(pa.table({**columns, "coarse": WORDS}), tmp_path / "t.parquet")
    assert codes(tmp_path / "t.parquet") == {"packed"}


COLOURS = {"land": (200, 30, 30), "sea": (30, 30, 200)}
EACH = 4


def picture(path: Path, name: str, inside: tuple[int, int, int, int] | None = None) -> None:
    """Write an image of a class's colour, or grey but for a box of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.new("RGB", (20, 20), COLOURS[name] if inside is None else (128, 128, 128))
    if inside is not None:
        image.paste(COLOURS[name], inside)
    image.save(path)


def check_colours(folder: Path, notes: set[str]) -> None:
    """Every sample shows its class's colour and nothing else."""
    data = load_dataset(folder)
    assert {note.code for note in data.reading.notes} == notes and data.images is not None
    assert len(data) == 2 * EACH
    pixels = data.images.read(0, len(data), side=2)
    for code, image in zip(data.coarse.labels, pixels, strict=True):
        assert np.abs(image - np.array(COLOURS[data.coarse.names[code]])).max() <= 1


BOX = (4, 6, 14, 16)  # in 20 x 20: centre 0.45, 0.55, size 0.5
YOLO = {
    "a pose of two points": ("0.45 0.55 0.5 0.5 0.1 0.1 2 0.9 0.9 2", "kpt_shape: [2, 3]\n"),
    "a pose without visibility": ("0.45 0.55 0.5 0.5 0.1 0.1 0.9 0.9", "kpt_shape: [2, 2]\n"),
    "a pose that is not announced": ("0.45 0.55 0.5 0.5 0.1 0.1 2", ""),
    "certainty": ("0.45 0.55 0.5 0.5 0.9", ""),
    "a polygon": ("0.2 0.3 0.7 0.3 0.7 0.8 0.2 0.8", ""),
}


@pytest.mark.parametrize("kind", YOLO)
def test_lines_of_yolo_are_boxes_whatever_follows(tmp_path: Path, kind: str) -> None:
    line, shape = YOLO[kind]
    for number, name in enumerate(COLOURS):
        for k in range(EACH):
            picture(tmp_path / f"images/{name}{k}.png", name, BOX)
            (tmp_path / "labels").mkdir(exist_ok=True)
            (tmp_path / f"labels/{name}{k}.txt").write_text(f"{number}.0 {line}\n")
    (tmp_path / "data.yaml").write_text(f"names: [land, sea]\n{shape}")
    check_colours(tmp_path, {"crops"})


def test_lines_of_yolo_may_lie_beside_the_images(tmp_path: Path) -> None:
    for number, name in enumerate(COLOURS):
        for k in range(EACH):
            picture(tmp_path / f"obj/{name}{k}.png", name, BOX)
            (tmp_path / f"obj/{name}{k}.txt").write_text(f"{number} 0.45 0.55 0.5 0.5\n")
    (tmp_path / "classes.txt").write_text("land\nsea\n")
    check_colours(tmp_path, {"crops"})


CORNERS = [[4, 6, 14, 6, 14, 16, 4, 16]]
COCO: dict[str, dict[str, Any]] = {
    "polygons alone": {"segmentation": CORNERS},
    "an empty box": {"bbox": [], "segmentation": CORNERS},
    "a box": {"bbox": [4, 6, 10, 10]},
}


def coco(folder: Path, object_: dict[str, Any], split: str, **image: Any) -> None:
    images, objects = [], []
    for number, name in enumerate(COLOURS):
        for k in range(EACH // 2):
            picture(folder / f"{split}/{name}{k}.png", name, BOX if object_ else None)
            images.append({"id": len(images), "file_name": f"{name}{k}.png", **image})
            objects.append({"image_id": str(len(images) - 1), "category_id": number, **object_})
    kinds = [{"id": k, "name": name} for k, name in enumerate(COLOURS)]
    document = {"images": images, "annotations": objects, "categories": kinds}
    (folder / "annotations").mkdir(exist_ok=True)
    (folder / f"annotations/instances_{split}.json").write_text(json.dumps(document))


@pytest.mark.parametrize("kind", COCO)
def test_objects_of_coco_in_two_splits_with_the_same_file_names(tmp_path: Path, kind: str) -> None:
    coco(tmp_path, COCO[kind], "train")
    coco(tmp_path, COCO[kind], "val")
    check_colours(tmp_path, {"crops"})


def test_annotations_without_a_box_are_about_the_image(tmp_path: Path) -> None:
    coco(tmp_path, {}, "train")
    coco(tmp_path, {}, "val")
    check_colours(tmp_path, {"crops"})


@pytest.mark.parametrize(
    ("object_", "words"),
    [
        ({"bbox": [5, 4, 8, 6, 30]}, "a turned box"),
        ({"segmentation": {"counts": [0, 9], "size": [20, 20]}}, "a packed mask"),
        ({"bbox": [4, 6, 10, 10], "category_id": 7}, "category_id 7, which is not listed"),
    ],
)
def test_objects_that_are_no_boxes_are_refused(
    tmp_path: Path, object_: dict[str, Any], words: str
) -> None:
    coco(tmp_path, object_, "train")
    with pytest.raises(InputError, match=words):
        load_dataset(tmp_path)


def test_four_corners_are_the_box_around_them(tmp_path: Path) -> None:
    lines = ["file_name,label,x1,y1,x2,y2,x3,y3,x4,y4"]
    for name in COLOURS:
        for k in range(EACH):
            picture(tmp_path / f"{name}{k}.png", name, BOX)
            lines.append(f"{name}{k}.png,{name},4,6,14,6,14,16,4,16")
    (tmp_path / "t.csv").write_text("\n".join(lines))
    check_colours(tmp_path / "t.csv", {"crops"})


def test_masks_beside_images_are_left_out(tmp_path: Path) -> None:
    for name in COLOURS:
        for k in range(EACH):
            picture(tmp_path / name / f"{name} ({k}).png", name)
            picture(tmp_path / name / f"{name} ({k})_mask.png", "sea", BOX)
    (tmp_path / "$RECYCLE.BIN").mkdir()
    picture(tmp_path / "$RECYCLE.BIN" / "x.png", "sea")
    (tmp_path / "lost+found").mkdir()
    check_colours(tmp_path, {"masks"})


@pytest.mark.parametrize("change", [str.upper, lambda name: name.replace("/", "%2F")])
def test_images_named_in_another_case_or_for_the_web(
    tmp_path: Path, change: Callable[[str], str]
) -> None:
    lines = ["image,label"]
    for name in COLOURS:
        for k in range(EACH):
            picture(tmp_path / f"img/{name}{k}.png", name)
            lines.append(f"{change(f'img/{name}{k}.png')},{name}")
    (tmp_path / "t.csv").write_text("\n".join(lines))
    check_colours(tmp_path / "t.csv", {"found_below"})
