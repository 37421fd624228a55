"""Labels of new samples: known, unknown, several, none; per source."""

from __future__ import annotations

import numpy as np
import pytest

from falcon_svc.errors import InputError
from falcon_svc.result.given_labels import GivenLabels

KNOWN = (("coarse", ("1", "2", "land", "sea", "a|b")), ("farm", ("x", "y")))


def test_labels_are_found_as_reading_writes_them():
    given = ["land", None, "2.0", "1", "sea|land", "land; sea", "a|b"]
    found = GivenLabels.of(given, 7, KNOWN)
    assert found.sources[0].labels.tolist() == [2, -1, 1, 0, -1, -1, 4]
    assert dict(found.sources[0].several) == {4: (2, 3), 5: (2, 3)}
    assert found.sources[1].labels.tolist() == [-1] * 7
    assert not found.unknown.any() and found.notes == ()


def test_unknown_labels_are_marked_and_told_by_source():
    given = {"coarse": ["land", "space", "land|space"], "farm": ["z", None, "x"]}
    found = GivenLabels.of(given, 3, KNOWN)
    assert found.unknown.tolist() == [True, True, True]
    assert found.sources[0].labels.tolist() == [2, -1, -1]
    assert [note.code for note in found.notes] == ["unknown_labels"] * 2
    assert "2 samples have labels of coarse" in found.notes[0].text
    assert "'land|space', 'space'" in found.notes[0].text and "farm" in found.notes[1].text


def test_no_labels_at_all():
    assert np.array_equal(GivenLabels.of(None, 2, KNOWN).sources[0].labels, [-1, -1])


def test_another_number_of_labels_and_an_unknown_source_are_refused():
    with pytest.raises(InputError, match="one coarse label for each of 3 vectors, found 2"):
        GivenLabels.of(["land", "sea"], 3, KNOWN)
    with pytest.raises(InputError, match="label sources of the discovery"):
        GivenLabels.of({"colour": ["red"]}, 1, KNOWN)


@pytest.mark.parametrize(
    "given",
    [
        np.array(["land", "sea", ""]),
        np.array(["land", "sea", None], dtype=object),
        ["land", np.str_("sea"), float("nan")],
        ["land ", "sea", "nan"],
    ],
)
def test_arrays_of_labels_are_labels(given: object) -> None:
    found = GivenLabels.of(given, 3, (("coarse", ("land", "sea")),))  # type: ignore[arg-type]
    assert found.sources[0].labels.tolist() == [0, 1, -1] and not found.notes


@pytest.mark.parametrize("given", [np.array([1, 2, -1]), np.array([1.0, 2.0, np.nan])])
def test_numbers_are_labels_as_reading_writes_them(given: object) -> None:
    found = GivenLabels.of(given, 3, (("coarse", ("1", "2")),))  # type: ignore[arg-type]
    assert found.sources[0].labels.tolist() == [0, 1, -1] and not found.notes


def test_one_text_is_no_sequence_of_labels() -> None:
    with pytest.raises(InputError, match="put it into a list"):
        GivenLabels.of("land", 4, (("coarse", ("land",)),))
