"""Keys added to the objects of a JSONL file."""

from __future__ import annotations

import json
from pathlib import Path

from falcon_svc.data.adding import Columns, by_row, check_free
from falcon_svc.types import BoolArray


def write(source: Path, target: Path, kept: BoolArray | None, columns: Columns) -> None:
    """Write the copy; what stands in a line is kept letter by letter."""
    lines = source.read_bytes().splitlines(keepends=True)
    used = [k for k, line in enumerate(lines) if line.strip()]
    named = {name: by_row(values, kept, len(used)) for name, values in columns.items()}
    for row, k in enumerate(used):
        body = lines[k].rstrip()
        check_free(list(json.loads(body.decode("utf-8-sig"))), columns, source)
        more = ", ".join(f"{json.dumps(name)}: {json.dumps(v[row])}" for name, v in named.items())
        inner = body[:-1].rstrip()
        comma = b"" if inner.endswith(b"{") else b", "
        lines[k] = inner + comma + more.encode() + b"}" + lines[k][len(body) :]
    target.write_bytes(b"".join(lines))
