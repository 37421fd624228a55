"""Image folder or zip with one folder per coarse class.

Hidden files are ignored, and files that lie outside every class folder. A single folder around
everything, and folders that are named like splits (train, Test, validation, ...), are looked
through. Folders inside class folders are the fine truth, which evaluation alone asks for.
"""

from __future__ import annotations

import re
from functools import cached_property
from pathlib import PurePosixPath

import numpy as np

from falcon_svc.data.config import DataConfig
from falcon_svc.data.files import survey
from falcon_svc.data.formats.crops import IMAGE_SUFFIXES
from falcon_svc.data.formats.stores import FileStore
from falcon_svc.data.refusal import listed, quoted, refusal
from falcon_svc.data.source import Column, Samples
from falcon_svc.types import Note

SPLITS = {
    *("train", "training", "val", "valid", "validation", "test", "testing", "dev", "eval"),
    *("evaluation", "holdout", "held_out", "trainset", "testset", "valset", "train_set"),
    *("test_set", "val_set", "validation_set", "training_set", "unlabeled", "unlabelled"),
}
ANY_IMAGES = {
    *("images", "image", "imgs", "img", "pics", "pictures", "photos", "jpegimages", "jpeg", "jpg"),
    *("png", "frames", "crops", "thumbnails", "masks", "mask", "data", "raw", "default", "all"),
}
"""Folders that say no more than that images are in them."""

IGNORED = {
    *("__macosx", "thumbs.db", "desktop.ini", "@eadir", "$recycle.bin", "lost+found", "icon\r"),
    "system volume information",
}
MASK = re.compile(r"(.+)[_-](mask|masks|seg|segmentation|gt|groundtruth|label)(_?\d+)?")
"""The stem of a picture of regions, beside the image that it belongs to."""

CAPTIONS = (".txt", ".caption")
NO_IMAGES = {
    *CAPTIONS,
    *(".json", ".jsonl", ".xml", ".csv", ".tsv", ".md", ".yaml", ".yml", ".html", ".pdf", ".log"),
    *(".py", ".ipynb", ".npy", ".npz", ".parquet", ".pkl", ".pt", ".pth", ".db", ".ini", ".cache"),
    *(".doc", ".docx", ".xls", ".xlsx", ".pptx", ".rtf", ".tex", ".sh", ".bat", ".url", ".lnk"),
    *(".mat", ".h5", ".mp4", ".avi", ".mov", ".dvc", ".gitignore", ".toml", ".cfg", ".names"),
}
CAPTION_BYTES = 64 * 2**10


class TreeSource:
    """Files in class folders; columns `id` (the path), `coarse` (the folder), `text`, `fine`."""

    def __init__(self, store: FileStore, config: DataConfig) -> None:
        self.where = store.where
        self._store = store
        self._config = config
        names = [name for name in store.names() if not is_ignored(name)]
        images = [name for name in names if name[-1] == "/" or not _is_no_image(name)]
        self._masks = masks_beside(images)
        images = [name for name in images if name not in self._masks]
        self._depth = class_depth(images)
        inside = [name for name in images if name.count("/") > self._depth]
        self._files = tuple(name for name in inside if not name.endswith("/"))
        in_classes = len(self._files)
        kept = {*images, *self._masks}
        self._others = [name for name in names if name not in kept]
        self._outside = [
            name for name in images if name[-1] != "/" and name.count("/") <= self._depth
        ]
        self._classes = [name.split("/")[self._depth] for name in self._files]
        if config.require_labels or not images:
            folders = [name.split("/") for name in inside]
            self._check_folders({parts[self._depth] for parts in folders if parts[self._depth]})
        else:  # images outside of class folders are samples without a label
            self._files += tuple(self._outside)
            self._classes += [""] * (len(self._files) - in_classes)
            self._outside = []

    def _check_folders(self, folders: set[str]) -> None:
        if not self._files:
            raise refusal(
                "one folder of images per coarse class",
                "no image in a folder",
                where=self.where,
                remedy="put the images into folders named after their coarse classes, or give a "
                "table beside them with the columns file_name and label",
                code="no_data",
            )
        classes = sorted(set(self._classes))
        if {name.casefold() for name in classes} <= ANY_IMAGES | SPLITS:
            raise refusal(
                "one folder of images per coarse class",
                f"folders that are no classes by their names ({listed(classes)})",
                where=self.where,
                remedy="put the images into folders named after their coarse classes, or give the "
                "table that names image files and labels",
                code="no_data",
            )
        empty = sorted(folders - set(self._classes))
        if empty:
            raise refusal(
                "at least one image in every class folder",
                f"none in {listed(empty)}",
                where=self.where,
                remedy="remove the folder or add its images",
                code="empty_class",
            )

    @cached_property
    def _captions(self) -> dict[str, str]:
        """Image -> the text file of the same name beside it."""
        stems = {_stem(name): name for name in self._others if name.endswith(CAPTIONS)}
        return {name: stems[_stem(name)] for name in self._files if _stem(name) in stems}

    @property
    def _has_fine(self) -> bool:
        return any(name.count("/") > self._depth + 1 for name in self._files)

    def columns(self) -> tuple[str, ...]:
        """Return the columns that folders and captions give."""
        further = (("text", self._captions), ("fine", self._has_fine))
        return ("id", "coarse", *(name for name, there in further if there))

    def column(self, name: str) -> Column:
        """Return the paths, the class folders, the captions, or the folders inside of classes."""
        if name == "text":
            values = [self._caption(file) for file in self._files]
        elif name == "fine":
            values = [self._fine(file) for file in self._files]
        else:
            values = [*(self._files if name == "id" else self._classes)]
        return np.array([*values, None], dtype=object)[:-1]

    def _fine(self, file: str) -> str:
        """Return the folders from the class on; "" where there is none inside of it."""
        parts = file.split("/")[self._depth : -1]
        return "/".join(parts) if len(parts) > 1 else ""

    def _caption(self, file: str) -> str:
        name = self._captions.get(file)
        if name is None or (self._store.size(name) or 0) > CAPTION_BYTES:
            return ""
        return self._store.read(name).decode("utf-8", "replace").strip()

    def index_column(self) -> str | None:
        """Return the paths."""
        return "id"

    def class_names(self, column: str) -> tuple[str, ...] | None:
        """Return None: folders are named as the classes."""
        return None

    def samples(self) -> Samples:
        """Check every image."""
        found = survey(self._store, self._files, self._config)
        captions = set(self._captions.values())
        others = [name for name in self._others if name not in captions]
        notes = [*_left_out(others), *self._unlabelled(), *_like_splits(set(self._classes))]
        notes += _masks_note(self._masks)
        notes += self._same_inside()
        return found.told(notes=notes)

    def _same_inside(self) -> list[Note]:
        """Return the note on class folders that all hold folders of the same names."""
        inside: dict[str, set[str]] = {}
        for file, name in zip(self._files, self._classes, strict=True):
            inside.setdefault(name, set()).add("/".join(file.split("/")[self._depth + 1 : -1]))
        kinds = set(map(frozenset, inside.values()))
        names = sorted(next(iter(kinds), set()))
        if len(inside) < 2 or len(kinds) > 1 or len(names) < 2 or "" in names:
            return []
        text = f"All class folders ({listed(sorted(inside))}) hold folders of the same names "
        text += f"({listed(names)}), which may be the classes, and those around them splits or "
        return [Note("same_inside", text + "sources; then put the inner folders together.")]

    def _unlabelled(self) -> list[Note]:
        """Return the note on images without class folder: at the root, or in Kaggle's test/."""
        if not self._outside:
            return []
        folders = sorted({name.rpartition("/")[0] or "." for name in self._outside})
        text = f"{len(self._outside):,} images lie in no class folder ({listed(folders)}) and are "
        return [Note("images_outside", text + "left out; put them into class folders to use them.")]


def _like_splits(classes: set[str]) -> list[Note]:
    named = sorted(name for name in classes if name.casefold() in SPLITS)
    if not named:
        return []
    text = f"Class folders are named like splits ({listed(named)}) and count as classes; put the "
    return [Note("split_as_class", text + "class folders inside of them if they are splits.")]


def masks_beside(names: list[str]) -> frozenset[str]:
    """Return images that are called as another one with ``_mask`` or the like after it."""
    stems = {_stem(name) for name in names}
    found = ((name, MASK.fullmatch(_stem(name))) for name in names)
    return frozenset(name for name, mask in found if mask is not None and mask[1] in stems)


def _masks_note(names: frozenset[str]) -> list[Note]:
    if not names:
        return []
    text = f"{len(names):,} images are masks of others by their names ({quoted(min(names))}, ...)"
    return [Note("masks", text + " and are left out.")]


def _left_out(names: list[str]) -> list[Note]:
    if not names:
        return []
    text = f"{len(names):,} files are no images by their names ({quoted(names[0])}, ...)"
    return [Note("no_images", text + " and are left out.")]


def is_ignored(name: str) -> bool:
    """Return whether a file is hidden, or litter of an operating system."""
    parts = name.rstrip("/").split("/")
    return any(part.startswith(".") or part.casefold() in IGNORED for part in parts)


def _is_no_image(name: str) -> bool:
    suffix = PurePosixPath(name).suffix.lower()
    return suffix in NO_IMAGES and suffix not in IMAGE_SUFFIXES


def _stem(name: str) -> str:
    return name.rsplit(".", 1)[0]


def class_depth(names: list[str]) -> int:
    """Return how many folders to look through before the class folders."""
    depth = 0
    while True:
        deep = [name.rstrip("/").split("/")[depth:] for name in names]
        files = [parts for parts, name in zip(deep, names, strict=True) if name[-1] != "/"]
        tops = {parts[0] for parts in files if len(parts) > 1}
        splits = bool(tops) and {top.casefold() for top in tops} <= SPLITS
        loose = [parts for parts in files if len(parts) == 2]
        nested = any(len(parts) > 2 for parts in files)
        wrapped = len(tops) == 1 and not loose
        if not nested or not (wrapped or splits):
            return depth
        depth += 1
