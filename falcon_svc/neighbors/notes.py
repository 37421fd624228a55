"""What a result says of its search for neighbors, where that was not exact."""

from __future__ import annotations

from collections.abc import Iterable

from falcon_svc.types import Neighbors, Note


def recall_notes(found: Iterable[Neighbors]) -> tuple[Note, ...]:
    """Return the note on an approximate search: the share of true neighbors that it found.

    Parameters
    ----------
    found
        One search per label source.
    """
    least = min((one.recall for one in found), default=1.0)
    if least >= 1.0:
        return ()
    text = (
        f"Neighbors in the largest coarse classes are searched approximately: {least:.1%} of the "
    )
    text += "true ones were found, as measured on a sample."
    return (Note("approximate_neighbors", text.replace("%", " %")),)
