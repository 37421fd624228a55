"""`discover`, `predict` and `Result` on every kind of data, each to the same answer."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from scipy import sparse
from sklearn.metrics import adjusted_rand_score

import falcon_svc as falcon
from falcon_svc.keywords import config_of
from tests.door.planted import COARSE, FINE, vectors

X = vectors()
NAMES = [f"f{i}" for i in range(X.shape[1])]


def table(**more):
    return pa.table({**dict(zip(NAMES, X.T, strict=True)), "species": COARSE.tolist(), **more})


@pytest.fixture(scope="module")
def result():
    return falcon.discover(X, COARSE, n_fine=4)


def test_arrays_with_labels_beside_them(result):
    assert adjusted_rand_score(FINE, result.labels) == 1.0
    assert result.n_fine == 4 and result.n_fine_interval == (4, 4)
    assert [fine.size for fine in result.classes] == [30] * 4
    assert result.confidence.shape == (120,) and result.ids[0] == "0"
    assert "4 fine classes in 2 coarse classes, 120 samples" in repr(result)


@pytest.mark.parametrize(
    "given",
    [
        pytest.param(lambda: (sparse.csr_matrix(X), COARSE.tolist()), id="sparse"),
        pytest.param(lambda: (table(), "species"), id="arrow"),
        pytest.param(lambda: (table().drop_columns("species"), COARSE), id="arrow and labels"),
        pytest.param(lambda: (X, {"coarse": COARSE}), id="a label source by name"),
    ],
)
def test_every_kind_of_data_gives_the_same_answer(result, given):
    data, coarse = given()
    assert np.array_equal(falcon.discover(data, coarse, n_fine=4).labels, result.labels)


def test_pandas_and_anndata(result, tmp_path):
    pd = pytest.importorskip("pandas")
    anndata = pytest.importorskip("anndata")
    frame = table().to_pandas()
    frame.index = [f"s{i}" for i in range(len(frame))]
    found = falcon.discover(frame, "species", n_fine=4)
    assert np.array_equal(found.labels, result.labels) and found.ids[0] == "s0"
    shuffled = frame.iloc[::-1].copy()
    found.add_to(shuffled)
    assert shuffled["fine"].tolist() == [str(k) for k in result.labels[::-1]]
    obs = pd.DataFrame({"coarse": COARSE}, index=frame.index)
    adata = anndata.AnnData(sparse.csr_matrix((120, 3), dtype=np.float32), obs=obs)
    adata.obsm["X_pca"] = X
    cells = falcon.discover(adata, "coarse", n_fine=4)
    assert np.array_equal(cells.labels, result.labels)
    cells.add_to(adata)
    assert adata.obs["fine"].dtype == "category" and adata.uns["falcon"]["n_fine"] == 4
    assert cells.to_pandas()["fine"].tolist() == result.labels.tolist()
    with pytest.raises(falcon.InputError, match="'z' is none of them"):
        found.add_to(pd.DataFrame({"a": [1]}, index=["z"]))


def test_several_label_sources_by_name():
    parity = np.array(["even", "odd"])[FINE % 2]
    found = falcon.discover(X, {"kind": COARSE, "parity": parity}, n_fine=4)
    assert [r.source for r in found.discovery.relations] == ["coarse", "parity"]
    again = found.predict(X[:5], {"coarse": COARSE[:5].tolist(), "parity": parity[:5].tolist()})
    assert np.array_equal(again.fine, found.labels[:5])


def test_a_result_is_saved_read_and_predicts(result, tmp_path):
    result.save(tmp_path / "out")
    again = falcon.read_result(tmp_path / "out")
    assert np.array_equal(again.labels, result.labels)
    assert (tmp_path / "out" / "report.html").is_file()
    found = falcon.predict(again, X, COARSE.tolist())
    assert np.array_equal(found.fine, result.labels)
    assert np.array_equal(falcon.predict(tmp_path / "out", X).fine_unmasked, found.fine_unmasked)
    frame = falcon.predict(again, table(), "species")
    assert np.array_equal(frame.fine, result.labels)
    with pytest.raises(falcon.InputError, match="A result directory"):
        falcon.read_result(tmp_path)


def test_a_result_takes_numbers_by_their_order_and_nothing_that_names_them(result):
    """A frame whose columns stood in another order was taken as it stood."""
    assert np.array_equal(result.predict(sparse.csr_matrix(X), COARSE).fine, result.labels)
    for named in (table(), table().drop_columns("species").select(NAMES[::-1]).to_pandas()):
        with pytest.raises(falcon.InputError, match=r"falcon_svc\.predict"):
            result.predict(named)
    with pytest.raises(falcon.InputError, match="found an array of type <U"):
        result.predict(X.astype(str))


def test_counts_are_told_by_labels_of_any_type():
    numbers = np.where(COARSE == "bird", 1, 2)
    for counts in ({1: 2, np.float64(2.0): (1, np.int64(3))}, {"1": 2, " 2": (1, 3)}):
        config = config_of(None, {"n_fine_per_coarse": counts})
        assert config.counts.n_fine_per_coarse == {"1": 2, "2": (1, 3)}
    found = falcon.discover(X, numbers, n_fine_per_coarse={1: 2, 2: 2}, epochs=1)
    assert found.n_fine == 4
    config = config_of(None, {"n_fine_per_coarse": {True: 2, None: 1}})
    assert config.counts.n_fine_per_coarse == {"True": 2, "": 1}  # "" is no class of any data


def test_graph_and_pictures(result, tmp_path):
    pytest.importorskip("matplotlib").use("agg")
    from matplotlib import pyplot

    assert sorted(d for _, d in result.graph.in_degree()) == [0, 0, 1, 1, 1, 1]
    for axes in (result.plot_map(), result.plot_graph(), result.plot_sizes()):
        assert axes.has_data()
        pyplot.close(axes.figure)
    page = result._repr_html_()
    assert "4 fine classes" in page and "<table>" in page and "data:image/png" in page


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: falcon.discover(X, COARSE[:-1]), falcon.InputError, "120 values"),
        (lambda: falcon.discover("no-such.csv"), falcon.InputError, "existing file"),
        (lambda: falcon.discover(X, COARSE, colour=1), falcon.ConfigError, "'colour'"),
        (lambda: falcon.discover(X, COARSE, n_fine=0), falcon.ConfigError, "counts.n_fine"),
        (lambda: falcon.discover(object(), COARSE), falcon.InputError, "DataFrame"),
        (lambda: falcon.discover(table(), "kind"), falcon.InputError, "kind"),
        (lambda: falcon.discover(X, {}), falcon.ConfigError, "at least one label source"),
        (
            lambda: falcon.discover(table(), "species", feature_columns=["f0", "f0", "f1"]),
            falcon.ConfigError,
            "every column once, found 'f0' again",
        ),
    ],
)
def test_bad_input_is_one_sentence(call, error, words):
    with pytest.raises(error, match=words):
        call()
