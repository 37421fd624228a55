"""Columns of numbers written as text: the decimal mark, groups, holes, and what is no number."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from falcon_svc.data.number_text import NumberText


def judged(*cells: str | None) -> NumberText:
    return NumberText.of(pa.chunked_array([pa.array(cells, pa.string())]))


READ = {
    "point": (("1.5", "-2", ".5", "5.", "+3"), ".", (1.5, -2, 0.5, 5, 3)),
    "comma": (("1,5", "2", "-3,25"), ",", (1.5, 2, -3.25)),
    "exponents": (("1e3", "-2.5E-1", "+4e+2"), ".", (1000, -0.25, 400)),
    "comma and exponent": (("1,5e3", "2,0"), ",", (1500, 2)),
    "groups of three": (("1,234,567", "12"), ".", (1234567, 12)),
    "groups and a point": (("1,234.5", "2,000.25"), ".", (1234.5, 2000.25)),
    "German groups": (("1.234,5", "2"), ",", (1234.5, 2)),
    "blank groups": (("1 234", "12\u00a0345,5"), ",", (1234, 12345.5)),
    "Swiss groups": (("1'234.5", "7"), ".", (1234.5, 7)),
    "a zero before the comma is no group": (("0,123", "1,234"), ",", (0.123, 1.234)),
    "a real minus and blanks": (("\u22125", "  6 "), ".", (-5, 6)),
    "infinity": (("inf", "-Infinity"), ".", (np.inf, -np.inf)),
}


@pytest.mark.parametrize("name", READ)
def test_a_column_is_read_by_the_mark_that_explains_it(name: str) -> None:
    cells, mark, values = READ[name]
    found = judged(*cells)
    assert found.is_number
    assert found.mark == mark
    assert found.values(mark).tolist() == list(values)
    assert not found.wrong(mark).size


def test_a_column_that_fits_either_mark_with_other_values_has_none() -> None:
    found = judged("1,234", "2,500", "12")
    assert found.mark is None
    assert found.example() == "1,234"
    assert found.values(".").tolist() == [1234, 2500, 12]
    assert found.values(",").tolist() == [1.234, 2.5, 12]


def test_missing_cells_are_neither_numbers_nor_wrong() -> None:
    found = judged("1.5", "", None, "NA", "n/a", "NaN", "#N/A", " ")
    assert found.present == 1
    assert np.isnan(found.values(".")[1:]).all()
    assert not found.wrong(".").size


def test_cells_that_are_no_numbers_are_wrong_by_row() -> None:
    found = judged("1.5", "#DIV/0!", "2", "n/d", "<0.01", "1.2.3", "4", "5", "6")
    assert found.is_number
    assert found.wrong(".").tolist() == [1, 3, 4, 5]


@pytest.mark.parametrize("cells", [("a", "b"), ("a", "b", "1"), ("2024-01-02",), ("", None), ()])
def test_text_is_no_column_of_numbers(cells: tuple[str, ...]) -> None:
    assert not judged(*cells).is_number


@pytest.mark.parametrize("cells", [("12 %", "3%"), ("5 cm", "7 cm"), ("€5", "$ 6"), ("1,5 kg",)])
def test_numbers_with_units_are_counted(cells: tuple[str, ...]) -> None:
    assert judged(*cells).with_unit.sum() == len(cells)
    assert not judged(*cells).is_number
