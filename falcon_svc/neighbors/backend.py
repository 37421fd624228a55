"""Top-k by inner product among unit rows: faiss on a GPU, faiss on the CPU, or plain torch.

Place: under `search`, which feeds it one coarse class at a time. All backends agree up to the
order of ties. Beyond `exact_limit` rows faiss searches an inverted file whose number of visited
lists is raised until its recall, measured against exact search on a sample, is high enough.
"""

from __future__ import annotations

import logging
from functools import partial
from typing import Any

import numpy as np

from falcon_svc.types import FloatArray, IntArray

RECALL_WANTED = 0.98
_RECALL_QUERIES = 1_000
_TRAIN_ROWS_PER_LIST = 40  # faiss warns below 39
_GPU_MOST_LISTS = 2048  # faiss's own limit
_TORCH_CHUNK_BYTES = 64 << 20
_log = logging.getLogger(__name__)


def choose_backend(device: str = "auto") -> str:
    """Return ``"faiss-gpu"``, ``"faiss"`` or ``"torch"``: the best that this machine can run.

    `device` is ``"auto"``, ``"cpu"`` or a CUDA device; ``"cpu"`` never means a GPU.
    """
    try:
        import faiss
    except ImportError:
        return "torch"
    return "faiss-gpu" if device != "cpu" and faiss.get_num_gpus() > 0 else "faiss"


def top_k(
    rows: FloatArray, k: int, *, backend: str, exact_limit: int, seed: int
) -> tuple[IntArray, float]:
    """Return every row's k nearest rows, itself among them, best first.

    Parameters
    ----------
    rows
        (n, D) float32 of unit length, n >= k.
    k
        Neighbors per row.
    backend
        As `choose_backend` names them.
    exact_limit
        Most rows that faiss searches exactly.
    seed
        Seed of the inverted file's clustering and of the recall sample.

    Returns
    -------
    tuple
        (n, k) int64 and the recall, 1.0 for exact search.
    """
    if backend == "torch" or len(rows) <= exact_limit:
        return exact(rows, rows, k, backend), 1.0
    return _approximate(rows, k, backend, seed)


def nearest(rows: FloatArray, k: int, *, backend: str) -> IntArray:
    """Return every row's k nearest rows (n, k) by Euclidean distance, itself among them."""
    if backend == "torch":
        import torch

        table = torch.from_numpy(rows)
        chunk = max(1, _TORCH_CHUNK_BYTES // (4 * len(rows)))
        parts = (torch.cdist(part, table) for part in torch.split(table, chunk))
        return torch.cat([part.topk(k, largest=False).indices for part in parts]).numpy()
    import faiss

    found: IntArray = faiss.knn(rows, rows, k, metric=faiss.METRIC_L2)[1]
    return found


def exact(queries: FloatArray, rows: FloatArray, k: int, backend: str) -> IntArray:
    """Return the (q, k) rows of largest inner product; nothing is copied or indexed."""
    if backend == "torch":
        return _torch_exact(queries, rows, k)
    import faiss

    knn: Any = faiss.knn
    if backend == "faiss-gpu":
        knn = partial(faiss.knn_gpu, faiss.StandardGpuResources())
    found: IntArray = knn(queries, rows, k, metric=faiss.METRIC_INNER_PRODUCT)[1]
    return found


def _torch_exact(queries: FloatArray, rows: FloatArray, k: int) -> IntArray:
    import torch

    table, chunk = torch.from_numpy(rows), max(1, _TORCH_CHUNK_BYTES // (4 * len(rows)))
    parts = torch.split(torch.from_numpy(queries), chunk)
    found: IntArray = torch.cat([(part @ table.T).topk(k).indices for part in parts]).numpy()
    return found


def _approximate(rows: FloatArray, k: int, backend: str, seed: int) -> tuple[IntArray, float]:
    """Search an inverted file with as few lists as the wanted recall allows."""
    random = np.random.default_rng(seed)
    queries = rows[random.choice(len(rows), min(_RECALL_QUERIES, len(rows)), replace=False)]
    truth = exact(queries, rows, k, backend)
    index, most_lists = _inverted_file(rows, backend, random)
    index.nprobe = min(8, most_lists)
    recall = _recall(truth, index.search(queries, k)[1])
    while recall < RECALL_WANTED and index.nprobe < most_lists:
        index.nprobe = min(2 * index.nprobe, most_lists)
        recall = _recall(truth, index.search(queries, k)[1])
    _log.info("inverted file: %d lists visited, recall %.4f", index.nprobe, recall)
    return _complete(index.search(rows, k)[1], rows, backend), recall


def _complete(found: IntArray, rows: FloatArray, backend: str) -> IntArray:
    """Search exactly for the rows whose visited lists held fewer than k others."""
    short = (found < 0).any(axis=1)
    if short.any():
        found[short] = exact(rows[short], rows, found.shape[1], backend)
    return found


def _inverted_file(rows: FloatArray, backend: str, random: np.random.Generator) -> tuple[Any, int]:
    """Return a filled index and the most lists that it can visit."""
    import faiss

    n_lists = max(1, min(round(2 * len(rows) ** 0.5), len(rows) // _TRAIN_ROWS_PER_LIST))
    quantizer = faiss.IndexFlatIP(rows.shape[1])
    metric = faiss.METRIC_INNER_PRODUCT
    index: Any = faiss.IndexIVFFlat(quantizer, rows.shape[1], n_lists, metric)
    index.cp.seed = int(random.integers(2**31))
    if backend == "faiss-gpu":
        index = faiss.index_cpu_to_gpu(faiss.StandardGpuResources(), 0, index)
    n_sample = min(len(rows), _TRAIN_ROWS_PER_LIST * n_lists)
    index.train(rows[np.sort(random.choice(len(rows), n_sample, replace=False))])
    index.add(rows)
    return index, n_lists if backend == "faiss" else min(n_lists, _GPU_MOST_LISTS)


def _recall(truth: IntArray, found: IntArray) -> float:
    """Share of true neighbors found; the row itself, always easy, counts for nothing."""
    hits = (truth[:, 1:, None] == found[:, None, :]).any(axis=2)
    return float(hits.mean())
