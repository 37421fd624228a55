"""Selections of samples as bitmasks: bit i of byte i // 8 (lowest first) is row i, in base64.

A million samples are 167 kB, whatever is selected. Wherever a correction takes sample ids, a
request may hold ``{"rows": "<base64>"}`` instead; records keep the ids.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from typing import Any

import numpy as np

from falcon_svc.triage.corrections import CorrectionError
from falcon_svc.types import BoolArray, IntArray

ROWS = "rows"


def packed(mask: BoolArray) -> str:
    """Return a mask (N,) as base64.

    Examples
    --------
    >>> packed(np.array([True, False, False, True]))
    'CQ=='
    """
    return base64.b64encode(np.packbits(mask, bitorder="little").tobytes()).decode()


def unpacked(text: str, n_samples: int) -> IntArray:
    """Return the rows (S,) of a mask over `n_samples`.

    Raises
    ------
    CorrectionError
        It is no such mask.
    """
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise _no_mask(n_samples, "text that is no base64") from error
    if len(data) != (n_samples + 7) // 8:
        raise _no_mask(n_samples, f"{len(data):,} bytes")
    bits = np.unpackbits(np.frombuffer(data, np.uint8), bitorder="little")
    if bits[n_samples:].any():
        raise _no_mask(n_samples, "bits behind the last sample")
    return np.flatnonzero(bits)


def with_ids(document: Any, ids: Sequence[str]) -> Any:
    """Return a JSON value with every mask in it replaced by the sample ids that it selects."""
    if isinstance(document, list):
        return [with_ids(item, ids) for item in document]
    if not isinstance(document, dict):
        return document
    if set(document) == {ROWS} and isinstance(document[ROWS], str):
        return [ids[row] for row in unpacked(document[ROWS], len(ids)).tolist()]
    return {name: with_ids(value, ids) for name, value in document.items()}


def _no_mask(n_samples: int, found: str) -> CorrectionError:
    return CorrectionError(
        f"A selection was expected as base64 of {(n_samples + 7) // 8:,} bytes, one bit for each "
        f"of the {n_samples:,} samples, but {found} came; read the state of the review again."
    )
