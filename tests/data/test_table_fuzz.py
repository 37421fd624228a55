"""Random tables: what is read equals what was written, or a note or an error says otherwise."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from falcon_svc.data import load_dataset
from falcon_svc.errors import InputError
from falcon_svc.types import CoarseDataset
from tests.data.planted_tables import Planted, plant

SHORT, LONG = 100, 2_000


def outcome(planted: Planted) -> CoarseDataset | InputError:
    try:
        return load_dataset(planted.path)
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


def verdicts(first: int, count: int, folder: Path) -> list[str]:
    found = []
    for seed in range(first, first + count):
        planted = plant(seed, folder)
        found.append(verdict(planted))
        planted.path.unlink()
    return found


def test_random_tables_are_read_as_written(tmp_path: Path) -> None:
    found = verdicts(0, SHORT, tmp_path)
    assert {kind: found.count(kind) > 0 for kind in ("equal", "told", "refused")} == {
        "equal": True, "told": True, "refused": True
    }  # fmt: skip


@pytest.mark.slow
def test_two_thousand_random_tables_are_read_as_written(tmp_path: Path) -> None:
    found = verdicts(SHORT, LONG, tmp_path)
    assert found.count("equal") > LONG / 2
