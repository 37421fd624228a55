"""What looks odd about the names of labels: two spellings of one, missing values, combinations."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Mapping

from falcon_svc.data.refusal import listed, quoted
from falcon_svc.data.spelling import look
from falcon_svc.types import Note

LOOKS_MISSING = {
    *("none", "null", "na", "n/a", "n.a.", "#n/a", "missing", "unknown", "unlabelled"),
    *("unlabeled", "undefined", "?", "-", "--", ".", "\u2013", "\u2014", "nil", "n.d.", "tbd"),
    *("unbekannt", "k.a.", "inconnu", "desconocido", "not available", "not applicable"),
}
COMBINING = re.compile(r"\s*(?:[|;,/+&]|\band\b)\s*")
LISTING = re.compile("[|;]")
SHOWN = 5


def label_notes(
    what: str,
    names: Collection[str],
    artefacts: Collection[str],
    several: Mapping[str, tuple[str, ...]],
    several_rows: int,
) -> tuple[Note, ...]:
    """Return the notes on one label source.

    Parameters
    ----------
    what
        The column.
    names
        The classes.
    artefacts
        Spellings such as ``nan`` that were read as not labelled.
    several, several_rows
        Labels that were read as several classes, and the number of their samples.
    """
    column = quoted(what)
    groups = _near_equal(names)
    missing = sorted(name for name in names if name.casefold() in LOOKS_MISSING)
    joined = _combined(names)
    found = [
        (
            "near_equal_labels",
            groups,
            f"Labels in {column} differ by case, blanks or marks only: "
            f"{'; '.join(' and '.join(map(quoted, g)) for g in groups[:SHOWN])}; "
            "they count as different classes, so write them alike if they are not.",
        ),
        (
            "missing_as_text",
            artefacts,
            f"Labels in {column} hold {listed(sorted(artefacts))}, which is how a missing value is "
            "written as text; these samples count as not labelled.",
        ),
        (
            "looks_missing",
            missing,
            f"Labels in {column} hold {listed(missing[:SHOWN])}, which counts as a class; leave "
            "these cells empty if it means that the label is missing.",
        ),
        (
            "several_labels",
            several,
            f"Labels in {column} such as {listed(sorted(several)[:SHOWN])} name several of the "
            f"other classes: {several_rows:,} samples may belong to any of theirs.",
        ),
        (
            "combined_labels",
            joined,
            f"Labels in {column} such as {listed(joined[:SHOWN])} seem to combine other labels, "
            "and count as classes of their own; join the names by | if a sample has several.",
        ),
    ]
    return tuple(Note(code, text) for code, there, text in found if there)


def _near_equal(names: Collection[str]) -> list[list[str]]:
    """Return groups of names that look the same at a glance; see `look`."""
    groups = defaultdict(list)
    for name in sorted(names):
        groups[re.sub(r"[\s_-]+", " ", look(name)).strip()].append(name)
    return [group for group in groups.values() if len(group) > 1]


def _combined(names: Collection[str]) -> list[str]:
    """Return names that join others: by ``|`` or ``;`` any, by other marks nothing but others."""
    there = set(names)

    def joins(name: str) -> bool:
        parts = COMBINING.split(name)
        known = [part in there for part in parts]
        return len(parts) > 1 and (all(known) or (any(known) and LISTING.search(name) is not None))

    return sorted(name for name in there if joins(name))
