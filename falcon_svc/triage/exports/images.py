"""Images: COCO with supercategories, and a folder per class.

Names become folder names only after everything but letters, digits and a few signs has been
replaced; the class's id is part of the name, so that two never meet. `names.json` keeps the names.
"""

from __future__ import annotations

import json
import re
import unicodedata
from pathlib import Path
from typing import Any

from PIL import Image

from falcon_svc.errors import InputError
from falcon_svc.result.samples import Thumbnails
from falcon_svc.triage.exports.table import score_of
from falcon_svc.triage.session import Session
from falcon_svc.types import CoarseDataset, Images

MOST_NAME_CHARACTERS = 80
_UNSAFE = re.compile(r"[^\w\- ]+")


def safe_name(text: str, *, fallback: str = "x") -> str:
    """Return a name for a file or folder: word characters, spaces and hyphens, 80 at most.

    Examples
    --------
    >>> safe_name("../../etc/passwd")
    'etc_passwd'
    """
    name = _UNSAFE.sub("_", unicodedata.normalize("NFC", text)).strip("_ ")
    return name[:MOST_NAME_CHARACTERS].rstrip() or fallback


def coco_document(session: Session, dataset: CoarseDataset) -> dict[str, Any]:
    """Return a COCO document: one whole-image annotation per sample that has a class.

    A category's `supercategory` is its coarse class; category ids are class numbers plus 1, as
    COCO counts from 1.
    """
    review, images, confidence = session.review, _images(dataset), session.confidence()
    place = {name: row for row, name in enumerate(dataset.ids)}
    entries, annotations = [], []
    for row, name in enumerate(review.ids):
        pixels = images.read(place[name], place[name] + 1, side=None)[0]
        height, width = pixels.shape[:2]
        entries.append({"id": row + 1, "file_name": name, "width": width, "height": height})
        if review.fine[row] >= 0:
            annotations.append(
                {
                    "id": row + 1,
                    "image_id": row + 1,
                    "category_id": int(review.fine[row]) + 1,
                    "bbox": [0, 0, width, height],
                    "area": width * height,
                    "iscrowd": 0,
                    **score_of(confidence[row]),
                }
            )
    categories = [
        {
            "id": held.number + 1,
            "name": held.name,
            "supercategory": review.coarse_names[held.parents[0]],
        }
        for held in review.classes.values()
    ]
    info = {"description": "Classes found by falcon-svc and reviewed", "version": session.head}
    return {
        "info": info,
        "licenses": [],
        "images": entries,
        "annotations": annotations,
        "categories": categories,
    }


def write_image_folder(session: Session, dataset: CoarseDataset, folder: Path) -> None:
    """Write ``COARSE/CLASS (cN)/ID.png`` for every sample that has a class."""
    review, images = session.review, _images(dataset)
    place = {name: row for row, name in enumerate(dataset.ids)}
    for row, name in enumerate(review.ids):
        held = review.classes.get(int(review.fine[row]))
        if held is None:
            continue
        home = folder / _coarse_name(session, row) / f"{safe_name(held.name)} ({held.id})"
        home.mkdir(parents=True, exist_ok=True)
        pixels = images.read(place[name], place[name] + 1, side=None)[0]
        Image.fromarray(pixels).save(home / f"{row:07d} {safe_name(Path(name).stem)}.png")
    names = {held.id: held.name for held in review.classes.values()}
    text = json.dumps({"classes": names, "samples": list(review.ids)}, ensure_ascii=False)
    (folder / "names.json").write_text(text + "\n", "utf-8")


def _coarse_name(session: Session, row: int) -> str:
    coarse = int(session.review.coarse[row])
    return (
        "unlabelled"
        if coarse < 0
        else f"{coarse:03d} " + safe_name(session.review.coarse_names[coarse])
    )


def _images(dataset: CoarseDataset) -> Images:
    if isinstance(dataset.images, Thumbnails):
        raise InputError(
            "This format needs the images themselves, but a result keeps thumbnails only; give "
            "the data set that the result was made of with falcon export --data."
        )
    if dataset.images is None:
        raise InputError(
            "This format needs a data set of images, found vectors; give the images that the "
            "result was made of, or choose another format."
        )
    return dataset.images
