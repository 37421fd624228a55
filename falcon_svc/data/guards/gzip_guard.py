"""A gzip file from strangers: unpacked with a counter, so that a bomb stops at the limit."""

from __future__ import annotations

import gzip
import io
import zlib
from pathlib import Path
from typing import BinaryIO

from falcon_svc.data.config import DataConfig
from falcon_svc.data.refusal import reading, refusal

GZIP_ERRORS = (gzip.BadGzipFile, EOFError, zlib.error, OSError)
PIECE = 2**20


def unpacked(path: Path, where: str, config: DataConfig) -> BinaryIO:
    """Return the content of a `.gz` in memory.

    Raises
    ------
    InputError
        Damaged, larger than `max_bytes`, or packed better than `max_compression_ratio`.
    """
    packed = path.stat().st_size
    most = min(
        config.max_bytes,
        max(config.ratio_free_bytes, int(packed * config.max_compression_ratio)),
    )
    out = io.BytesIO()
    with reading("a gzip file", where=where, errors=GZIP_ERRORS), gzip.open(path) as stream:
        while piece := stream.read(PIECE):
            out.write(piece)
            if out.tell() > most:
                raise refusal(
                    f"at most {most:,} bytes unpacked from {packed:,}",
                    "more",
                    where=where,
                    remedy="split the file, or raise max_bytes or max_compression_ratio",
                    code="too_large",
                )
    out.seek(0)
    return out
