"""Rows that are matched by their numbers alone, and do not end alike, are told."""

from __future__ import annotations

import numpy as np
import pytest

from falcon_svc.metrics.evaluation import truth_notes
from falcon_svc.types import EvalLabels


class Ids:
    """As much of a discovery as is looked at."""

    def __init__(self, *ids: str) -> None:
        self.ids = ids


@pytest.mark.parametrize(
    ("ours", "theirs", "column", "told"),
    [
        (("0", "1"), ("0", "1"), None, False),
        (("0", "1"), ("0", "1", "2"), None, True),
        (("0", "1", "2"), ("0", "1"), None, True),
        (("0", "1"), ("0", "1", "2"), "id", False),
        (("a", "b"), ("0", "1", "2"), None, False),
    ],
)
def test_rows_that_do_not_end_alike_are_told(ours, theirs, column, told):
    truth = EvalLabels(theirs, np.zeros(len(theirs), np.int64), ("f",), column)
    codes = [note.code for note in truth_notes(Ids(*ours), truth)]
    assert codes == ["rows_by_number"] * told
