"""CSV as Excel, pandas and R write it, and rows that are damaged."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from falcon_svc.data import load_dataset
from tests.data.builders import refused

ROWS = (("1.5", "2", "bird"), ("-0.25", "7", "fish"), ("3", "-4.5", "bird"))
WANT = [[1.5, 2], [-0.25, 7], [3, -4.5]]


def lines(sep: str = ",", comma: bool = False, header: str = "a b coarse") -> list[str]:
    rows = [sep.join(cell.replace(".", "," if comma else ".") for cell in row) for row in ROWS]
    return [sep.join(header.split(" ")), *rows]


def read(path: Path, content: bytes | str) -> list[list[float]]:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    data = load_dataset(path)
    assert [data.coarse.names[k] for k in data.coarse.labels] == ["bird", "fish", "bird"]
    return data.vectors.tolist()


DIALECTS: dict[str, bytes | str] = {
    "comma": "\n".join(lines()),
    "semicolon": "\n".join(lines(";")),
    "bar": "\n".join(lines("|")),
    "tab": "\n".join(lines("\t")),
    "German Excel": b"\xef\xbb\xbf" + "\r\n".join(lines(";", comma=True)).encode(),
    "Unicode text of Excel": "\r\n".join(lines("\t")).encode("utf-16"),
    "sep line": "sep=,\n" + "\n".join(lines()),
    "sep line with quotes": '"sep=;"\r\n' + "\r\n".join(lines(";", comma=True)),
    "sep line behind a mark": b"\xef\xbb\xbfsep=;\r\n" + "\r\n".join(lines(";")).encode(),
    "closing commas": "\n".join(line + "," for line in lines()),
    "closing commas in the rows": "\n".join([lines()[0], *(line + "," for line in lines()[1:])]),
    "several closing commas": "\n".join(line + ",,," for line in lines()),
    "blank rows at the end": "\n".join([*lines(), ",,", ",,"]),
    "blanks around cells": "a , b ,coarse\n" + "\n".join(" " + line + " " for line in lines()[1:]),
    "pandas index": "\n".join(["," + lines()[0], *(f"{i},{r}" for i, r in enumerate(lines()[1:]))]),
    "R write.csv": "\n".join(
        ['"",' + lines()[0], *(f'"{i + 1}",{r}' for i, r in enumerate(lines()[1:]))]
    ),
    "R write.table": "\n".join(
        ['"a" "b" "coarse"', *(f'"{i + 1}" ' + " ".join(row) for i, row in enumerate(ROWS))]
    ),
    "quoted line ends": '"a","b","coarse","text"\n'
    + "\n".join(f'{line},"two\nlines, and ""more"""' for line in lines()[1:]),
    "line end in a name": '"a\n(cm)",b,coarse\n' + "\n".join(lines()[1:]),
}


@pytest.mark.parametrize("name", DIALECTS)
@pytest.mark.parametrize("suffix", ["csv", "tsv"])
def test_every_dialect_is_read(tmp_path: Path, name: str, suffix: str) -> None:
    assert read(tmp_path / f"data.{suffix}", DIALECTS[name]) == WANT


def test_packed_tables_are_read_and_bombs_refused(tmp_path: Path) -> None:
    path = tmp_path / "data.csv.gz"
    assert read(path, gzip.compress("\n".join(lines()).encode())) == WANT
    path.write_bytes(gzip.compress("\n".join(lines()).encode())[:-9])
    refused(path, "unreadable")
    path.write_bytes(gzip.compress(b"a,b,coarse\n" + bytes(10**6)))
    refused(path, "too_large", ratio_free_bytes=10_000)
    path.write_bytes(b"plain")
    refused(path, "wrong_format")


def test_names_of_rows_are_ids_when_they_say_more_than_the_order(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    named = ["," + lines()[0], *(f"cell-{i},{row}" for i, row in enumerate(lines()[1:]))]
    read(path, "\n".join(named))
    assert load_dataset(path).ids == ("cell-0", "cell-1", "cell-2")
    shuffled = [
        "," + lines()[0],
        *(f"{i},{row}" for i, row in zip((2, 0, 1), lines()[1:], strict=True)),
    ]
    read(path, "\n".join(shuffled))
    assert load_dataset(path).ids == ("2", "0", "1")
    assert [note.code for note in load_dataset(path).reading.notes] == ["permuted_ids"]


def test_decimal_commas_inside_a_comma_file_are_read_by_column(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    rows = ['1.5,"2,0",bird', '-0.25,"7,125",fish', '3,"-4,500",bird']
    assert read(path, "\n".join(["a,b,coarse", *rows])) == [[1.5, 2], [-0.25, 7.125], [3, -4.5]]


def test_a_number_that_can_be_read_in_two_ways_needs_the_setting(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_text('a,b,coarse\n1,"1,234",bird\n2,"5,678",fish\n')
    refused(path, "ambiguous_number", "'1,234', which may be 1.234 or 1234", "decimal")
    from falcon_svc.data import DataConfig

    assert load_dataset(path, DataConfig(decimal=",")).vectors[:, 1].tolist() == [
        np.float32(1.234), np.float32(5.678)
    ]  # fmt: skip
    assert load_dataset(path, DataConfig(decimal=".")).vectors[:, 1].tolist() == [1234, 5678]
    path.write_text("a;b;coarse\n1;1,234;bird\n2;5,678;fish\n")
    assert load_dataset(path).vectors[:, 1].tolist() == [np.float32(1.234), np.float32(5.678)]


GROUPS = {
    "German": ("a;b;coarse\n1.920;3,5;bird\n36.400;1,5;fish\n850;2;bird\n", [1920, 36400, 850]),
    "semicolons": ("a;b;coarse\n1.920;3;bird\n36.400;1;fish\n850;2;bird\n", [1920, 36400, 850]),
    "points": ("a;b;coarse\n1.920;3.5;bird\n36.4;1;fish\n850;2;bird\n", [1.92, 36.4, 850]),
    "of three digits": ("a;b;coarse\n1.920;3.5;bird\n36.400;1;fish\n5;2;bird\n", [1.92, 36.4, 5]),
    "American": ('a,b,coarse\n"1,920",3.5,bird\n"36,400",1,fish\n85,2,bird\n', [1920, 36400, 85]),
}


@pytest.mark.parametrize("name", GROUPS)
def test_groups_of_digits_are_told_from_fractions_by_the_other_columns(
    tmp_path: Path, name: str
) -> None:
    text, want = GROUPS[name]
    (tmp_path / "data.csv").write_text(text)
    found = load_dataset(tmp_path / "data.csv").vectors[:, 0]
    assert found.tolist() == np.float32(want).tolist()


def test_columns_that_disagree_leave_a_number_ambiguous(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_text("a;b;c;coarse\n1.920;3,5;0.5;bird\n36.400;1,5;0.25;fish\n")
    refused(path, "ambiguous_number", "'1.920', which may be 1.920 or 1920")


@pytest.mark.parametrize("above", ["Survey 2024,,", "# made by a tool", "\n\nSurvey"])
def test_lines_above_the_names_are_refused(tmp_path: Path, above: str) -> None:
    (tmp_path / "data.csv").write_text("\n".join([above, *lines()]))
    refused(tmp_path / "data.csv", "no_header", "remove the lines above")


def test_a_row_of_numbers_is_no_header(tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text("1,-4,sea\n2,-5,sea\n3,-6,air\n")
    refused(tmp_path / "data.csv", "no_header", coarse_column="sea")


@pytest.mark.parametrize(("start", "step"), [(0, 1), (2001, 1), (400.5, 1.5), (4000, -2.5)])
def test_columns_may_be_called_by_numbers(tmp_path: Path, start: float, step: float) -> None:
    """Of pandas, by years, of spectra by wavelengths or wave numbers."""
    names = [f"{start + step * k:g}" for k in range(12)]
    rows = [[*map(str, range(k, k + 12)), "ab"[k % 2]] for k in (7, 3, 9, 1)]
    text = "\n".join(",".join(row) for row in [[*names, "coarse"], *rows])
    (tmp_path / "data.csv").write_text(text)
    assert load_dataset(tmp_path / "data.csv").reading.features == tuple(names)


def test_a_bad_cell_is_named_by_row_column_and_value(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_text("a,b,coarse\n1,2,bird\n3,#DIV/0!,fish\n5,n/d,bird\n7,8,fish\n9,1,bird\n")
    words = ("'#DIV/0!' (column 'b') in row 1 ", "1 further row", "ignore_columns")
    refused(path, "bad_number", *words)
    from falcon_svc.data import DataConfig

    path.write_text("a,b,c,coarse\n1,2,3,bird\n3,n/d,4,fish\n5,6,7,bird\n")
    assert load_dataset(path, DataConfig(ignore_columns=("b",))).vectors.shape == (3, 2)


def test_a_quote_that_is_never_closed_does_not_swallow_rows(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    rows = [f"{i}.5,{i * i},{'ab'[i % 2]},says {i}" for i in range(20)]
    rows[9] = '9.5,81,b,"says 9'
    path.write_text("\n".join(["u,v,label,text", *rows]) + "\n")
    refused(path, "unreadable", "quote", "row 9")
    rows[9] = '9.5,81,b,says 9"'
    path.write_text("\n".join(["u,v,label,text", *rows]) + "\n")
    assert load_dataset(path).vectors.shape == (20, 2)


def test_uneven_rows_and_numbers_for_names_are_refused_by_what_is_wrong(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_text("a,b,coarse\n1,2,bird\n1,2\n1,2,fish\n")
    refused(path, "unreadable", "3 fields", "found 2 in row 1", "'1,2'")
    path.write_text("5.1,3.5,setosa\n4.9,3.0,setosa\n6.0,2.2,virginica\n")
    refused(path, "no_header", "'5.1'")
    path.write_bytes("a,b,coarse\n1,2,M\xfcnchen\n".encode("latin-1"))
    refused(path, "unreadable", "UTF-8")
