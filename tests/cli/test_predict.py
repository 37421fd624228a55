"""`falcon predict`, the service's predict and the numpy predictor: one answer to every situation.

A table of named columns with two label sources, an AnnData file of counts, and one with two
embeddings, each discovered once; then new samples in the forms in which they come.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from falcon_svc.cli.main import run
from falcon_svc.result.files import read_discovery
from falcon_svc.result.prediction_records import records
from falcon_svc.result.predictor import Predictor
from tests.cli.conftest import falcon

RNG = np.random.default_rng(0)
N, D = 120, 5
FINE = np.arange(N) % 4
NAMES = [f"e{k}" for k in range(D)]
X = (4 * RNG.normal(size=(4, D))[FINE] + 0.5 * RNG.normal(size=(N, D))).astype(np.float32)
COARSE = np.array(["land", "land", "sea", "sea"])[FINE]
DIET = np.array(["herb", "carn", "herb", "omni"])[FINE]
ADDED = ["falcon_fine", "falcon_confidence", "falcon_fine_name"]
SETTINGS = "[counts]\nn_fine = 4\n[train]\nepochs = 2\n[data]\n"


def table(rows: Any = slice(None), **columns: Any) -> pa.Table:
    there = {"bar": [f"b{k}" for k in range(N)], **dict(zip(NAMES, X.T, strict=True))}
    there |= {"coarse": COARSE, "coarse_diet": DIET}
    chosen = {name: np.asarray(values)[rows] for name, values in there.items()} | columns
    return pa.table({name: values for name, values in chosen.items() if values is not None})


def discovered(folder: Path, source: Path, data: str) -> Path:
    (folder / "s.toml").write_text(SETTINGS + data)
    flags = ("--config", folder / "s.toml", "--quiet")
    done = falcon("discover", source, "--out", folder / "out", *flags)
    assert done.code == 0, done.err
    return folder / "out"


@pytest.fixture(scope="module")
def named(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("named")
    pq.write_table(table(), folder / "train.parquet")
    return discovered(folder, folder / "train.parquet", 'id_column = "bar"\nscale = "standard"\n')


@pytest.fixture
def asked(named, tmp_path):
    """Return a function that predicts a table and gives the rows and what was said."""

    def ask(new: pa.Table, suffix: str = ".csv", *flags: str) -> tuple[list[dict[str, Any]], str]:
        source, out = tmp_path / f"new{suffix}", tmp_path / "out.parquet"
        (pa.csv.write_csv if suffix == ".csv" else pq.write_table)(new, source)
        done = falcon("predict", named, source, "--out", out, *flags)
        assert done.code == 0, done.err
        return pq.read_table(out).to_pylist(), done.err

    return ask


def test_the_same_samples_get_the_same_answer(asked, named):
    rows, said = asked(table())
    found = read_discovery(named).assignments
    assert [row["fine"] for row in rows] == found.fine.tolist()
    own = pq.read_table(named / "assignments.parquet")["fine_name"].to_pylist()
    assert [row["fine_name"] for row in rows] == own and len(set(own)) == 4
    np.testing.assert_allclose([row["confidence"] for row in rows], found.confidence, atol=1e-4)
    assert [row["id"] for row in rows[:2]] == ["b0", "b1"]  # the column is remembered
    assert [row["coarse_diet"] for row in rows] == DIET.tolist()
    assert said == ""
    assert max(row["distance"] for row in rows) < 2


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
@pytest.mark.parametrize("rows", [[7], [0, 1, 4, 5]], ids=["one sample", "one class"])
def test_one_sample_and_one_class(asked, named, rows, suffix):
    found, _ = asked(table(rows), suffix)
    assert [row["fine"] for row in found] == read_discovery(named).assignments.fine[rows].tolist()


def test_no_labels_at_all(asked, named):
    found, said = asked(table(coarse=None, coarse_diet=None))
    unmasked = read_discovery(named).assignments.fine_unmasked
    assert [row["fine"] for row in found] == unmasked.tolist()
    assert "No column of coarse labels is there" in said
    assert {row["coarse"] for row in found} == {None}


def test_one_of_two_sources_is_missing(asked):
    _, said = asked(table(coarse_diet=None))
    assert "label source diet of the model has no column here" in said


def test_unknown_labels_are_marked_and_told_and_empty_ones_are_not(asked):
    labels = ["space", "", *COARSE[2:]]
    found, said = asked(table(coarse=labels))
    assert [row["label_unknown"] for row in found] == [True] + [False] * (N - 1)
    assert [row["coarse"] for row in found[:3]] == ["space", None, "sea"]
    assert "1 samples have labels of coarse that the model does not know ('space')" in said
    assert [row["fine"] for row in found[:2]] == [row["fine_unmasked"] for row in found[:2]]


def test_several_classes_in_one_label_allow_both(asked):
    found, said = asked(table([0, 2], coarse=["land|sea", "sea; land"], coarse_diet=None))
    assert [row["fine"] for row in found] == [row["fine_unmasked"] for row in found]
    assert not any(row["label_unknown"] for row in found) and "does not know" not in said


def test_columns_are_matched_by_name_and_further_ones_are_told(asked, named):
    new = table(price=RNG.random(N)).select(["price", "coarse", *NAMES[::-1], "coarse_diet", "bar"])
    found, said = asked(new)
    assert [row["fine"] for row in found] == read_discovery(named).assignments.fine.tolist()
    assert "1 further columns of numbers are left out ('price')" in said


def test_missing_features_are_named(named, tmp_path):
    pq.write_table(table(e1=None, e3=None), tmp_path / "new.parquet")
    done = falcon("predict", named, tmp_path / "new.parquet", "--out", tmp_path / "p.csv")
    assert done.code == 2 and "all but 'e1', 'e3'" in done.err
    assert done.err.count("\n") == 1 and not (tmp_path / "p.csv").exists()


def test_far_off_samples_are_told(asked):
    found, said = asked(table([0], **{name: [1e6] for name in NAMES}))
    assert found[0]["distance"] > 1000 and "1 samples lie more than 2 times as far" in said


def test_a_wanted_precision_leaves_out_what_is_unsure_and_says_on_what_it_rests(
    asked, named, tmp_path
):
    levels, precision = Predictor.load(named).surety.unlabelled
    wanted = float(precision[len(levels) // 2])
    new = table(coarse=None, coarse_diet=None)
    rows, said = asked(new, ".parquet", "--precision", wanted)
    least = levels[np.flatnonzero(precision >= wanted)[-1]]
    silent = [row["abstained"] for row in rows]
    assert silent == [row["confidence"] < least for row in rows] and 0 < sum(silent) < N
    assert "estimated on the discovery's own assignments" in said
    rows, _ = asked(new, ".parquet", "--least-confidence", levels[0])
    assert [row["abstained"] for row in rows] == [row["confidence"] < levels[0] for row in rows]
    pq.write_table(new, tmp_path / "n.parquet")
    command = ("predict", named, tmp_path / "n.parquet", "--add-to", tmp_path / "b.parquet")
    assert f"{sum(silent)} of them not sure enough" in falcon(*command, "--precision", wanted).out
    assert pq.read_table(tmp_path / "b.parquet")["falcon_abstained"].to_pylist() == silent
    command = (*command[:-1], tmp_path / "c.parquet")
    assert "Expected a precision above 0 and below 1" in falcon(*command, "--precision", 1).err


def test_labels_are_read_from_where_a_flag_says_and_it_must_be_there(asked, named, tmp_path):
    new = table(kind=COARSE, coarse=["sea"] * N)
    rows, _ = asked(new, ".csv", "--coarse-column", "kind")
    assert [row["coarse"] for row in rows] == COARSE.tolist()
    pq.write_table(table(), tmp_path / "n.parquet")
    flags = ("--out", tmp_path / "p.csv", "--coarse-column", "sort")
    assert "'sort'" in falcon("predict", named, tmp_path / "n.parquet", *flags).err


def test_the_service_and_the_predictor_answer_the_same(asked, named):
    order = RNG.permutation(D)
    labels = {"coarse": [*COARSE[:5], "space"], "diet": [*DIET[:6]]}
    rows, said = asked(table(slice(6), coarse=labels["coarse"]))
    model = Predictor.load(named)
    wide = np.column_stack([X[:6, order], np.zeros(6)])
    columns = [*(NAMES[k] for k in order), "price"]
    found = model.predict(wide, labels, columns=columns)
    answer = records(model, found)
    for key in ("fine", "fine_name", "label_unknown"):
        assert [row[key] for row in answer] == [row[key] for row in rows], key
    for key in ("confidence", "distance"):
        np.testing.assert_allclose([r[key] for r in answer], [r[key] for r in rows], rtol=1e-4)
    assert [note.code for note in found.notes] == ["further_columns", "unknown_labels"]
    assert all(note.text in said for note in found.notes[1:])
    with pytest.raises(Exception, match="all but 'e0'"):
        model.predict(X[:, 1:], columns=NAMES[1:])


def test_classes_are_added_to_a_copy_of_the_file(named, tmp_path):
    source, copy = tmp_path / "new.csv", tmp_path / "copy.csv"
    pa.csv.write_csv(table(slice(9)), source)
    before = source.read_bytes()
    done = falcon("predict", named, source, "--add-to", copy)
    assert done.code == 0 and source.read_bytes() == before
    found = pa.csv.read_csv(copy)
    assert found.drop_columns(ADDED).equals(pa.csv.read_csv(source))
    expected = read_discovery(named)
    assert found["falcon_fine"].to_pylist() == expected.assignments.fine[:9].tolist()
    names = [expected.classes[k].name for k in expected.assignments.fine[:9]]
    assert found["falcon_fine_name"].to_pylist() == names
    refused = falcon("predict", named, source, "--add-to", source)
    assert refused.code == 2 and "the input itself" in refused.err
    assert "neither" in falcon("predict", named, source).err
    assert falcon("predict", named, source, "--add-to", source, "--overwrite").code == 0
    assert source.read_bytes() == copy.read_bytes()


def test_discover_adds_to_a_copy_too(tmp_path):
    pa.csv.write_csv(table(), tmp_path / "a.csv")
    (tmp_path / "s.toml").write_text(SETTINGS)
    flags = ("--out", tmp_path / "out", "--config", tmp_path / "s.toml", "--quiet")
    assert falcon("discover", tmp_path / "a.csv", *flags, "--add-to", tmp_path / "b.csv").code == 0
    found = pa.csv.read_csv(tmp_path / "b.csv")["falcon_fine"].to_pylist()
    assert found == read_discovery(tmp_path / "out").assignments.fine.tolist()
    assert "--add-to" in falcon("discover", tmp_path / "a.csv", *flags, "--overwrite").err


@pytest.fixture(scope="module")
def cells():
    """Return (anndata, 240 cells): counts of 4 fine classes in 2 coarse ones."""
    anndata, pandas = pytest.importorskip("anndata"), pytest.importorskip("pandas")
    rng = np.random.default_rng(1)
    genes = 60
    base = rng.gamma(1, 1, genes)
    kinds = np.exp(rng.normal(size=(4, genes)) * (rng.random((4, genes)) < 0.3) * 2)
    counts = rng.poisson((base * kinds)[np.arange(240) % 4] * 5).astype(np.float32)
    obs = pandas.DataFrame(
        {"coarse": np.array(["B", "B", "T", "T"])[np.arange(240) % 4]},
        index=[f"c{k}" for k in range(240)],
    )
    var = pandas.DataFrame(index=[f"g{k}" for k in range(genes)])
    return anndata.AnnData(counts, obs=obs, var=var)


def predicted(result: Path, source: Path) -> tuple[pa.Table, str]:
    out = source.with_suffix(".parquet")
    done = falcon("predict", result, source, "--out", out)
    assert done.code == 0, done.err
    return pq.read_table(out), done.err


def test_new_cells_are_projected_by_gene_name(cells, tmp_path):
    cells[:160].copy().write_h5ad(tmp_path / "train.h5ad")
    result = discovered(tmp_path, tmp_path / "train.h5ad", "")
    truth = read_discovery(result).assignments.fine
    again, said = predicted(result, tmp_path / "train.h5ad")
    assert again["fine"].to_pylist() == truth.tolist() and said == ""
    class_of = {k: int(np.bincount(truth[k::4]).argmax()) for k in range(4)}
    new = cells[160:, ::-1].copy()  # genes in another order
    new.obsm["X_pca"] = np.zeros((80, 3), np.float32)  # the discovery had counts only
    new.write_h5ad(tmp_path / "new.h5ad")
    found, _ = predicted(result, tmp_path / "new.h5ad")
    right = [class_of[k % 4] == fine for k, fine in enumerate(found["fine"].to_pylist())]
    assert np.mean(right) > 0.95
    new[3:4].copy().write_h5ad(tmp_path / "one.h5ad")
    one, _ = predicted(result, tmp_path / "one.h5ad")
    assert one["fine"].to_pylist() == found["fine"].to_pylist()[3:4]
    np.testing.assert_allclose(one["confidence"], found["confidence"][3:4], rtol=1e-4)
    model = Predictor.load(result)
    raw = model.predict(new.X[:5], list(new.obs["coarse"][:5]), columns=list(new.var_names))
    assert raw.fine.tolist() == found["fine"].to_pylist()[:5]
    pa.csv.write_csv(
        pa.table({"id": list(new.obs_names)} | dict(zip(new.var_names, new.X.T, strict=True))),
        tmp_path / "cells.csv",
    )  # the same counts as a table without labels
    rows, _ = predicted(result, tmp_path / "cells.csv")
    assert rows["fine"].to_pylist() == found["fine_unmasked"].to_pylist()
    new[:, 5:].copy().write_h5ad(tmp_path / "less.h5ad")
    done = falcon("predict", result, tmp_path / "less.h5ad", "--out", tmp_path / "p.csv")
    assert done.code == 2 and "all but 'g55', 'g56'" in done.err


def test_the_embedding_is_remembered(cells, tmp_path):
    both = cells.copy()
    both.obsm["X_harmony"] = X.repeat(2, axis=0)[np.argsort(np.tile(np.arange(N), 2) % 4)]
    both.obsm["X_pca"] = RNG.normal(size=(240, D)).astype(np.float32)
    both.write_h5ad(tmp_path / "both.h5ad")
    result = discovered(tmp_path, tmp_path / "both.h5ad", 'obsm_key = "X_harmony"\n')
    found, _ = predicted(result, tmp_path / "both.h5ad")
    assert found["fine"].to_pylist() == read_discovery(result).assignments.fine.tolist()
    del both.obsm["X_harmony"]
    both.write_h5ad(tmp_path / "without.h5ad")
    done = falcon("predict", result, tmp_path / "without.h5ad", "--out", tmp_path / "p.csv")
    assert done.code == 2 and "'X_harmony'" in done.err
    cells.write_h5ad(tmp_path / "counts.h5ad")
    done = falcon("predict", result, tmp_path / "counts.h5ad", "--out", tmp_path / "p.csv")
    assert done.code == 2 and "'X_harmony'" in done.err


def test_vectors_without_labels_beside_them(named, tmp_path):
    """`.npy` alone, and names where the model has none: by order, and told."""
    np.savez(tmp_path / "train.npz", x=X, coarse=COARSE)
    result = discovered(tmp_path, tmp_path / "train.npz", "")
    expected = read_discovery(result).assignments.fine_unmasked.tolist()
    np.save(tmp_path / "new.npy", X)
    found, said = predicted(result, tmp_path / "new.npy")
    assert found["fine"].to_pylist() == expected and "No column of coarse labels" in said
    pa.csv.write_csv(table(bar=None, coarse=None, coarse_diet=None), tmp_path / "new.csv")
    found, said = predicted(result, tmp_path / "new.csv")
    assert found["fine"].to_pylist() == expected and "by number only" in said


def test_a_model_without_reading_still_predicts(named, tmp_path):
    """Models of the version before know neither columns nor reach."""
    record = json.loads((named / "model.json").read_text())
    for name in ("reading", "counts"):
        del record[name]
    tensors = (named / "model.safetensors").read_bytes()
    model = Predictor.of_files(
        {"model.json": json.dumps(record).encode(), "model.safetensors": tensors}
    )
    assert model.predict(X, columns=NAMES).fine.shape == (N,)


def test_help_is_printed():
    assert run(["predict", "--help"]) == 0
