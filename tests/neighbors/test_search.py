"""Neighbors against brute force, on every backend, and where classes are small or repeat."""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np
import pytest

from falcon_svc.neighbors import search as search_module
from falcon_svc.neighbors import search_neighbors
from falcon_svc.neighbors.backend import choose_backend, top_k
from falcon_svc.neighbors.notes import recall_notes
from falcon_svc.types import FloatArray, IntArray, LabelSource, Neighbors

K = 4


def source(labels: list[int] | IntArray) -> LabelSource:
    array = np.asarray(labels, dtype=np.int64)
    return LabelSource("coarse", array, tuple(f"c{i}" for i in range(array.max() + 1)))


def blobs(seed: int, n: int, dim: int = 6) -> FloatArray:
    return np.random.default_rng(seed).standard_normal((n, dim)).astype(np.float32)


def brute_force(features: FloatArray, labels: IntArray, k: int) -> IntArray:
    unit = features / np.linalg.norm(features, axis=1, keepdims=True)
    found = []
    for i, y in enumerate(labels):
        others = [j for j in np.flatnonzero(labels == y) if j != i]
        others.sort(key=lambda j: -float(unit[i] @ unit[j]))
        found.append(others[:k])
    return np.array(found)


@pytest.fixture(params=["faiss", "torch"])
def backend(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "faiss":
        pytest.importorskip("faiss")
    monkeypatch.setattr(search_module, "choose_backend", lambda _device: request.param)
    return str(request.param)


def test_neighbors_equal_brute_force(backend: str) -> None:
    features, labels = blobs(0, 60), np.arange(60) % 3
    got = search_neighbors(features, source(labels), K, seed=0)
    assert got.backend == backend
    assert got.recall == 1.0
    np.testing.assert_array_equal(got.index, brute_force(features, labels, K))


def test_neighbors_are_of_the_same_class_and_never_the_sample(backend: str) -> None:
    labels = np.random.default_rng(1).integers(0, 5, 200)
    index = search_neighbors(blobs(1, 200), source(labels), K, seed=0).index
    assert (labels[index] == labels[:, None]).all()
    assert (index != np.arange(200)[:, None]).all()


def test_exact_duplicates_do_not_bring_the_sample_back(backend: str) -> None:
    features = np.repeat(blobs(2, 4), 30, axis=0)
    index = search_neighbors(features, source(np.zeros(120, int)), K, seed=0).index
    assert (index != np.arange(120)[:, None]).all()
    assert (index // 30 == np.arange(120)[:, None] // 30).all()
    assert all(len(set(row)) == K for row in index.tolist())


def test_small_classes_repeat_their_neighbors(backend: str) -> None:
    index = search_neighbors(blobs(3, 6), source([0, 0, 0, 1, 1, 2]), K, seed=0).index
    assert [set(row) for row in index[:3].tolist()] == [{1, 2}, {0, 2}, {0, 1}]
    assert index[3:].tolist() == [[4] * K, [3] * K, [5] * K]


def test_unlabelled_samples_have_only_themselves_and_serve_nobody(backend: str) -> None:
    labels = np.array([0, -1, 0, 0, -1, 0])
    index = search_neighbors(blobs(4, 6), source(labels), 2, seed=0).index
    assert index[[1, 4]].tolist() == [[1, 1], [4, 4]]
    assert not np.isin(index[labels == 0], [1, 4]).any()


def test_length_of_rows_does_not_matter_and_zero_rows_do_no_harm(backend: str) -> None:
    features = blobs(5, 40)
    scaled = features * np.linspace(0.1, 50, 40, dtype=np.float32)[:, None]
    labels = source(np.zeros(40, int))
    once = search_neighbors(features, labels, K, seed=0).index
    np.testing.assert_array_equal(once, search_neighbors(scaled, labels, K, seed=0).index)
    features[7] = 0
    index = search_neighbors(features, labels, K, seed=0).index
    assert (index != np.arange(40)[:, None]).all()


def test_features_are_left_as_they_are(tmp_path: object, backend: str) -> None:
    features = blobs(6, 20)
    features.setflags(write=False)
    before = features.copy()
    search_neighbors(features, source(np.zeros(20, int)), K, seed=0)
    np.testing.assert_array_equal(features, before)


def test_progress_ends_at_n(backend: str) -> None:
    seen: list[tuple[int, int]] = []
    labels = source([0, 0, 0, 1, 1, -1])
    search_neighbors(blobs(7, 6), labels, 1, seed=0, progress=lambda a, b: seen.append((a, b)))
    assert seen == [(4, 6), (6, 6)]


def test_torch_works_in_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = blobs(8, 50)
    whole, _ = top_k(rows, 5, backend="torch", exact_limit=10, seed=0)
    monkeypatch.setattr("falcon_svc.neighbors.backend._TORCH_CHUNK_BYTES", 4 * 50 * 7)
    pieces, _ = top_k(rows, 5, backend="torch", exact_limit=10, seed=0)
    np.testing.assert_array_equal(whole, pieces)


def test_large_classes_are_searched_approximately_with_measured_recall() -> None:
    pytest.importorskip("faiss")
    centers = blobs(9, 20, 16)
    features = (np.repeat(centers, 150, axis=0) + 0.3 * blobs(10, 3000, 16)).astype(np.float32)
    labels = source(np.zeros(3000, int))
    exact = search_neighbors(features, labels, 10, seed=0)
    rough = search_neighbors(features, labels, 10, seed=0, exact_limit=1000)
    assert 0.98 <= rough.recall <= 1.0
    shared = [len(set(a) & set(b)) / 10 for a, b in zip(exact.index, rough.index, strict=True)]
    assert np.mean(shared) >= 0.97
    again = search_neighbors(features, labels, 10, seed=0, exact_limit=1000)
    np.testing.assert_array_equal(rough.index, again.index)
    assert (rough.index != np.arange(3000)[:, None]).all()


def test_torch_runs_where_faiss_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "faiss", None)
    assert choose_backend() == "torch"


def test_the_log_says_which_backend_runs(backend: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO", logger="falcon_svc.neighbors"):
        search_neighbors(blobs(0, 5), source([0] * 5), 2, seed=0)
    assert f"neighbor search: {backend}, 5 x 6, k = 2" in caplog.text


def test_device_cpu_never_means_a_gpu(monkeypatch):
    faiss = pytest.importorskip("faiss")
    monkeypatch.setattr(faiss, "get_num_gpus", lambda: 1)
    assert choose_backend("cpu") == "faiss"
    assert choose_backend("auto") == choose_backend("cuda") == "faiss-gpu"


def test_the_recall_of_an_approximate_search_is_told() -> None:
    exact = Neighbors(np.zeros((1, 1), np.int64), "faiss")
    rough = replace(exact, recall=0.987)
    assert recall_notes([exact]) == ()
    (note,) = recall_notes([exact, rough])
    assert note.code == "approximate_neighbors" and "98.7 % of the true ones" in note.text
