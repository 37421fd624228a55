"""How readers say no: one sentence with expected, found, where and remedy.

Everything that comes from a client (file names, labels, column names) enters a message through
`quoted`, so that control characters and ten-megabyte strings never reach a log or a terminal.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import PurePath

from falcon_svc.errors import InputError

SHOWN_LETTERS = 80
REASON_LETTERS = 200
SHOWN_NAMES = 20
LISTED_ROWS = 1_000


def quoted(text: object) -> str:
    """Return `text` in quotes on one line, escaped and cut to 80 letters.

    A path loses its beginning instead of its end: the name at its end is what a reader knows.
    """
    value = str(text)
    if len(value) <= SHOWN_LETTERS:
        return ascii(value)
    if isinstance(text, PurePath):
        return "..." + ascii(value[-SHOWN_LETTERS:])
    return ascii(value[:SHOWN_LETTERS]) + "..."


def listed(names: Iterable[object]) -> str:
    """Return at most 20 quoted names, and how many more there are."""
    every = list(names)
    shown = ", ".join(quoted(name) for name in every[:SHOWN_NAMES]) or "none"
    more = len(every) - SHOWN_NAMES
    return f"{shown} and {more} more" if more > 0 else shown


def refusal(
    expected: str, found: str, *, where: str, remedy: str, code: str = "bad_input"
) -> InputError:
    """Return the error to raise, worded as every reader words it."""
    return InputError(f"Expected {expected}, found {found} in {where}; {remedy}.", code=code)


@contextmanager
def reading(
    expected: str,
    *,
    where: str,
    errors: tuple[type[BaseException], ...],
    code: str = "unreadable",
    remedy: str = "write the file again, or fetch it again if it was cut off",
) -> Iterator[None]:
    """Turn a library's `errors` into an `InputError`; anything else stays a traceback."""
    try:
        yield
    except InputError:
        raise
    except errors as error:
        reason = " ".join(str(error).split())[:REASON_LETTERS] or type(error).__name__
        raise refusal(
            expected, f"damage ({_printable(reason)})", where=where, remedy=remedy, code=code
        ) from error


def _printable(text: str) -> str:
    return "".join(letter if letter.isprintable() else "?" for letter in text)


@dataclass(frozen=True)
class Finding:
    """Rows that break one rule; `load_dataset` raises the first, `inspect_dataset` lists all.

    Parameters
    ----------
    rows
        (row, what was found there) of the first 1,000 such rows, counted from 0, ascending.
    total
        How many rows break the rule.
    """

    code: str
    expected: str
    remedy: str
    rows: tuple[tuple[int, str], ...]
    total: int

    def error(self, where: str, origin: Sequence[int] | None = None) -> InputError:
        """Return the sentence about the first row, with the number of the others.

        `origin` gives the rows' numbers in the file, where some were skipped.
        """
        row, found = self.rows[0]
        row = row if origin is None else int(origin[row])
        others = self.total - 1
        further = f" (and in {others:,} further row{'s' * (others > 1)})" if others else ""
        return InputError(
            f"Expected {self.expected}, found {found} in row {row} (counted from 0) of {where}"
            f"{further}; {self.remedy}.",
            code=self.code,
        )


def findings(
    code: str, expected: str, remedy: str, rows: Sequence[int], describe: Callable[[int], str]
) -> list[Finding]:
    """Return one `Finding` about `rows`, or none when `rows` is empty."""
    if not len(rows):
        return []
    told = tuple((int(row), describe(int(row))) for row in rows[:LISTED_ROWS])
    return [Finding(code, expected, remedy, told, len(rows))]
