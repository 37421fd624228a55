"""Image folders, zips and manifests; unusual and unreadable images."""

from __future__ import annotations

import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from falcon_svc.data import DataConfig, inspect_dataset, load_dataset, load_truth
from falcon_svc.data.decode import (
    OversizedImageError,
    UnreadableImageError,
    decode,
    fit_square,
)
from tests.data.builders import (
    encoded,
    image_bytes,
    image_files,
    refused,
    write_folder,
    write_npz,
    write_zip,
)


def rgb(data: bytes) -> np.ndarray:
    return np.asarray(decode(data, max_pixels=10**6))


def huge_png(width: int, height: int) -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    head = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")


def test_folder_and_zip_of_the_same_images_are_the_same_data_set(tmp_path: Path) -> None:
    folder = load_dataset(write_folder(tmp_path, image_files()))
    archive = load_dataset(write_zip(tmp_path, image_files()))
    assert folder.ids == archive.ids == tuple(sorted(image_files()))
    assert folder.digest == archive.digest
    assert folder.coarse.labels.tolist() == [0, 0, 0, 1, 1, 1]
    want = np.stack([np.asarray(rgb(content)) for _, content in sorted(image_files().items())])
    for data in (folder, archive):
        assert np.array_equal(data.images.read(0, 6, side=None), want)
        assert np.array_equal(data.images.read(2, 4, side=8), want[2:4])


def test_the_digest_sees_every_byte_and_every_label(tmp_path: Path) -> None:
    files = image_files()
    digests = {load_dataset(write_zip(tmp_path, files)).digest}
    digests.add(load_dataset(write_zip(tmp_path, {**files, "fish/1.png": image_bytes(77)})).digest)
    moved = {name.replace("fish/1", "bird/9"): content for name, content in files.items()}
    digests.add(load_dataset(write_zip(tmp_path, moved)).digest)
    assert len(digests) == 3


def test_mixed_sizes_are_resized_to_the_side_asked_for(tmp_path: Path) -> None:
    files = {**image_files(), "bird/wide.png": image_bytes(5, (40, 10))}
    data = load_dataset(write_zip(tmp_path, files))
    assert data.images.read(0, len(data), side=6).shape == (7, 6, 6, 3)
    with pytest.raises(Exception, match="several sizes"):
        data.images.read(0, len(data), side=None)


def test_splits_and_one_folder_around_everything_are_looked_through(tmp_path: Path) -> None:
    files = {
        f"set/{split}/{name}": content
        for split in ("train", "test")
        for name, content in image_files().items()
    }
    data = load_dataset(write_zip(tmp_path, files))
    assert data.coarse.names == ("bird", "fish")
    assert len(data) == 12


def test_deeper_folders_belong_to_their_class(tmp_path: Path) -> None:
    files = {**image_files(), "bird/owl/1.png": image_bytes(5)}
    data = load_dataset(write_folder(tmp_path, files))
    assert data.coarse.names == ("bird", "fish")
    assert len(data) == 7


def test_a_few_unreadable_images_are_listed_and_skipped(tmp_path: Path) -> None:
    files = {**image_files(60), "bird/bad.png": image_bytes()[:60]}
    data = load_dataset(write_zip(tmp_path, files))
    assert len(data) == 120
    assert [skip.id for skip in data.skipped] == ["bird/bad.png"]
    assert data.skipped[0].row == sorted(files).index("bird/bad.png")
    assert "bird/bad.png" not in data.ids
    (note,) = [note for note in data.reading.notes if note.code == "skipped_images"]
    assert note.text.startswith("1 of 121 images cannot be read and are left out ('bird/bad.png': ")
    assert data.images.read(0, 120, side=4).shape[0] == 120


def test_too_many_unreadable_images_are_refused(tmp_path: Path) -> None:
    files = {**image_files(40), "bird/bad.png": b"nothing", "fish/bad.svg": b"<svg/>"}
    words = ("2 of 82", "'bird/bad.png'", "bad_image_fraction")
    refused(write_zip(tmp_path, files), "unreadable_images", *words)
    assert len(load_dataset(tmp_path / "images.zip", DataConfig(bad_image_fraction=0.03))) == 80


def test_a_class_whose_images_are_all_unreadable_is_gone(tmp_path: Path) -> None:
    files = {**image_files(), "whale/1.png": b"nothing"}
    data = load_dataset(write_zip(tmp_path, files), DataConfig(bad_image_fraction=0.5))
    assert data.coarse.names == ("bird", "fish")


def test_empty_class_folders_are_refused_and_one_class_is_read(tmp_path: Path) -> None:
    folder = write_folder(tmp_path, image_files())
    (folder / "whale").mkdir()
    refused(folder, "empty_class", "'whale'")
    refused(write_zip(tmp_path, {**image_files(), "whale/": b""}), "empty_class", "'whale'")
    one = write_zip(tmp_path, {"bird/1.png": image_bytes(), "bird/2.png": image_bytes(1)})
    data = load_dataset(one)
    assert data.coarse.names == ("bird",)
    assert [note.code for note in data.reading.notes] == ["one_coarse_class"]
    (tmp_path / "nothing").mkdir()
    refused(tmp_path / "nothing", "no_data")
    refused(write_zip(tmp_path, {"1.png": image_bytes(), "2.png": image_bytes()}), "no_data")


def test_links_may_not_leave_the_folder(tmp_path: Path) -> None:
    folder = write_folder(tmp_path, image_files())
    (folder / "bird" / "in.png").symlink_to(folder / "fish" / "0.png")
    assert len(load_dataset(folder)) == 7
    (tmp_path / "out.png").write_bytes(image_bytes())
    (folder / "bird" / "out.png").symlink_to(tmp_path / "out.png")
    refused(folder, "unsafe_link", "out.png")
    (folder / "bird" / "out.png").unlink()
    (folder / "loop").symlink_to(folder)
    refused(folder, "unsafe_link")
    (folder / "loop").unlink()
    (folder / "bird" / "self.png").symlink_to(folder / "bird" / "self.png")
    refused(folder, "unsafe_link", "self.png")
    (folder / "bird" / "self.png").unlink()
    os.mkfifo(folder / "bird" / "pipe.png")
    refused(folder, "unsafe_link")


def test_folders_keep_the_limit_of_entries(tmp_path: Path) -> None:
    refused(write_folder(tmp_path, image_files()), "too_many_entries", max_entries=3)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF"])
def test_every_format_on_the_list_is_read(kind: str) -> None:
    plain = Image.new("RGB", (8, 6), (255, 0, 0))
    assert rgb(encoded(plain, kind)).shape == (6, 8, 3)
    assert np.abs(rgb(encoded(plain, kind)).astype(int) - [255, 0, 0]).max() <= 3


@pytest.mark.parametrize("kind", ["PPM", "ICO", "PCX", "TGA", "PDF", "EPS"])
def test_formats_off_the_list_are_unreadable(kind: str) -> None:
    with pytest.raises(UnreadableImageError, match="not a PNG, JPEG, WebP, BMP, GIF or TIFF"):
        rgb(encoded(Image.new("RGB", (8, 6)), kind))


def test_exif_rotation_is_applied() -> None:
    picture = Image.new("RGB", (8, 4))
    picture.paste((255, 255, 255), (0, 0, 4, 4))  # left half white
    exif = picture.getexif()
    exif[0x0112] = 6  # turn by 90 degrees clockwise to see it upright
    turned = rgb(encoded(picture, "PNG", exif=exif))
    assert turned.shape == (8, 4, 3)
    assert turned[:4].min() == 255
    assert turned[4:].max() == 0


def test_grey_16_bit_keeps_its_upper_byte() -> None:
    values = np.array([[0, 255, 256, 40_000, 65_535]], np.uint16)
    assert rgb(encoded(Image.fromarray(values)))[0, :, 0].tolist() == [0, 0, 1, 156, 255]


def test_alpha_and_transparent_palettes_lie_over_white() -> None:
    clear = Image.new("RGBA", (2, 2), (0, 0, 0, 0))
    assert rgb(encoded(clear)).min() == 255
    half = Image.new("LA", (2, 2), (0, 128))
    assert set(rgb(encoded(half)).ravel()) == {127}
    palette = Image.new("P", (2, 2), 1)
    palette.putpalette([0, 0, 0, 10, 20, 30])
    assert rgb(encoded(palette))[0, 0].tolist() == [10, 20, 30]
    assert rgb(encoded(palette, transparency=1)).min() == 255


def test_grey_bits_and_cmyk_become_rgb() -> None:
    assert rgb(encoded(Image.new("L", (2, 2), 9)))[0, 0].tolist() == [9, 9, 9]
    assert rgb(encoded(Image.new("1", (2, 2), 1)))[0, 0].tolist() == [255] * 3
    red = rgb(encoded(Image.new("CMYK", (8, 8), (0, 255, 255, 0)), "JPEG"))
    assert np.abs(red[0, 0].astype(int) - [255, 0, 0]).max() < 8


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP"])
def test_the_first_frame_of_an_animation_counts(kind: str) -> None:
    frames = [Image.new("RGB", (4, 4), color) for color in ("red", "blue", "lime")]
    data = encoded(frames[0], kind, save_all=True, append_images=frames[1:], duration=9)
    assert np.abs(rgb(data)[0, 0].astype(int) - [255, 0, 0]).max() < 8


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF", "BMP"])
def test_images_that_were_cut_off_are_unreadable(kind: str) -> None:
    data = image_bytes(0, (64, 64), kind)
    with pytest.raises(UnreadableImageError):
        decode(data[: len(data) // 2], max_pixels=10**6, side=8)


def test_pixels_are_counted_before_decoding(tmp_path: Path) -> None:
    for side in (10_000, 12_000, 20_000, 60_000):
        with pytest.raises(OversizedImageError):
            decode(huge_png(side, side), max_pixels=64_000_000)
    files = {**image_files(), "bird/big.png": huge_png(20_000, 20_000)}
    refused(write_zip(tmp_path, files), "image_too_large", "'bird/big.png'", "64,000,000")


def test_an_image_without_pixels_is_unreadable() -> None:
    with pytest.raises(UnreadableImageError):
        decode(huge_png(0, 5), max_pixels=100)


def test_a_line_of_pixels_has_a_defined_result() -> None:
    line = Image.new("RGB", (60_000, 1), (9, 8, 7))
    assert fit_square(line, 4).tolist() == [[[9, 8, 7]] * 4] * 4


def test_a_file_above_the_byte_limit_is_skipped(tmp_path: Path) -> None:
    files = {**image_files(), "bird/long.png": image_bytes(1, (64, 64))}
    data = load_dataset(
        write_zip(tmp_path, files), DataConfig(max_image_bytes=1000, bad_image_fraction=0.5)
    )
    assert "more than 1,000" in data.skipped[0].reason


MANIFEST = "file_name,coarse,fine\nbird/0.png,b,owl\nfish/1.png,f,cod\nbird/2.png,b,tit\n"


def test_a_manifest_beside_or_inside_gives_the_labels(tmp_path: Path) -> None:
    folder = write_folder(tmp_path, image_files())
    (folder / "list.csv").write_text(MANIFEST)
    beside = load_dataset(folder / "list.csv")
    assert beside.ids == ("bird/0.png", "fish/1.png", "bird/2.png")
    assert beside.coarse.names == ("b", "f")
    assert load_truth(folder / "list.csv").names == ("cod", "owl", "tit")
    inside = load_dataset(write_zip(tmp_path, {**image_files(), "metadata.csv": MANIFEST.encode()}))
    assert inside.digest == beside.digest
    (folder / "list.csv").rename(folder / "metadata.csv")
    assert load_dataset(folder).digest == beside.digest
    assert load_truth(folder).ids == beside.ids


def test_a_jsonl_manifest_is_read(tmp_path: Path) -> None:
    lines = [f'{{"file_name": "{name}", "label": "{name[:4]}"}}' for name in image_files()]
    files = {**image_files(), "metadata.jsonl": "\n".join(lines).encode()}
    assert load_dataset(write_zip(tmp_path, files)).coarse.names == ("bird", "fish")


@pytest.mark.parametrize(
    "name", ["../x.png", "/etc/passwd", "C:/x.png", "C:\\x.png", "..\\x.png", '""']
)
def test_manifests_may_not_name_files_elsewhere(tmp_path: Path, name: str) -> None:
    folder = write_folder(tmp_path, image_files())
    (folder / "list.csv").write_text(f"{MANIFEST}{name},b,x\n")
    refused(folder / "list.csv", "bad_name")


def test_images_that_a_manifest_misses_are_unreadable(tmp_path: Path) -> None:
    folder = write_folder(tmp_path, image_files())
    (folder / "list.csv").write_text(f"{MANIFEST}bird/none.png,b,x\n")
    refused(folder / "list.csv", "unreadable_images", "no such file")
    for name in ("bird", "bird/", ".", "a" * 3000):
        (folder / "list.csv").write_text(f"{MANIFEST}{name},b,x\n")
        refused(folder / "list.csv", "unreadable_images")
    (folder / "list.csv").write_text(f"{MANIFEST}bird/0.png,b,x\n")
    refused(folder / "list.csv", "duplicate_id")
    (folder / "metadata.csv").write_text("name,coarse\na,b\n")
    refused(folder, "no_such_column", "'file_name'")


def test_array_images_are_resized_like_files(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (6, 9, 12, 3), dtype=np.uint8)
    array = load_dataset(write_npz(tmp_path, x=pixels)).images
    names = ["bird/0", "bird/1", "fish/2", "fish/3", "fish/4", "fish/5"]
    files = {f"{n}.png": encoded(Image.fromarray(p)) for n, p in zip(names, pixels, strict=True)}
    stored = load_dataset(write_zip(tmp_path, files)).images
    assert np.array_equal(array.read(0, 6, side=5), stored.read(0, 6, side=5))


def test_rows_are_counted_as_in_the_file_also_behind_skipped_ones(tmp_path: Path) -> None:
    folder = write_folder(tmp_path, {**image_files(), "bird/0.png": b"nothing"})
    names = [*sorted(image_files()), "fish/1.png"]
    rows = [f"{name},{name[:4]}" for name in names]
    (folder / "list.csv").write_text("\n".join(["file_name,coarse", *rows]) + "\n")
    refused(folder / "list.csv", "duplicate_id", "in row 6 ", bad_image_fraction=0.5)
    found = inspect_dataset(folder / "list.csv", DataConfig(bad_image_fraction=0.5))
    assert [(problem.row, problem.id) for problem in found.problems] == [
        (6, "fish/1.png"),
        (0, "bird/0.png"),
        (6, "fish/1.png"),
    ]
    assert found.problems[2].what == "the same sample as row 4"


def test_bicubic_resizing_is_pillows_on_the_central_square(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (6, 9, 12, 3), dtype=np.uint8)
    images = load_dataset(write_npz(tmp_path, x=pixels)).images
    square = Image.fromarray(pixels[0]).resize((5, 5), Image.Resampling.BICUBIC, (1.5, 0, 10.5, 9))
    assert np.array_equal(images.read(0, 1, side=5, resample="bicubic")[0], square)
