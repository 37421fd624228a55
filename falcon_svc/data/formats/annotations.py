"""Objects annotated beside their images, one sample per box: YOLO, COCO and Pascal VOC.

Each layout becomes a table of (file, label, box) that `ManifestSource` reads like any other:
YOLO: ``images/``, ``labels/`` and ``classes.txt`` or ``data.yaml``. COCO: a JSON file with images,
annotations and categories. VOC: ``Annotations/*.xml``.
"""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any
from xml.etree import ElementTree

import pyarrow as pa

from falcon_svc.data.config import DataConfig
from falcon_svc.data.formats.arrow_columns import Columns
from falcon_svc.data.formats.image_tree import is_ignored
from falcon_svc.data.formats.manifest import ManifestSource
from falcon_svc.data.formats.stores import FileStore
from falcon_svc.data.formats.table import TableSource
from falcon_svc.data.image_names import ImageFinder
from falcon_svc.data.refusal import listed, quoted, reading, refusal
from falcon_svc.data.source import Source
from falcon_svc.types import Note

ERRORS = (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError)
NAME_FILES = ("classes.txt", "obj.names", "data.yaml", "data.yml", "dataset.yaml")
YAML_BYTES = 2**20
WHOLE_IMAGE = 1e6  # pixels, cut off where the image ends
Row = dict[str, Any]


def open_annotations(store: FileStore, config: DataConfig) -> Source | None:
    """Return the annotated objects of a folder or zip; None where nothing is annotated.

    Raises
    ------
    InputError
        An annotation file that is not what its place says.
    """
    names = [name for name in store.names() if name[-1] != "/" and not is_ignored(name)]
    images = ImageFinder(names)
    for read in (_yolo, _coco, _voc):
        rows = read(store, names, images)
        if rows is not None:
            used = {row["file_name"] for row in rows}
            without = [name for name in images.names if name not in used]
            return _as_manifest(rows, _without_objects(without), store, config)
    return None


def _without_objects(names: list[str]) -> tuple[Note, ...]:
    if not names:
        return ()
    text = f"{len(names):,} images without an annotated object are left out ({listed(names[:3])})."
    return (Note("no_objects", text),)


def _as_manifest(
    rows: list[Row], notes: tuple[Note, ...], store: FileStore, config: DataConfig
) -> Source:
    if not rows:
        raise refusal(
            "at least one annotated object",
            "none",
            where=store.where,
            remedy="add annotations, or give the images in class folders",
            code="no_data",
        )
    table = pa.Table.from_pylist(rows)
    columns = replace(Columns.of(table), notes=notes)
    return ManifestSource(TableSource(store.where, columns, config), store, config)


def _yolo(store: FileStore, names: list[str], images: ImageFinder) -> list[Row] | None:
    """Return the rows of ``labels/.../x.txt``: class, centre and size as shares of the image."""
    there = set(names)
    pairs = [(name, _label_file(name)) for name in images.names if "images" in name.split("/")]
    if any(name.split("/")[-1] in NAME_FILES[:2] for name in names):  # else they are captions
        pairs += [(name, name.rsplit(".", 1)[0] + ".txt") for name in images.names]
    pairs = [(image, label) for image, label in pairs if label in there]
    if not pairs:
        return None
    classes, points = _yolo_names(store, names)
    rows: list[Row] = []
    for image, label in pairs:
        where = f"{quoted(label)} of {store.where}"
        with reading("lines of class x y width height", where=where, errors=ERRORS):
            rows += [_yolo_row(image, line, classes, points) for line in _lines(store, label)]
    return rows


def _label_file(image: str) -> str:
    parts = image.split("/")
    place = len(parts) - 1 - parts[::-1].index("images")
    return "/".join([*parts[:place], "labels", *parts[place + 1 :]]).rsplit(".", 1)[0] + ".txt"


def _lines(store: FileStore, name: str) -> list[str]:
    return [line for line in store.read(name).decode("utf-8-sig").splitlines() if line.strip()]


def _yolo_row(image: str, line: str, classes: dict[int, str], points: int) -> Row:
    """Read one object: a box, perhaps with certainty or `points` numbers of a pose; a polygon."""
    first, *rest = line.split()
    number, told = int(float(first)), [float(one) for one in rest]
    is_box = len(told) in (4, 5, 4 + points) or (len(told) % 2 and len(told) % 3 == 1)
    if not is_box and (len(told) < 6 or len(told) % 2):
        raise ValueError(f"the line {line[:60]!r}")
    if not is_box:
        x, y = told[::2], told[1::2]
        width, height = max(x) - min(x), max(y) - min(y)
        told = [min(x) + width / 2, min(y) + height / 2, width, height]
    box = dict(zip(("cx", "cy", "w", "h"), told[:4], strict=True))
    return {"file_name": image, "label": classes.get(number, str(number)), **box}


def _yolo_names(store: FileStore, names: list[str]) -> tuple[dict[int, str], int]:
    """Return class number -> name, and how many numbers of a pose follow each box, if told."""
    found = next((n for usual in NAME_FILES for n in names if n.split("/")[-1] == usual), None)
    if found is None:
        return {}, 0
    where = f"{quoted(found)} of {store.where}"
    with reading("the classes' names", where=where, errors=ERRORS):
        if not found.endswith((".yaml", ".yml")):
            return dict(enumerate(line.strip() for line in _lines(store, found))), 0
        if (store.size(found) or 0) > YAML_BYTES:
            raise ValueError("more than a MiB")
        return _yaml_names(store.read(found).decode("utf-8-sig"))


def _yaml_names(text: str) -> tuple[dict[int, str], int]:
    import yaml

    try:
        document = yaml.safe_load(text)
        told, pose = document["names"], document.get("kpt_shape") or [0]
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from error
    pairs = told.items() if isinstance(told, dict) else enumerate(told)
    return {int(number): str(name) for number, name in pairs}, math.prod(map(int, pose))


def _coco(store: FileStore, names: list[str], images: ImageFinder) -> list[Row] | None:
    """Return the rows of COCO's JSON: category, and its supercategory where it has one."""
    places = ("annotations", "annotation")
    found = [
        name
        for name in names
        if name.endswith(".json")
        and images.names
        and (
            set(name.split("/")[:-1]) & set(places)
            or "coco" in name.split("/")[-1].lower()
            or ("/" not in name and _is_coco(store.read(name)))
        )
    ]
    found = [n for n in found if n.split("/")[-1].startswith("instances")] or found
    if not found:
        return None
    rows: list[Row] = []
    for name in found:
        where = f"{quoted(name)} of {store.where}"
        expected = "a COCO file with images, annotations and categories"
        with reading(expected, where=where, errors=ERRORS, remedy="export the annotations again"):
            rows += _coco_rows(json.loads(store.read(name)), name, images)
    return rows


def _is_coco(content: bytes) -> bool:
    """Return whether a file at the root, of any name, holds what COCO's files hold."""
    return all(key in content for key in (b'"images"', b'"annotations"', b'"categories"'))


def _coco_rows(document: dict[str, Any], near: str, images: ImageFinder) -> list[Row]:
    absent = [k for k in ("images", "annotations", "categories") if k not in document]
    if absent:
        raise ValueError(f"it lacks {listed(absent)}")
    files = {
        str(one["id"]): _coco_file(one["file_name"], near, images) for one in document["images"]
    }
    kinds = {str(one["id"]): one for one in document["categories"]}
    rows = []
    for one in document["annotations"]:
        x, y, width, height = _coco_box(one)
        kind = _known(kinds, one, "category_id")
        rows.append(
            {
                "file_name": _known(files, one, "image_id"),
                "label": str(kind["name"]),
                "supercategory": str(kind.get("supercategory") or ""),
                **{"bbox_x": x, "bbox_y": y, "bbox_width": width, "bbox_height": height},
            }
        )
    return rows


def _coco_file(told: str, near: str, images: ImageFinder) -> str:
    """Return the image's file: near the annotations, in the folder of their split, or anywhere."""
    split = PurePosixPath(near).stem.rpartition("_")[2]  # instances_train2017
    root = near.rsplit("/", 2)[0] + "/" if near.count("/") > 1 else ""
    for folder in (f"{root}{split}", f"{root}images/{split}"):
        if f"{folder}/{told}" in images.there:
            return f"{folder}/{told}"
    return images.find(told, near) or told


def _known(things: dict[str, Any], annotation: Row, key: str) -> Any:
    if key not in annotation or str(annotation[key]) not in things:
        found = (
            f"{key} {annotation[key]!r}, which is not listed" if key in annotation else f"no {key}"
        )
        raise ValueError(f"an annotation has {found}")
    return things[str(annotation[key])]


def _coco_box(annotation: Row) -> list[float]:
    """Return corner and size: the box, or that of the polygons around the object.

    An annotation with neither is about the whole image, and its box as large as any.
    """
    box, polygons = annotation.get("bbox"), annotation.get("segmentation")
    if box and len(box) == 4:
        return [float(value) for value in box]
    if box or isinstance(polygons, dict):
        raise ValueError("an object with a turned box or a packed mask alone; export plain boxes")
    if not polygons:
        return [0.0, 0.0, WHOLE_IMAGE, WHOLE_IMAGE]
    numbers = [float(value) for polygon in polygons for value in polygon]
    x, y = numbers[::2], numbers[1::2]
    return [min(x), min(y), max(x) - min(x), max(y) - min(y)]


def _voc(store: FileStore, names: list[str], images: ImageFinder) -> list[Row] | None:
    """Return the rows of ``Annotations/*.xml``: name and corners of each object."""
    stems = {name.rsplit(".", 1)[0] for name in images.names}
    files = [
        name
        for name in names
        if name.endswith(".xml")
        and ("annotations" in name.lower().split("/") or name.rsplit(".", 1)[0] in stems)
    ]
    if not images.names or not files:
        return None
    rows: list[Row] = []
    for name in files:
        where = f"{quoted(name)} of {store.where}"
        errors = (*ERRORS, ElementTree.ParseError)
        with reading("a Pascal VOC annotation", where=where, errors=errors):
            rows += _voc_rows(store.read(name), name, images)
    return rows


def _voc_rows(content: bytes, near: str, images: ImageFinder) -> list[Row]:
    if b"<!DOCTYPE" in content or b"<!ENTITY" in content:
        raise ValueError("it declares entities, which an annotation has no use for")
    root = ElementTree.fromstring(content)
    if root.tag != "annotation":
        raise ValueError(f"its root is {root.tag[:40]!r}")
    told = root.findtext("filename") or ""
    file = images.find(told, near) or told
    rows = []
    for one in root.iter("object"):
        corners = ("xmin", "ymin", "xmax", "ymax")
        if one.find("bndbox") is None:
            raise ValueError("an object without bndbox; export plain boxes")
        box = {corner: float(one.findtext(f"bndbox/{corner}") or "nan") for corner in corners}
        rows.append({"file_name": file, "label": one.findtext("name") or "", **box})
    return rows
