"""Files that hold a hierarchy: a CSV of paths and GraphML, read with care for foreign bytes."""

from __future__ import annotations

import csv
import io
import xml.parsers.expat
from collections.abc import Mapping, Sequence
from pathlib import Path

from falcon_svc.data.refusal import listed, quoted
from falcon_svc.errors import InputError
from falcon_svc.result.words import printable

MAX_BYTES = 256 * 2**20
SEPARATORS = ",;\t"


def read_paths(file: Path, columns: Sequence[str] | None = None) -> list[list[str]]:
    """Return the rows of a CSV file with a header, restricted to `columns`.

    Raises
    ------
    InputError
        Not UTF-8, larger than 256 MiB, no header, uneven rows, or a column that is not there.
    """
    header, rows = read_table(file)
    if columns is None:
        check_header(header, rows, file)
        return rows
    return chosen_columns(header, rows, columns, file)


def read_table(file: Path) -> tuple[list[str], list[list[str]]]:
    """Return the header and the rows of a CSV file, as many fields in each as in the header.

    Raises
    ------
    InputError
        Not UTF-8, larger than 256 MiB, no header, or uneven rows.
    """
    where = quoted(file.name)
    header, *rows = _table(_bytes(file, where), where)
    for number, row in enumerate(rows, 2):
        if len(row) != len(header):
            raise InputError(
                f"Expected {len(header)} fields in every row as in the header, found {len(row)} "
                f"in row {number} of {where}; leave fields at the end of a short path empty."
            )
    return header, rows


def chosen_columns(
    header: Sequence[str], rows: Sequence[Sequence[str]], columns: Sequence[str], file: Path
) -> list[list[str]]:
    """Return the rows restricted to columns of their header.

    Raises
    ------
    InputError
        A column that is not there.
    """
    unknown = [name for name in columns if name not in header]
    if unknown:
        raise InputError(
            f"Expected the columns {listed(columns)}, found {listed(header)} in "
            f"{quoted(file.name)}; name columns of its header."
        )
    chosen = [header.index(name) for name in columns]
    return [[row[i] for i in chosen] for row in rows]


def _table(content: bytes, where: str) -> list[list[str]]:
    try:
        text = content.decode("utf-8-sig")
        first = text.partition("\n")[0]
        separator = max(SEPARATORS, key=first.count)
        rows = list(csv.reader(io.StringIO(text), delimiter=separator, strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(
            f"Expected a CSV file in UTF-8, found something else in {where} ({error}); "
            f"save it again as CSV in UTF-8."
        ) from error
    while rows and not rows[-1]:
        rows.pop()
    if len(rows) < 2:
        raise InputError(
            f"Expected a header and at least one path, found {len(rows)} rows in {where}; "
            f"write one path per row, top level first, below a line with the levels' names."
        )
    return rows


def check_header(header: Sequence[str], rows: Sequence[Sequence[str]], file: Path) -> None:
    """Refuse a first line whose first name comes again below it: it is a path, and would be lost.

    Raises
    ------
    InputError
        The file has no header.
    """
    if header[0] in {row[0] for row in rows}:
        raise InputError(
            f"Expected a header in the first line, found {quoted(header[0])} there and again "
            f"below it in {quoted(file.name)}; add a line with the levels' names."
        )


def _bytes(file: Path, where: str) -> bytes:
    try:
        size = file.stat().st_size
        if size > MAX_BYTES:
            raise InputError(
                f"Expected a hierarchy of at most {MAX_BYTES // 2**20} MiB, found "
                f"{size // 2**20} MiB in {where}; write each path once."
            )
        return file.read_bytes()
    except OSError as error:
        raise InputError(
            f"Expected a readable file at {quoted(file)}, found that the system says "
            f"'{error.strerror}'; check the path."
        ) from error


def read_graphml(file: Path) -> tuple[list[str], list[tuple[int, int]]]:
    """Return the nodes' names and the (child, parent) edges of a GraphML file.

    Raises
    ------
    InputError
        Not GraphML, a document type (entities are not read), an undirected graph.
    """
    import networkx as nx

    where = quoted(file.name)
    content = _bytes(file, where)
    _check_xml(content, where)
    try:
        graph = nx.read_graphml(io.BytesIO(content))
    except (nx.NetworkXError, KeyError, ValueError, TypeError) as error:
        raise InputError(
            f"Expected a GraphML file, found something else in {where} ({error}); "
            f"export the hierarchy as GraphML."
        ) from error
    if not graph.is_directed():
        raise InputError(
            f"Expected edges from parent to child, found an undirected graph in {where}; "
            f"export it as a directed graph."
        )
    number = {node: i for i, node in enumerate(graph)}
    names = [
        str(data.get("name") or data.get("label") or node) for node, data in graph.nodes(data=True)
    ]
    return names, [(number[child], number[parent]) for parent, child in graph.edges()]


def _check_xml(content: bytes, where: str) -> None:
    """Refuse what is no XML, and document types: entities can grow without end."""
    parser = xml.parsers.expat.ParserCreate()

    def refuse(name: str, *_: object) -> None:
        raise InputError(
            f"Expected GraphML without a document type, found {quoted(name)} in {where}; "
            f"remove the DOCTYPE."
        )

    parser.StartDoctypeDeclHandler = refuse
    try:
        parser.Parse(content, True)
    except xml.parsers.expat.ExpatError as error:
        raise InputError(
            f"Expected a GraphML file, found bytes that are no XML in {where} ({error}); "
            f"export the hierarchy as GraphML."
        ) from error


def write_graphml(file: Path, names: Mapping[int, str], edges: Sequence[tuple[int, int]]) -> None:
    """Write nodes and (child, parent) edges; characters that XML cannot hold become U+FFFD."""
    import networkx as nx

    graph = nx.DiGraph()
    for node, name in names.items():
        graph.add_node(f"n{node}", name=printable(name))
    graph.add_edges_from((f"n{parent}", f"n{child}") for child, parent in edges)
    lines = "\n".join(nx.generate_graphml(graph, named_key_ids=True))
    file.write_text(f'<?xml version="1.0" encoding="UTF-8"?>\n{lines}\n', "utf-8")
