"""Settings as tables, dicts within dicts: laid over one another, and set by path.

Place: below the configuration; what the command line, keywords and jobs make settings of.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Tables = dict[str, Any]
SECTIONS = 2
"""Levels down to a section's settings: a setting that is itself a mapping is replaced whole."""


def merged(below: Mapping[str, Any], above: Mapping[str, Any], levels: int = -1) -> Tables:
    """Return `below` overridden key by key by `above`, tables within tables too.

    Parameters
    ----------
    below, above
        Tables; neither is changed.
    levels
        How deep, >= 1: what lies deeper is replaced whole. -1 = all the way down.

    Examples
    --------
    >>> from falcon_svc.setting_tables import SECTIONS, merged
    >>> merged({"counts": {"n_fine_per_coarse": {"owl": 2}}}, {"counts": {"n_fine": 4}})
    {'counts': {'n_fine_per_coarse': {'owl': 2}, 'n_fine': 4}}
    >>> given = {"counts": {"n_fine_per_coarse": {"tit": 3}}}
    >>> merged({"counts": {"n_fine_per_coarse": {"owl": 2}}}, given, SECTIONS)
    {'counts': {'n_fine_per_coarse': {'tit': 3}}}
    """
    result = dict(below)
    for key, value in above.items():
        both = isinstance(value, dict) and isinstance(result.get(key), dict)
        deeper = both and levels != 1
        result[key] = merged(result[key], value, levels - 1) if deeper else value
    return result


def put(tables: Tables, path: Sequence[str], value: Any) -> None:
    """Set a value by its path; tables on the way are made."""
    for key in path[:-1]:
        tables = tables.setdefault(key, {})
    tables[path[-1]] = value
