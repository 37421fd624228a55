"""Which column holds the texts, where the samples are texts: by setting, by name, by what it holds.

Place: asked by the readers of tables and of `.npz` when an encoder for texts is wanted, or when a
table has no features but a column of prose.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import median
from typing import Any

from falcon_svc.data.column_names import FINE_TRUTH, Roles, first_of
from falcon_svc.data.config import DataConfig
from falcon_svc.data.refusal import Finding, findings, listed, quoted, refusal
from falcon_svc.types import Note

TEXT_SAMPLE_NAMES = (
    *("text", "texts", "sentence", "sentences", "utterance", "query", "question", "request"),
    *(
        "message",
        "comment",
        "review",
        "post",
        "tweet",
        "description",
        "body",
        "content",
        "document",
    ),
    *("abstract", "summary", "caption", "headline", "title", "subject"),
)
PROSE_WORDS = 3  # of the median cell
DIFFERENT = 0.2  # share of cells; names of categories come again and again
LOOKED_AT = 1_000

Look = Callable[[str], Sequence[Any]]


def text_column(words: Sequence[str], look: Look, roles: Roles, config: DataConfig) -> str | None:
    """Return the column whose texts can be the samples, or None.

    Parameters
    ----------
    words
        Names of the columns that hold text.
    look
        Gives the first cells of a column.
    roles, config
        Labels, ids and what is to be ignored are no texts.
    """
    if config.text_column is not None:
        return config.text_column
    free = [name for name in words if _is_free(name, roles, config)]
    usual = first_of(TEXT_SAMPLE_NAMES, free)
    if usual is not None:
        return usual
    prose = prose_columns(free, look)
    return prose[0] if len(prose) == 1 else None


def prose_columns(names: Sequence[str], look: Look) -> list[str]:
    """Return the columns whose cells are mostly of three words or more, and a fifth different."""
    return [name for name in names if _is_prose([str(v) for v in look(name) if v])]


def text_note(column: str, words: Sequence[str], look: Look) -> Note:
    """Return what is to be told of the choice."""
    others = [name for name in prose_columns(words, look) if name != column]
    text = f"The samples are the texts of column {quoted(column)}, which an encoder for texts "
    text += "turns into vectors"
    if others:
        text += f"; {listed(others)} may hold texts too, and text_column chooses"
    return Note("text_samples", f"{text}.")


def unused_text_note(column: str) -> Note:
    """Return what is to be told where a table has features and texts."""
    text = f"Column {quoted(column)} holds texts that are not used as features; "
    return Note("texts_not_used", f"{text}--encoder text makes vectors of them instead.")


def no_texts(words: Sequence[str], where: str) -> Exception:
    """Return the refusal of a table in which no column of texts is found."""
    return refusal(
        "a column of texts",
        f"{listed(words)} among the columns of text, none of a usual name and not exactly one "
        "with sentences",
        where=where,
        remedy="name it with text_column",
        code="no_such_column",
    )


def empty_texts(texts: Sequence[str], column: str) -> list[Finding]:
    """Return the rows whose text is missing or blank: there is nothing to make a vector of."""
    return findings(
        "empty_text",
        f"a text in column {quoted(column)}",
        "write a text there, or leave these rows out",
        [row for row, text in enumerate(texts) if not text.strip()],
        lambda _: "none",
    )


def _is_free(name: str, roles: Roles, config: DataConfig) -> bool:
    taken = {column for _, column in roles.sources} | {roles.id_column, roles.fine_column}
    return (
        name not in taken
        and name not in config.ignore_columns
        and (roles.role(name) or "") != FINE_TRUTH
    )


def _is_prose(cells: list[str]) -> bool:
    if len(cells) < 2:
        return False
    lengths = [len(cell.split()) for cell in cells]
    return median(lengths) >= PROSE_WORDS and len(set(cells)) > DIFFERENT * len(cells)
