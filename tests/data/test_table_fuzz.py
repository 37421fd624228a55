"""Random tables and arrays: what is read equals what was written, or a note or an error tells."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest

import falcon_svc
from falcon_svc.data import DataConfig, load_dataset
from falcon_svc.errors import InputError
from falcon_svc.types import CoarseDataset
from tests.data.planted_arrays import plant_arrays
from tests.data.planted_tables import Planted, plant

SHORT, SLOW, LONG = 100, 400, 2_000
SHORT_ARRAYS, SLOW_ARRAYS, LONG_ARRAYS = 40, 120, 600
DISCOVERED, N_FINE = 5, 6


Plant = Callable[[int, Path], Planted]


def slow_and_long(slow: int, long: int) -> pytest.MarkDecorator:
    marks = ((slow, pytest.mark.slow), (long, pytest.mark.long))
    counts = [pytest.param(count, marks=mark) for count, mark in marks]
    return pytest.mark.parametrize("count", counts)


def outcome(planted: Planted) -> CoarseDataset | InputError:
    try:
        return load_dataset(planted.path, DataConfig(probe_hdf5=False, **planted.settings))
    except InputError as error:
        return error


def verdict(planted: Planted) -> str:
    """Read a table and return "equal", "told" or "refused"; anything else is an AssertionError."""
    data = outcome(planted)
    if isinstance(data, InputError):
        assert data.code in planted.refused, (planted.recipe, str(data))
        return "refused"
    assert not planted.refused, (planted.recipe, planted.refused)
    codes = {note.code for note in data.reading.notes}
    assert not planted.told or codes & planted.told, (planted.recipe, planted.told, codes)
    check_equal(planted, data)
    return "told" if planted.told else "equal"


def check_equal(planted: Planted, data: CoarseDataset) -> None:
    names = None if planted.vector else tuple(planted.features)
    assert data.reading.features == names, planted.recipe
    want = np.array(list(planted.features.values())).T.astype(np.float32)
    assert np.allclose(data.vectors, want, rtol=1e-6, atol=1e-6), planted.recipe
    names = [*data.coarse.names, ""]
    assert [names[code] for code in data.coarse.labels] == planted.labels, planted.recipe
    rows = tuple(str(row) for row in range(len(want)))
    if planted.ids is not None:
        assert data.ids == tuple(planted.ids), planted.recipe
    else:
        assert data.ids == rows or data.reading.id_column is not None


def verdicts(make: Plant, first: int, count: int, folder: Path) -> list[str]:
    found = []
    for seed in range(first, first + count):
        with TemporaryDirectory(dir=folder) as own:
            found.append(verdict(make(seed, Path(own))))
    return found


def test_random_tables_are_read_as_written(tmp_path: Path) -> None:
    found = verdicts(plant, 0, SHORT, tmp_path)
    assert {kind: found.count(kind) > 0 for kind in ("equal", "told", "refused")} == {
        "equal": True, "told": True, "refused": True
    }  # fmt: skip


def test_random_arrays_are_read_as_written(tmp_path: Path) -> None:
    pytest.importorskip("anndata")
    found = verdicts(plant_arrays, 0, SHORT_ARRAYS, tmp_path)
    assert found.count("equal") > SHORT_ARRAYS / 2 and "refused" in found


@pytest.mark.timeout(1_800)
@slow_and_long(SLOW, LONG)
def test_many_random_tables_are_read_as_written(tmp_path: Path, count: int) -> None:
    found = verdicts(plant, SHORT, count, tmp_path)
    assert found.count("equal") > count / 2


@pytest.mark.timeout(1_800)
@slow_and_long(SLOW_ARRAYS, LONG_ARRAYS)
def test_many_random_arrays_are_read_as_written(tmp_path: Path, count: int) -> None:
    pytest.importorskip("anndata")
    found = verdicts(plant_arrays, SHORT_ARRAYS, count, tmp_path)
    assert found.count("equal") > count / 2


@pytest.mark.slow
def test_a_discovery_on_a_file_is_that_on_its_numbers(tmp_path: Path) -> None:
    """Some of them to the end: the partition is that of the planted numbers and labels."""
    seeds = (s for s in range(LONG) if not (p := plant(s, tmp_path)).refused | p.told)
    for seed in islice(seeds, DISCOVERED):
        planted = plant(seed, tmp_path)
        numbers = np.array(list(planted.features.values())).T.astype(np.float32)
        labels = [label or None for label in planted.labels]
        expected = falcon_svc.discover(numbers, labels, n_fine=N_FINE, epochs=2)
        found = falcon_svc.discover(planted.path, n_fine=N_FINE, epochs=2)
        assert np.array_equal(found.labels, expected.labels), planted.recipe
