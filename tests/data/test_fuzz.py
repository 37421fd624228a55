"""Any damage to a file of any format: it loads, or one `InputError` says why not."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import Empty, Queue
from threading import Thread

import numpy as np
import pytest

from falcon_svc.data import DataConfig
from tests.data.builders import COARSE, image_bytes, image_files, vectors, write_npz, write_zip
from tests.data.fuzz_child import outcome
from tests.data.test_h5ad import write_h5ad
from tests.data.test_tables import write_csv, write_npy, write_parquet

MUTANTS = 120
ANSWER_S = 5.0
TOLERANT = DataConfig(bad_image_fraction=0.5, probe_hdf5=False)


def stored_npz(folder: Path) -> Path:
    path = folder / "stored.npz"
    np.savez(path, x=vectors(), coarse=np.array(COARSE))
    return path


def jpegs(folder: Path) -> Path:
    names = [name.replace("png", "jpg") for name in image_files()]
    return write_zip(folder, {n: image_bytes(i, (24, 24), "JPEG") for i, n in enumerate(names)})


def npy(folder: Path) -> Path:
    path = write_npy(folder, vectors())
    (folder / "mutant.csv").write_bytes(path.with_suffix(".csv").read_bytes())
    return path


FORMATS: dict[str, Callable[[Path], Path]] = {
    "npz": write_npz,
    "stored npz": stored_npz,
    "npy": npy,
    "png zip": lambda folder: write_zip(folder, image_files()),
    "jpeg zip": jpegs,
    "parquet": lambda folder: write_parquet(folder, text=["hello"] * 6),
    "csv": write_csv,
}


def mutants(content: bytes, seed: int) -> Iterator[bytes]:
    rng = random.Random(seed)
    for _ in range(MUTANTS):
        data = bytearray(content)
        for _ in range(rng.choice([1, 1, 2, 4, 16])):
            at = rng.randrange(len(data))
            data[at] = rng.choice([0, 255, 0x7F, 0x80, rng.randrange(256), data[at] ^ 1])
        kind = rng.random()
        if kind < 0.1:
            data = data[: rng.randrange(len(data))]
        elif kind < 0.15:
            at, source = rng.randrange(len(data)), rng.randrange(len(data))
            data[at:at] = data[source : source + rng.randrange(1, 64)]
        yield bytes(data)


@pytest.mark.parametrize("name", FORMATS)
def test_damaged_files_load_or_are_refused(tmp_path: Path, name: str) -> None:
    path = FORMATS[name](tmp_path)
    target = tmp_path / f"mutant{path.suffix}"
    found = set()
    for data in mutants(path.read_bytes(), seed=1):
        target.write_bytes(data)
        found.add(outcome(target, TOLERANT))
    assert found == {"loaded", "refused"}


class Child:
    """`fuzz_child` in a process that may die or hang."""

    def __init__(self, config: DataConfig) -> None:
        command = [sys.executable, "-m", "tests.data.fuzz_child", config.model_dump_json()]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._answers: Queue[str] = Queue()
        self._reader = Thread(target=self._pump, daemon=True)
        self._reader.start()

    def _pump(self) -> None:
        for line in self._process.stdout:
            self._answers.put(line.rstrip("\n"))
        self._answers.put("died")

    def ask(self, path: Path, patience: float) -> str:
        print(path, file=self._process.stdin, flush=True)
        try:
            return self._answers.get(timeout=patience)
        except Empty:
            return "hangs"

    def close(self) -> None:
        self._process.kill()
        self._reader.join()
        self._process.wait()
        self._process.stdin.close()
        self._process.stdout.close()


@pytest.mark.parametrize("key", ["X_pca", "X"])
def test_damaged_anndata_is_refused_or_stops_the_child_only(tmp_path: Path, key: str) -> None:
    """The HDF5 library itself may crash or hang; this is what `hdf5_probe` is for."""
    content = write_h5ad(tmp_path).read_bytes()
    config = TOLERANT.model_copy(update={"obsm_key": key})
    child, outcomes = Child(config), []
    for number, data in enumerate(mutants(content, seed=4)):
        path = tmp_path / f"{number}.h5ad"
        path.write_bytes(data)
        outcomes.append(child.ask(path, 60.0 if not outcomes else ANSWER_S))
        if outcomes[-1] in ("died", "hangs"):
            child.close()
            child = Child(config)
            assert child.ask(tmp_path / "cells.h5ad", 60.0) == "loaded"
    child.close()
    assert set(outcomes) <= {"loaded", "refused", "died", "hangs"}
    assert sum(answer in ("died", "hangs") for answer in outcomes) <= 5
