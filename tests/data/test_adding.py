"""Classes as columns of a copy of the user's own file: every other value stays as it was."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import feather

from falcon_svc.data import DataConfig, load_dataset
from falcon_svc.data.adding import add_columns, check_target
from falcon_svc.errors import ConfigError, StorageError

COLUMNS = {
    "falcon_fine": np.array([2, 0, 1]),
    "falcon_confidence": np.array([0.5, 0.25, 1.0], np.float32),
}
NAMED = {"falcon_fine_name": np.array(["red, big", "ü", "1,5"])}
TEXTS = {
    "plain.csv": ("a,coarse\n1.50,x\n2,y\n3,x\n", ["2,0.5", "0,0.25", "1,1"]),
    "german.csv": ("\ufeffa;coarse\r\n1,50;x\r\n2,1;y\r\n3;x\r\n", ["2;0,5", "0;0,25", "1;1"]),
    "tab.tsv": ("a\tcoarse\n1\tx\n2\ty\n3\tx\n", ["2\t0.5", "0\t0.25", "1\t1"]),
    "sep.csv": ("sep=;\na;coarse\n1;x\n2;y\n3;x\n", ["2;0.5", "0;0.25", "1;1"]),
    "lines.csv": ('a,coarse\n1,"x\n1"\n\n2,"y, ""q"""\n3,x\n', ["2,0.5", "0,0.25", "1,1"]),
    "table.txt": ("a coarse\n1 1.5 x\n2 2.5 y\n3 3.5 x\n", ["2 0.5", "0 0.25", "1 1"]),
    "packed.csv.gz": ("a,coarse\n1,x\n2,y\n3,x\n", ["2,0.5", "0,0.25", "1,1"]),
}


def written(path: Path) -> str:
    content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    return content.decode()


@pytest.mark.parametrize("name", TEXTS)
def test_text_keeps_its_dialect(tmp_path: Path, name: str) -> None:
    text, ends = TEXTS[name]
    source, target = tmp_path / name, tmp_path / f"new-{name}"
    raw = text.encode()
    source.write_bytes(gzip.compress(raw) if name.endswith(".gz") else raw)
    add_columns(source, target, None, COLUMNS)
    found = written(target)
    separator = ends[0][1]
    end = "\r\n" if "\r\n" in text else "\n"
    header = separator.join(["", *COLUMNS]) + end
    assert header in found and found.endswith(end)
    for tail in ends:
        assert f"{separator}{tail}{end}" in found
    for tail in [header, *(f"{separator}{tail}{end}" for tail in ends)]:
        found = found.replace(tail, end)
    assert found == text
    assert source.read_bytes() != target.read_bytes()


def test_utf16_of_excel_stays_utf16(tmp_path: Path) -> None:
    source = tmp_path / "a.txt"
    source.write_bytes("a\tcoarse\r\n1\tx\r\n2\tß\r\n3\tx\r\n".encode("utf-16"))
    add_columns(source, tmp_path / "b.txt", None, COLUMNS)
    assert "2\tß\t0\t0.25\r\n" in (tmp_path / "b.txt").read_bytes().decode("utf-16")


def test_rows_that_are_no_samples_get_no_value(tmp_path: Path) -> None:
    source = tmp_path / "a.csv"
    source.write_text("a,coarse\n1,x\n2,y\n3,x\n4,y\n")
    add_columns(source, tmp_path / "b.csv", np.array([True, False, True, True]), COLUMNS)
    assert (tmp_path / "b.csv").read_text().splitlines()[1:] == [
        "1,x,2,0.5", "2,y,,", "3,x,0,0.25", "4,y,1,1",
    ]  # fmt: skip


def test_jsonl_keeps_every_letter(tmp_path: Path) -> None:
    source = tmp_path / "a.jsonl"
    source.write_text('{"x": [1.50, 2e0], "n": 12345678901234567890}\n\n{ }\n{"x": null }')
    add_columns(source, tmp_path / "b.jsonl", None, COLUMNS)
    first, blank, second, third = (tmp_path / "b.jsonl").read_text().split("\n")
    assert first.startswith('{"x": [1.50, 2e0], "n": 12345678901234567890, "falcon_fine": 2')
    assert blank == "" and json.loads(second) == {"falcon_fine": 0, "falcon_confidence": 0.25}
    assert json.loads(third) == {"x": None, "falcon_fine": 1, "falcon_confidence": 1.0}


def test_parquet_and_feather_keep_types_groups_and_metadata(tmp_path: Path) -> None:
    classes = pa.array(["x", "y", "x"]).dictionary_encode()
    table = pa.table({"e": [[1.0], [2.0], [3.0]], "c": classes})
    table = table.replace_schema_metadata({"pandas": "{}"})
    pq.write_table(table, tmp_path / "a.parquet", row_group_size=2)
    feather.write_feather(table, tmp_path / "a.feather")
    for suffix, read in ((".parquet", pq.read_table), (".feather", feather.read_table)):
        target = tmp_path / f"b{suffix}"
        add_columns(tmp_path / f"a{suffix}", target, None, COLUMNS)
        found = read(target)
        assert found.select(["e", "c"]).equals(read(tmp_path / f"a{suffix}").select(["e", "c"]))
        assert found["falcon_fine"].to_pylist() == [2, 0, 1]
        assert found["falcon_confidence"].type == pa.float32()
        assert found.schema.metadata[b"pandas"] == b"{}"
    assert pq.ParquetFile(tmp_path / "b.parquet").num_row_groups == 2


def test_npz_gets_arrays(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=np.eye(3), coarse=np.array(["x", "y", "x"]))
    add_columns(tmp_path / "a.npz", tmp_path / "b.npz", None, COLUMNS)
    with np.load(tmp_path / "b.npz") as found:
        assert found["falcon_fine"].tolist() == [2, 0, 1]
        assert np.array_equal(found["x"], np.eye(3))
    kept = np.array([True, True, False, True, False])
    add_columns(tmp_path / "a.npz", tmp_path / "c.npz", kept, COLUMNS)
    with np.load(tmp_path / "c.npz") as found:
        assert found["falcon_fine"].tolist() == [2, 0, -1, 1, -1]
        np.testing.assert_array_equal(found["falcon_confidence"], [0.5, 0.25, np.nan, 1, np.nan])


def test_h5ad_gets_columns_of_obs_that_anndata_reads(tmp_path: Path) -> None:
    anndata = pytest.importorskip("anndata")
    pandas = pytest.importorskip("pandas")
    cells = anndata.AnnData(
        np.eye(3, dtype=np.float32), obs=pandas.DataFrame({"kind": list("xyx")}, index=list("abc"))
    )
    cells.write_h5ad(tmp_path / "a.h5ad")
    add_columns(tmp_path / "a.h5ad", tmp_path / "b.h5ad", None, COLUMNS)
    found = anndata.read_h5ad(tmp_path / "b.h5ad")
    assert list(found.obs.columns) == ["kind", *COLUMNS]
    assert found.obs["falcon_fine"].tolist() == ["2", "0", "1"]
    assert found.obs["falcon_fine"].dtype == "category"
    assert found.obs["falcon_confidence"].tolist() == [0.5, 0.25, 1.0]
    assert np.array_equal(found.X, cells.X)
    part = {name: values[:2] for name, values in COLUMNS.items()}
    kept = np.array([True, False, True])
    add_columns(tmp_path / "a.h5ad", tmp_path / "c.h5ad", kept, part)
    found = anndata.read_h5ad(tmp_path / "c.h5ad").obs
    assert found["falcon_fine"].isna().tolist() == [False, True, False]
    assert found["falcon_fine"].astype(object).tolist()[::2] == ["2", "0"]
    np.testing.assert_array_equal(found["falcon_confidence"], [0.5, np.nan, 0.25])


def test_names_of_classes_are_texts_in_every_format(tmp_path: Path) -> None:
    anndata, pandas = pytest.importorskip("anndata"), pytest.importorskip("pandas")
    names, kept = NAMED["falcon_fine_name"].tolist(), np.array([True, False, True, True])
    holes = [names[0], None, *names[1:]]
    table = pa.table({"a": [1.5, 2.5, 3.5, 4.5], "coarse": list("xyxy")})
    pq.write_table(table, tmp_path / "a.parquet")
    (tmp_path / "a.csv").write_text("a;coarse\n1,5;x\n2,5;y\n3,5;x\n4,5;y\n")
    np.savez(tmp_path / "a.npz", x=np.eye(4))
    obs = pandas.DataFrame({"kind": list("xyxy")}, index=list("abcd"))
    anndata.AnnData(np.eye(4, dtype=np.float32), obs=obs).write_h5ad(tmp_path / "a.h5ad")
    for suffix in (".parquet", ".csv", ".npz", ".h5ad"):
        add_columns(tmp_path / f"a{suffix}", tmp_path / f"b{suffix}", kept, NAMED)
    assert pq.read_table(tmp_path / "b.parquet")["falcon_fine_name"].to_pylist() == holes
    lines = (tmp_path / "b.csv").read_text().splitlines()[1:]
    assert [line.split(";")[2] for line in lines] == [name or "" for name in holes]
    with np.load(tmp_path / "b.npz") as found:
        assert found["falcon_fine_name"].tolist() == [name or "" for name in holes]
    found = anndata.read_h5ad(tmp_path / "b.h5ad").obs["falcon_fine_name"]
    assert found.dtype == "category"
    assert found.astype(object).where(found.notna(), None).tolist() == holes


def test_the_original_and_other_files_are_never_replaced_unasked(tmp_path: Path) -> None:
    source = tmp_path / "a.csv"
    source.write_text("a,coarse\n1,x\n2,y\n3,x\n")
    with pytest.raises(ConfigError, match=r"found the input itself; .* --overwrite"):
        check_target(source, source, overwrite=False)
    (tmp_path / "b.csv").write_text("mine")
    with pytest.raises(ConfigError, match=r"the existing file 'b\.csv'"):
        check_target(source, tmp_path / "b.csv", overwrite=False)
    check_target(source, source, overwrite=True)
    add_columns(source, source, None, COLUMNS)
    assert source.read_text().splitlines()[1] == "1,x,2,0.5"
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_what_cannot_be_added_is_one_sentence(tmp_path: Path) -> None:
    source = tmp_path / "a.csv"
    source.write_text("a,falcon_fine\n1,x\n2,y\n3,x\n")
    with pytest.raises(ConfigError, match="without the columns 'falcon_fine'"):
        add_columns(source, tmp_path / "b.csv", None, COLUMNS)
    assert not (tmp_path / "b.csv").exists()
    with pytest.raises(ConfigError, match=r"to name a \.csv file"):
        check_target(source, tmp_path / "b.parquet", overwrite=False)
    with pytest.raises(ConfigError, match=r"a table, .npz or .h5ad"):
        check_target(tmp_path, tmp_path / "b", overwrite=False)
    source.write_text("a\n1\n2\n3\n")
    with pytest.raises(StorageError, match="name another --add-to"):
        add_columns(source, tmp_path / "none" / "b.csv", None, COLUMNS)


def test_what_was_added_is_no_feature_of_a_later_discovery(tmp_path: Path) -> None:
    source = tmp_path / "a.csv"
    source.write_text("a,b,coarse\n1.5,0,x\n2,3,y\n3,1,x\n")
    add_columns(source, tmp_path / "b.csv", None, COLUMNS)
    read = load_dataset(tmp_path / "b.csv", DataConfig()).reading
    assert read.features == ("a", "b")
    assert [name for name, _ in read.left_out] == list(COLUMNS)
    assert [note.code for note in read.notes] == ["left_out"]
