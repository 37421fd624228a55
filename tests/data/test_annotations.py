"""Objects in images: boxes in tables, YOLO, COCO and VOC; image columns of other names."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from falcon_svc.data import DataConfig, inspect_dataset, load_dataset
from falcon_svc.data.formats.box_columns import BoxColumns, to_corners
from falcon_svc.data.formats.crops import Crops, UnfitBoxError
from tests.data.builders import image_bytes, refused, write_folder

SIZE = (40, 20)
FILES = {f"imgs/{i}.png": image_bytes(i, SIZE) for i in range(4)}


def pixels(name: str) -> np.ndarray:
    import io

    return np.asarray(Image.open(io.BytesIO(FILES[name])))


# left, top, right, bottom of the two objects in every image
BOXES = ((2, 3, 12, 11), (20, 5, 36, 19))

CONVENTIONS: dict[str, tuple[str, Any]] = {
    "VOC": ("xmin,ymin,xmax,ymax", lambda a, b, c, d: (a, b, c, d)),
    "corners": ("x1,y1,x2,y2", lambda a, b, c, d: (a, b, c, d)),
    "COCO": ("bbox_x,bbox_y,bbox_width,bbox_height", lambda a, b, c, d: (a, b, c - a, d - b)),
    "size": ("x,y,width,height", lambda a, b, c, d: (a, b, c - a, d - b)),
    "YOLO": (
        "x_center,y_center,width,height",
        lambda a, b, c, d: ((a + c) / 80, (b + d) / 40, (c - a) / 40, (d - b) / 20),
    ),
    "shares of corners": (
        "xmin,ymin,xmax,ymax",
        lambda a, b, c, d: (a / 40, b / 20, c / 40, d / 20),
    ),
}


@pytest.mark.parametrize("name", CONVENTIONS)
def test_boxes_of_every_convention_are_cut_out(tmp_path: Path, name: str) -> None:
    columns, convert = CONVENTIONS[name]
    rows = [
        f"{file},{'ab'[k]},{','.join(map(str, convert(*box)))}"
        for file in FILES
        for k, box in enumerate(BOXES)
    ]
    folder = write_folder(tmp_path, FILES)
    (folder / "boxes.csv").write_text("\n".join([f"file_name,label,{columns}", *rows]))
    data = load_dataset(folder / "boxes.csv")
    assert data.ids == tuple(f"{file}#{k}" for file in FILES for k in (0, 1))
    assert [note.code for note in data.reading.notes] == ["crops"]
    left, top, right, bottom = BOXES[1]
    crop = data.images.read(3, 4, side=None)[0]
    assert np.array_equal(crop, pixels("imgs/1.png")[top:bottom, left:right])
    assert inspect_dataset(folder / "boxes.csv").duplicates == 0


def test_a_column_of_four_numbers_is_a_box(tmp_path: Path) -> None:
    folder = write_folder(tmp_path, FILES)
    files = list(FILES)[:2]
    pairs = zip(files, "ab", strict=True)
    rows = [{"image": f, "category": c, "bbox": [2, 3, 10, 8]} for f, c in pairs]
    (folder / "boxes.jsonl").write_text("\n".join(map(json.dumps, rows)))
    data = load_dataset(folder / "boxes.jsonl")
    assert data.ids == ("imgs/0.png#0", "imgs/1.png#0")
    assert data.images.read(0, 1, side=None).shape == (1, 8, 10, 3)


def test_corners_by_hand_and_boxes_without_a_pixel() -> None:
    boxes = np.array([[0.5, 0.5, 0.2, 0.4]])
    assert np.allclose(to_corners(boxes, "centre"), [[0.4, 0.3, 0.6, 0.7]])
    assert np.allclose(to_corners(boxes, "size"), [[0.5, 0.5, 0.7, 0.9]])
    assert BoxColumns.find(("Xmin", "ymin", "XMAX", "ymax", "width")).convention == "corners"
    assert BoxColumns.find(("width", "height")) is None
    image = Image.new("RGB", SIZE)
    for wrong in ([50, 0, 60, 9], [5, 5, 5, 9], [np.nan] * 4, [9, 9, 2, 2]):
        crops = Crops.of(np.array([wrong, [0, 0, 9, 9]], dtype=float))
        with pytest.raises(UnfitBoxError):
            crops.cut(image, 0)
    assert Crops.of(np.array([[-5.0, -5, 9, 200]])).cut(image, 0).size == (9, 20)


def test_boxes_outside_of_their_image_are_skipped_and_told(tmp_path: Path) -> None:
    folder = write_folder(tmp_path, FILES)
    rows = [f"{f},{'ab'[i % 2]},0,0,9,9" for i, f in enumerate(FILES)] + ["imgs/0.png,a,90,0,99,9"]
    (folder / "b.csv").write_text("\n".join(["file_name,label,xmin,ymin,xmax,ymax", *rows]))
    data = load_dataset(folder / "b.csv", DataConfig(bad_image_fraction=0.5))
    assert [skip.reason for skip in data.skipped] == ["a box outside of the image (40 x 20)"]
    assert data.ids == tuple(f"{name}#0" for name in FILES)


def yolo(folder: Path, names_file: str = "data.yaml", names: str = "names: [owl, eel]\n") -> Path:
    files = {f"images/train/{i}.png": image_bytes(i, SIZE) for i in range(3)}
    labels = {
        "labels/train/0.txt": b"0 0.5 0.5 0.25 0.5\n1 0.25 0.25 0.1 0.2\n",
        "labels/train/1.txt": b"1 0.5 0.5 0.2 0.2\n0 0.2 0.2 0.4 0.2 0.4 0.6 0.2 0.6\n",
    }
    return write_folder(folder, {**files, **labels, names_file: names.encode()})


@pytest.mark.parametrize(
    ("names_file", "names"),
    [
        ("data.yaml", "names: [owl, eel]\n"),
        ("data.yaml", "nc: 2\nnames:\n  0: owl\n  1: eel\n"),
        ("classes.txt", "owl\neel\n"),
    ],
)
def test_yolo_folders_are_read(tmp_path: Path, names_file: str, names: str) -> None:
    data = load_dataset(yolo(tmp_path, names_file, names))
    assert [data.coarse.names[k] for k in data.coarse.labels] == ["owl", "eel", "eel", "owl"]
    assert data.ids == tuple(f"images/train/{i}.png#{k}" for i in (0, 1) for k in (0, 1))
    assert data.images.read(0, 1, side=None).shape == (1, 10, 10, 3)
    assert data.images.read(3, 4, side=None).shape == (1, 8, 8, 3)
    assert {note.code for note in data.reading.notes} == {"crops", "no_objects"}


def test_yolo_labels_that_are_none_are_refused(tmp_path: Path) -> None:
    folder = yolo(tmp_path)
    (folder / "labels/train/0.txt").write_text("owl at the left\n")
    refused(folder, "unreadable", "'labels/train/0.txt'")
    (folder / "data.yaml").write_text("names: !!python/object/apply:os.system ['true']\n")
    refused(folder, "unreadable", "'data.yaml'")


def coco(folder: Path, **changes: Any) -> Path:
    document = {
        "images": [{"id": 7, "file_name": "0.png"}, {"id": 8, "file_name": "1.png"}],
        "categories": [
            {"id": 1, "name": "owl", "supercategory": "bird"},
            {"id": 2, "name": "eel", "supercategory": "fish"},
        ],
        "annotations": [
            {"image_id": 7, "category_id": 1, "bbox": [2, 3, 10, 8]},
            {"image_id": 8, "category_id": 2, "bbox": [0, 0, 5, 5]},
            {"image_id": 7, "category_id": 2, "bbox": [20, 5, 16, 14]},
        ],
        **changes,
    }
    files = {f"images/{i}.png": image_bytes(i, SIZE) for i in range(2)}
    return write_folder(
        folder, {**files, "annotations/instances.json": json.dumps(document).encode()}
    )


def test_coco_folders_are_read(tmp_path: Path) -> None:
    folder = coco(tmp_path)
    data = load_dataset(folder)
    assert [data.coarse.names[k] for k in data.coarse.labels] == ["owl", "eel", "eel"]
    assert data.ids == ("images/0.png#0", "images/1.png#0", "images/0.png#1")
    (folder / "annotations/instances.json").rename(folder / "result.json")  # of Label Studio
    assert load_dataset(folder).ids == data.ids
    above = load_dataset(folder, DataConfig(coarse_column="supercategory"))
    assert above.coarse.names == ("bird", "fish")


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"annotations": []}, "annotated object"),
        ({"annotations": [{"image_id": 9, "category_id": 1, "bbox": [0, 0, 1, 1]}]}, "COCO"),
        ({"annotations": [{"image_id": 7, "category_id": 1, "bbox": [0, 0]}]}, "COCO"),
        ({"images": "none"}, "COCO"),
    ],
)
def test_coco_files_that_are_none_are_refused(tmp_path: Path, changes: Any, word: str) -> None:
    folder = coco(tmp_path, **changes)
    refused(folder, "no_data" if changes == {"annotations": []} else "unreadable", word)


VOC = """<annotation><filename>{file}</filename>
<object><name>owl</name><bndbox><xmin>2</xmin><ymin>3</ymin><xmax>12</xmax><ymax>11</ymax></bndbox></object>
<object><name>eel</name><bndbox><xmin>0</xmin><ymin>0</ymin><xmax>5</xmax><ymax>5</ymax></bndbox></object>
</annotation>"""


def test_voc_folders_are_read_and_entities_refused(tmp_path: Path) -> None:
    files = {f"JPEGImages/{i}.png": image_bytes(i, SIZE) for i in range(2)}
    notes = {f"Annotations/{i}.xml": VOC.format(file=f"{i}.png").encode() for i in range(2)}
    folder = write_folder(tmp_path, {**files, **notes})
    data = load_dataset(folder)
    assert [data.coarse.names[k] for k in data.coarse.labels] == ["owl", "eel"] * 2
    assert data.images.read(0, 1, side=None).shape == (1, 8, 10, 3)
    bomb = '<!DOCTYPE a [<!ENTITY b "bb">]>' + VOC.format(file="&b;")
    (folder / "Annotations/0.xml").write_text(bomb)
    refused(folder, "unreadable", "entities")


@pytest.mark.parametrize("name", ["filename", "filepath", "image", "path", "Image", "img_path"])
def test_image_columns_of_other_names_are_known_by_their_values(tmp_path: Path, name: str) -> None:
    folder = write_folder(tmp_path, FILES)
    rows = [f"{file},{'ab'[i % 2]},640,480" for i, file in enumerate(FILES)]
    (folder / "list.csv").write_text("\n".join([f"{name},label,width,height", *rows]))
    data = load_dataset(folder / "list.csv")
    assert data.images is not None
    assert data.ids == tuple(FILES)
    assert dict(data.reading.left_out).keys() == {"width", "height"}


NAMED = {
    "below": lambda i: f"{i}.png",
    "another machine": lambda i: f"/data/upload/3/{i}.png",
    "Windows": lambda i: f"C:\\photos\\{i}.png",
    "an address": lambda i: f"https://example.org/{i}.png",
}


@pytest.mark.parametrize("name", NAMED)
def test_images_are_found_below_the_table_by_their_names(tmp_path: Path, name: str) -> None:
    folder = write_folder(tmp_path, FILES)
    rows = [f"{NAMED[name](i)},{'ab'[i % 2]}" for i in range(4)]
    (folder / "list.csv").write_text("\n".join(["image,label", *rows]))
    for path in (folder / "list.csv", folder):
        data = load_dataset(path)
        assert np.array_equal(data.images.read(1, 2, side=None)[0], pixels("imgs/1.png"))
        assert [note.code for note in data.reading.notes] == ["found_below"]


def test_images_of_one_name_in_two_folders_are_not_guessed(tmp_path: Path) -> None:
    files = {f"{f}/{i}.png": image_bytes(i) for f in ("x", "y") for i in range(4)}
    folder = write_folder(tmp_path, files)
    rows = [f"{i}.png,{'ab'[i % 2]}" for i in range(4)]
    (folder / "list.csv").write_text("\n".join(["image,label", *rows]))
    refused(folder / "list.csv", "unreadable_images", "none of 4")


def test_annotations_without_their_images_are_no_features(tmp_path: Path) -> None:
    rows = [f"img{i}.jpg,640,480,{'ab'[i % 2]},{i},{i},{i + 9},{i + 9}" for i in range(20)]
    header = "filename,width,height,class,xmin,ymin,xmax,ymax"
    (tmp_path / "d.csv").write_text("\n".join([header, *rows]))
    words = ("'filename'", "none of 20", "'img0.jpg'", "feature_columns")
    refused(tmp_path / "d.csv", "unreadable_images", *words)
    names = ("xmin", "ymin")
    assert load_dataset(tmp_path / "d.csv", DataConfig(feature_columns=names)).vectors.shape == (
        20,
        2,
    )


def test_a_column_of_names_that_are_no_images_leaves_a_table(tmp_path: Path) -> None:
    rows = [f"north/{i},{'ab'[i % 2]},{i}.5,{i * i}.25" for i in range(20)]
    (tmp_path / "d.csv").write_text("\n".join(["path,class,u,v", *rows]))
    data = load_dataset(tmp_path / "d.csv")
    assert data.reading.features == ("u", "v")


def test_backslashes_in_a_manifest_are_folders(tmp_path: Path) -> None:
    folder = write_folder(tmp_path, FILES)
    rows = [f"{file},{'ab'[i % 2]}".replace("/", "\\") for i, file in enumerate(FILES)]
    (folder / "win.csv").write_text("\n".join(["file_name,label", *rows]))
    assert load_dataset(folder / "win.csv").images.read(0, 1, side=4).shape == (1, 4, 4, 3)
