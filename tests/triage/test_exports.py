"""Exports are read back by those who take them, and imports tell every row that failed."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from html.parser import HTMLParser

import networkx as nx
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from PIL import Image

from falcon_svc.errors import ConfigError, InputError
from falcon_svc.triage import corrections as c
from falcon_svc.triage.exports import FORMATS, export
from falcon_svc.triage.exports.images import safe_name
from falcon_svc.triage.exports.table import class_paths
from falcon_svc.triage.imports import read_csv, read_label_studio
from falcon_svc.triage.session import Session
from tests.discoveries import StoredImages
from tests.triage.reviews import write_result

EVIL = '=HYPERLINK("x")<script>alert(1)</script>|"\'زرزور'


@pytest.fixture
def session(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 255, (84, 5, 7, 3)).astype(np.uint8)
    names = ("bird & co", "fish/../..", "<b>plant")
    parts = {"names": names, "images": StoredImages(pixels), "texts": ("a <i> text",) * 84}
    dataset, _ = write_result(tmp_path / "result", parts=parts)
    session = Session(tmp_path / "result")
    session.dataset = dataset  # the fixture carries both
    rows = [session.review.ids[r] for r in session.review.members(0)[:4]]
    steps = [
        c.Rename(class_id="c0", name=EVIL),
        c.Move(samples=rows[:2], class_id="c3"),
        c.WrongCoarse(samples=rows[2:3], coarse=names[1], class_id="c1"),
        c.Accept(class_id="c3", looked=4, wrong=0),
    ]
    session.submit(steps, author="Ada", expected=session.head)
    return session


def written(session, to, tmp_path):
    return export(session, to, tmp_path / "out" / to, dataset=session.dataset)


def test_parquet_csv_and_jsonl_hold_the_corrections(session, tmp_path):
    parquet = pq.read_table(written(session, "parquet", tmp_path)).to_pandas()
    csv = pd.read_csv(written(session, "csv", tmp_path))
    lines = [json.loads(x) for x in written(session, "jsonl", tmp_path).read_text().splitlines()]
    expected = [f"c{n}" for n in session.review.fine.tolist()]
    for ids in (parquet.class_id, csv.class_id, [line["class_id"] for line in lines]):
        assert list(ids) == expected
    assert parquet["class"][0] == session.review.classes[session.review.fine[0]].name
    assert not csv["class"].str.startswith("=").any()
    changed = parquet[parquet.coarse != parquet.coarse_given]
    assert list(changed.class_id) == ["c1"]
    assert parquet.by_hand.sum() == 3
    assert (parquet.confidence[parquet.by_hand] == 1).all()


def test_what_a_correction_put_elsewhere_has_no_confidence_yet(session, tmp_path):
    moved = [session.review.ids[r] for r in session.review.members(6)[:2]]
    wishes = [
        c.Move(samples=moved[:1], class_id="c0", firm=False),
        c.Exclude(samples=moved[1:], class_id="c6"),
    ]
    session.submit(wishes, author="Ada", expected=session.head)
    table = pq.read_table(written(session, "parquet", tmp_path)).to_pandas().set_index("id")
    assert table.loc[moved, ["confidence", "runner_up"]].isna().all(axis=None)
    assert (table.runner_up != table.class_id).all()
    assert table.drop(index=moved).confidence.notna().all()
    tasks = json.loads((written(session, "label-studio", tmp_path) / "tasks.json").read_text())
    (shown,) = next(t["predictions"] for t in tasks if t["data"]["id"] == moved[0])
    assert "score" not in shown


def test_a_csv_comes_back_as_the_same_review(session, tmp_path):
    data = written(session, "csv", tmp_path).read_bytes()
    found = read_csv(session.review, data)
    assert (found.n_rows, found.n_same, found.failed, found.corrections) == (84, 84, (), ())


def test_a_csv_becomes_corrections_and_tells_every_row_that_failed(session):
    a, b = (session.review.ids[r] for r in session.review.members(3)[-2:])
    d, e = (session.review.ids[r] for r in session.review.members(1)[-2:])
    rows = ["id,class,coarse", f"{a},c6,", f"{b},c1,", "nobody,c1,", f"{a},c3,", f"{d},c9,",
            f"{d}2,,", f"{e},c2,<b>plant"]  # fmt: skip
    found = read_csv(session.review, "\n".join(rows).encode())
    assert found.corrections == (
        c.WrongCoarse(samples=(e,), coarse="<b>plant", class_id="c2"),
        c.Label(samples=(a,), class_id="c6"),
    )
    assert len(found.failed) == 5
    reasons = {failed.row: failed.reason for failed in found.failed}
    assert "does not hang under" in reasons[2]
    assert "no sample 'nobody'" in reasons[3]
    assert "second time" in reasons[4]
    assert "no class 'c9'" in reasons[5]
    session.submit(list(found.corrections), author="file", expected=session.head)
    assert session.review.fine[session.review.row_of[a]] == 6


@pytest.mark.parametrize(
    ("read", "text", "told"),
    [
        (read_csv, "id,class\n" + "a" * 200_000 + ",c1\n", "line 1 is none"),
        (read_csv, "id,class,class\ns00000,c1,c2\n", "Every column once"),
        (read_csv, "id;class\ns00000;c1\n", "found id;class"),
        (read_label_studio, "[" * 100_000, "it is none"),
        (read_label_studio, "{}", "A list of Label Studio's tasks"),
    ],
)
def test_a_file_that_cannot_be_read_is_told(session, read, text, told):
    with pytest.raises(InputError, match=told):
        read(session.review, text.encode())


def test_label_studio_round_trip(session, tmp_path):
    folder = written(session, "label-studio", tmp_path)
    tasks = json.loads((folder / "tasks.json").read_text("utf-8"))
    config = ET.fromstring((folder / "config.xml").read_text("utf-8"))
    taxonomy = config.find("Taxonomy")
    paths = {(coarse.get("value"), fine.get("value")) for coarse in taxonomy for fine in coarse}
    assert config.find("Image").get("name") == taxonomy.get("toName")
    for task in tasks:
        (prediction,) = task["predictions"]
        (result,) = prediction["result"]
        assert tuple(result["value"]["taxonomy"][0]) in paths
        assert 0 <= prediction["score"] <= 1
        task["annotations"] = [{"result": prediction["result"]}]
    tasks[5]["annotations"][0]["result"][0]["value"]["taxonomy"] = [["bird & co"]]
    moved = next(t for t in tasks if t["predictions"][0]["result"][0]["value"]["taxonomy"][0][0]
                 == "bird & co" and t is not tasks[5])  # fmt: skip
    other = session.review.classes[6].name
    moved["annotations"][0]["result"] = [
        {"type": "taxonomy", "value": {"taxonomy": [["bird & co", other]]}}
    ]
    tasks.append({"no": "task"})
    found = read_label_studio(session.review, json.dumps(tasks).encode())
    assert found.corrections == (c.Label(samples=(moved["data"]["id"],), class_id="c6"),)
    assert [failed.row for failed in found.failed] == [6, 85]
    assert "1 change a class" in found.sentence()


def test_coco_and_image_folder(session, tmp_path):
    coco = json.loads(written(session, "coco", tmp_path).read_text("utf-8"))
    assert {k["supercategory"] for k in coco["categories"]} == set(session.review.coarse_names)
    of = {a["image_id"]: a["category_id"] - 1 for a in coco["annotations"]}
    assert [of[row + 1] for row in range(84)] == session.review.fine.tolist()
    assert coco["images"][0]["width"], coco["images"][0]["height"] == (7, 5)
    folder = written(session, "image-folder", tmp_path)
    found = sorted(folder.rglob("*.png"))
    assert len(found) == 84
    assert all(path.relative_to(folder).parts[-2].endswith(")") for path in found)
    first = next(path for path in found if path.name.startswith("0000000 "))
    pixels = np.asarray(Image.open(first))
    assert (pixels == session.dataset.images.read(0, 1, side=None)[0]).all()
    assert not list(tmp_path.glob("*.png"))


def test_graph_formats(session, tmp_path):
    graph = nx.read_graphml(written(session, "graphml", tmp_path))
    assert graph.nodes["c0"]["label"] == EVIL
    assert {child for _, child in graph.out_edges("coarse/0")} == {"c0", "c3", "c6"}
    cyto = json.loads(written(session, "cytoscape", tmp_path).read_text("utf-8"))
    again = nx.cytoscape_graph(cyto)
    assert set(again.edges) == set(graph.edges)
    turtle = written(session, "skos", tmp_path).read_text("utf-8")
    assert turtle.count("skos:broader") == 7
    assert turtle.count("skos:topConceptOf") == 3
    assert json.dumps(EVIL, ensure_ascii=False) in turtle


def test_hugging_face_folder(session, tmp_path):
    folder = written(session, "hugging-face", tmp_path)
    table = pq.read_table(folder / "data" / "train-00000-of-00001.parquet")
    info = json.loads(table.schema.metadata[b"huggingface"])["info"]["features"]
    assert set(info) == set(table.column_names)
    names = info["label"]["names"]
    assert len(set(names)) == len(names)
    labels = table.column("label").to_pylist()
    assert [names[i] for i in labels] == table.column("class").to_pylist()
    card = (folder / "README.md").read_text("utf-8")
    assert card.startswith("---\n")
    assert "data/train-*" in card


def test_h5ad_is_a_copy_with_more_in_it(session, tmp_path):
    anndata = pytest.importorskip("anndata")
    source = tmp_path / "cells.h5ad"
    names = [*session.review.ids[::-1], "stranger"]
    anndata.AnnData(np.zeros((85, 2), np.float32), pd.DataFrame({"a": 1}, index=names)).write_h5ad(
        source
    )
    before = source.read_bytes()
    out = export(session, "h5ad", tmp_path / "out.h5ad", source=source)
    assert source.read_bytes() == before
    read = anndata.read_h5ad(out)
    row = {name: f"c{n}" for name, n in zip(session.review.ids, session.review.fine, strict=True)}
    assert [row[name] for name in names[:-1]] == list(read.obs["falcon_class_id"][:-1])
    assert read.obs["falcon_class_id"].isna().iloc[-1]
    assert read.obs.columns[0] == "a"
    assert read.uns["falcon"]["revision"] == session.head
    with pytest.raises(InputError, match=r"An \.h5ad file"):
        export(session, "h5ad", tmp_path / "x", source=tmp_path / "result" / "discovery.json")


def test_class_paths_go_into_hiclass(session, tmp_path):
    paths = np.load(written(session, "paths", tmp_path), allow_pickle=False)
    assert (paths == class_paths(session)).all()
    assert paths.shape == (84, 2)
    hiclass = pytest.importorskip("hiclass")
    from sklearn.linear_model import LogisticRegression

    model = hiclass.LocalClassifierPerParentNode(LogisticRegression())
    found = model.fit(session.features, paths).predict(session.features)
    assert (found[:, 0] == paths[:, 0]).mean() > 0.9


class Tags(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.tags = set()
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)


def test_the_guideline_names_every_class_and_executes_nothing(session, tmp_path):
    page = written(session, "guideline-html", tmp_path).read_text("utf-8")
    assert not Tags(page).tags & {"script", "b", "i", "img"}
    text = written(session, "guideline-md", tmp_path).read_text("utf-8")
    assert "<script>" not in text
    for held in session.review.classes.values():
        assert f"({held.id})" in page
        assert f"({held.id})" in text


def test_an_export_is_whole_or_not_there(session, tmp_path, monkeypatch):
    with pytest.raises(ConfigError, match="parquet, csv"):
        export(session, "xlsx", tmp_path / "x")
    with pytest.raises(InputError, match="--data"):
        export(session, "coco", tmp_path / "coco.json")
    (tmp_path / "taken.csv").write_text("mine")
    with pytest.raises(InputError, match="exists already"):
        export(session, "csv", tmp_path / "taken.csv")
    assert not list(tmp_path.glob(".*.tmp"))
    assert not (tmp_path / "coco.json").exists()
    assert len(FORMATS) == 14


def test_names_of_files_stay_inside():
    assert safe_name("../../etc/passwd") == "etc_passwd"
    assert safe_name("..") == "x"
    assert safe_name("a" * 500) == "a" * 80
    assert safe_name("زرزور/2") == "زرزور_2"
