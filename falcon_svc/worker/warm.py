"""Imported by the process that stands by for jobs (`falcon_svc.engines.warm`): it loads everything.

What a job loads late, it loads when it is first needed, so a very small discovery and a very small
classifier are made here. No
library may start threads, which a copy of this process would lack.
"""

from __future__ import annotations

import os

SERVER = os.getpid()
"""The process that was warmed; its copies have the same."""
_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
os.environ.update(dict.fromkeys(_ONE_THREAD, "1"))  # before numpy and torch are loaded
os.environ["JE_ARROW_MALLOC_CONF"] = "background_thread:false"  # of pyarrow's jemalloc
os.environ["CUDA_VISIBLE_DEVICES"] = ""

import gc  # noqa: E402
import logging  # noqa: E402
import tempfile  # noqa: E402
from pathlib import Path  # noqa: E402

from falcon_svc.worker.limits import die_with  # noqa: E402

_log = logging.getLogger(__name__)
_COARSE, _EACH, _DIMS = 2, 12, 3


def warm_up() -> None:
    """Load what jobs and checks need, by made-up samples."""
    from falcon_svc.worker import check  # noqa: F401
    from falcon_svc.worker import main as worker  # noqa: F401

    with tempfile.TemporaryDirectory(prefix="falcon-warm-") as folder:
        _discover(Path(folder))
    _classify()
    gc.collect()
    gc.freeze()  # what is never collected is never written, and stays shared with the copies


def _discover(folder: Path) -> None:
    import numpy as np

    from falcon_svc.config import make_config
    from falcon_svc.data import inspect_dataset, load_dataset
    from falcon_svc.pipeline.discover import discover_to
    from falcon_svc.worker.discovery import pack_model

    rng = np.random.default_rng(0)
    centers = np.repeat(rng.normal(size=(2 * _COARSE, _DIMS)) * 9, _EACH, axis=0)
    coarse = np.repeat([f"class {k}" for k in range(_COARSE)], 2 * _EACH)
    np.savez(folder / "few.npz", x=centers + rng.normal(size=centers.shape), coarse=coarse)
    tables = {"counts": {"n_fine": 2 * _COARSE}, "train": {"epochs": 1}, "device": "cpu"}
    config = make_config(tables)
    inspect_dataset(folder / "few.npz", config.data)
    discover_to(folder / "result", load_dataset(folder / "few.npz", config.data), config)
    pack_model(folder / "result")


def _classify() -> None:
    import numpy as np

    from falcon_svc.hierarchy.classifier import HierarchicalClassifier
    from falcon_svc.supervised import advising  # noqa: F401
    from falcon_svc.supervised.training import train_on

    vectors = np.random.default_rng(0).normal(size=(_EACH, _DIMS)).astype(np.float32)
    paths = [("class 0", "a"), ("class 0", "b"), ("class 1", "c")] * (_EACH // 3)
    train_on(HierarchicalClassifier(epochs=1, random_state=0), vectors, paths, test_share=0.25)


die_with(os.getppid())
try:
    warm_up()
except Exception:  # jobs then load what is missing themselves
    _log.exception("warming up failed")
