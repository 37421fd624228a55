"""Image folders as people keep them: splits, captions, links, other files, Windows zips."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from falcon_svc.data import DataConfig, load_dataset, load_new_samples, load_truth
from falcon_svc.data.new_labels import label_names
from falcon_svc.types import Reading
from tests.data.builders import encoded, image_bytes, image_files, refused, write_folder, write_zip

TWO = image_files()


def in_folders(*folders: str) -> dict[str, bytes]:
    files = {}
    for number, folder in enumerate(folders):
        names = {f"{folder}/{k}/{i}.png" for k in ("bird", "fish") for i in range(3)}
        files |= {name: image_bytes(100 * number + j) for j, name in enumerate(sorted(names))}
    return files


@pytest.mark.parametrize(
    "splits",
    [
        ("train", "test"), ("Train", "Test"), ("training", "testing"), ("TRAIN", "VAL", "TEST"),
        ("train", "valid"), ("dev", "eval"), ("training_set", "test_set"), ("train",),
        ("set/Train", "set/Test"), ("data/images/train", "data/images/test"),
    ],
)  # fmt: skip
def test_splits_of_any_case_and_depth_are_looked_through(
    tmp_path: Path, splits: tuple[str, ...]
) -> None:
    data = load_dataset(write_folder(tmp_path, in_folders(*splits)))
    assert data.coarse.names == ("bird", "fish")
    assert len(data) == 6 * len(splits)


def test_images_of_a_split_without_classes_are_left_out_and_told(tmp_path: Path) -> None:
    loose = {f"{f}/{i}.png": image_bytes(900 + i) for i, f in enumerate(["test", "unlabeled"] * 2)}
    data = load_dataset(write_folder(tmp_path, {**in_folders("train", "val"), **loose}))
    assert data.coarse.names == ("bird", "fish")
    assert len(data) == 12
    (note,) = data.reading.notes
    assert (note.code, "4 images" in note.text, "'test', 'unlabeled'" in note.text) == (
        "images_outside",
        True,
        True,
    )


def test_classes_that_are_named_like_a_split_stay_classes(tmp_path: Path) -> None:
    files = {f"{name}/{i}.png": image_bytes(i) for name in ("test", "control") for i in range(3)}
    data = load_dataset(write_folder(tmp_path, files))
    assert data.coarse.names == ("control", "test")
    assert [note.code for note in data.reading.notes] == ["split_as_class"]


@pytest.mark.parametrize(
    "folders", [("images",), ("Images", "masks"), ("train",), ("train", "test")]
)
def test_folders_that_name_no_class_are_refused(tmp_path: Path, folders: tuple[str, ...]) -> None:
    files = {f"{name}/{i}.png": image_bytes(i) for name in folders for i in range(3)}
    path = write_folder(tmp_path, files)
    refused(path, "no_data", f"'{folders[0]}'", "the table that names image files and labels")


def test_letters_in_two_parts_are_the_same_name(tmp_path: Path) -> None:
    """A table written on Windows, images packed by macOS."""
    parts = {f"Ba\u0308r {i}.png": image_bytes(i) for i in range(4)}
    folder = write_folder(tmp_path, {f"pics/{name}": content for name, content in parts.items()})
    for place in ("pics/", "C:\\Users\\me\\pics\\"):
        rows = [f"{place}B\u00e4r {i}.png,{'ab'[i % 2]}" for i in range(4)]
        (folder / "list.csv").write_text("\n".join(["image,label", *rows]), "utf-8")
        data = load_dataset(folder / "list.csv")
        assert (len(data), data.skipped, data.coarse.names) == (4, (), ("a", "b"))
    both = dict(zip(("\u00d6l/a.png", "O\u0308l/b.png", "sea/c.png"), TWO.values(), strict=False))
    assert load_dataset(write_folder(tmp_path / "two", both)).coarse.names == ("sea", "\u00d6l")


def test_folders_of_the_same_names_in_all_classes_are_told(tmp_path: Path) -> None:
    kinds = [(camera, kind) for camera in ("cam A", "cam B") for kind in ("bird", "fish")]
    names = [f"{a}/{b}/{i}.png" for a, b in kinds for i in (0, 1)]
    files = {name: image_bytes(k) for k, name in enumerate(names)}
    (note,) = load_dataset(write_folder(tmp_path, files)).reading.notes
    assert note.code == "same_inside" and "'bird', 'fish'" in note.text
    nested = {name.replace("cam B/bird", "cam B/eel"): content for name, content in files.items()}
    assert load_dataset(write_folder(tmp_path / "other", nested)).reading.notes == ()


@pytest.mark.parametrize("column", ["image_id", "id", "Image"])
def test_names_without_suffix_are_found_by_their_stems(tmp_path: Path, column: str) -> None:
    """Of Kaggle; what else the table holds is no feature then."""
    names = [f"a{i:03d}" for i in range(6)]
    folder = write_folder(tmp_path, {f"train/{n}.jpg": image_bytes(i) for i, n in enumerate(names)})
    more = ",600,4" if column != "id" else ""
    rows = [f"{n},{'ab'[i % 2]}{more}" for i, n in enumerate(names)]
    path = folder / "train.csv"
    path.write_text("\n".join([f"{column},label{more and ',width,height'}", *rows]))
    data = load_dataset(path)
    assert data.kind == "images" and data.ids == tuple(names)


def test_captions_are_the_texts_and_other_files_are_told(tmp_path: Path) -> None:
    captions = {name.replace("png", "txt"): b"a photo of " + name.encode() for name in TWO}
    others = {"bird/list.json": b"{}", "fish/notes.md": b"x"}
    data = load_dataset(write_folder(tmp_path, {**TWO, **captions, **others}))
    assert len(data) == 6
    assert data.texts[0] == f"a photo of {data.ids[0]}"
    (note,) = data.reading.notes
    assert (note.code, note.text.startswith("2 files")) == ("no_images", True)


def test_tiff_images_are_read_at_8_and_16_bits_and_floats_refused(tmp_path: Path) -> None:
    ramp = np.arange(64, dtype=np.uint16).reshape(8, 8) * 1000
    files = {
        "bird/0.tif": encoded(Image.new("RGB", (8, 8), (1, 2, 3)), "TIFF"),
        "bird/1.tiff": encoded(Image.fromarray(ramp), "TIFF"),
        "fish/0.tif": encoded(Image.new("L", (8, 8), 9), "TIFF", compression="tiff_lzw"),
        "fish/1.tif": encoded(Image.fromarray(ramp.astype(np.float32)), "TIFF"),
    }
    data = load_dataset(write_folder(tmp_path, files), DataConfig(bad_image_fraction=0.5))
    assert data.images.read(0, 1, side=None)[0, 0, 0].tolist() == [1, 2, 3]
    assert np.array_equal(data.images.read(1, 2, side=None)[0, ..., 0], ramp >> 8)
    assert "floating-point" in data.skipped[0].reason


def test_links_out_of_the_folder_are_followed_when_told(tmp_path: Path) -> None:
    folder = write_folder(tmp_path, TWO)
    cache = tmp_path / "cache"
    cache.mkdir()
    (cache / "a.png").write_bytes(image_bytes(77))
    (folder / "fish" / "linked.png").symlink_to(cache / "a.png")
    (folder / "whale").symlink_to(cache)
    (cache / "loop").symlink_to(folder)
    refused(folder, "unsafe_link", "follow_links = true")
    data = load_dataset(folder, DataConfig(follow_links=True))
    assert {"fish/linked.png", "whale/a.png"} <= set(data.ids)
    (folder / "fish" / "gone.png").symlink_to(cache / "none.png")
    refused(folder, "unsafe_link", "'fish/gone.png'", follow_links=True)


def test_zips_with_backslashes_are_folders(tmp_path: Path) -> None:
    import zipfile

    path = tmp_path / "windows.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in TWO.items():
            entry = zipfile.ZipInfo("x")
            entry.filename = "data\\" + name.replace("/", "\\")
            archive.writestr(entry, content)
    assert load_dataset(path).coarse.names == ("bird", "fish")


def test_folders_inside_classes_are_the_truth(tmp_path: Path) -> None:
    files = {
        f"{coarse}/{fine}/{i}.png": image_bytes(100 * len(coarse) + 10 * len(fine) + i)
        for coarse, kinds in (("bird", ("jay", "wren")), ("seafish", ("jay", "sprat")))
        for fine in kinds
        for i in range(2)
    }
    path = write_zip(tmp_path, {**files, "bird/loose.png": image_bytes(5)})
    assert load_dataset(path).coarse.names == ("bird", "seafish")
    truth = load_truth(path)
    assert set(truth.names) == {"bird/jay", "bird/wren", "seafish/jay", "seafish/sprat"}
    assert len(truth.ids) == 8
    assert "bird/loose.png" not in truth.ids
    with pytest.raises(Exception, match="'fine'"):
        load_truth(write_zip(tmp_path, TWO, "flat.zip"))


def test_a_folder_of_tables_is_not_taken_for_images(tmp_path: Path) -> None:
    folder = write_folder(tmp_path, {"a.csv": b"a,b\n1,2\n", "b.csv": b"a,b\n1,2\n"})
    refused(folder, "wrong_format", "'a.csv'", "give one of the files")


def test_images_outside_of_class_folders_are_told_and_to_a_model_they_are_samples(
    tmp_path: Path,
) -> None:
    files = {**in_folders("."), "cover.png": image_bytes(77)}
    folder = write_folder(tmp_path, files)
    (note,) = load_dataset(folder).reading.notes
    assert (note.code, "1 images" in note.text) == ("images_outside", True)
    like = Reading(coarse_columns=(("coarse", "coarse"),))
    new = load_new_samples(folder, None, like)
    assert [label_names(new.coarse)[new.ids.index(i)] for i in ("bird/0.png", "cover.png")] == [
        "bird", None,
    ]  # fmt: skip
    flat = write_folder(tmp_path / "flat", {"a.png": image_bytes(1)})
    alone = load_new_samples(flat, None, like)
    assert alone.ids == ("a.png",) and label_names(alone.coarse) == [None]
    assert [one.code for one in alone.reading.notes] == ["no_labels"]
